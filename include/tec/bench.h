/* Module bench, public. What `tec bench` measures, in parts that `tec plan` also uses. */
#ifndef TEC_BENCH_H
#define TEC_BENCH_H

#include "tec/adamw.h"
#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/feed.h"
#include "tec/frozen.h"
#include "tec/gemm.h"
#include "tec/measure.h"
#include "tec/model.h"
#include "tec/reducer.h"

#include <jansson.h>

/* -- sizes -- */

typedef struct tec_bench_size {
    const char *name;
    int image_size, patch, width, heads, decoder_width, decoder_heads, topk, batch;
    double mask_ratio;
} tec_bench_size;

extern const tec_bench_size tec_bench_sizes[];                            /* vitt, vitb, tiny */
tec_model_config tec_bench_config(const tec_bench_size *size);            /* for pretraining */
tec_model_config tec_bench_classifier_config(const tec_bench_size *size); /* the same encoder, for fine-tuning */

/* -- images of a data set, read ahead of the steps -- */

typedef struct tec_bench_images {
    tec_feed *feed;
    int batch;          /* images that are read together */
    int64_t next, size; /* the next sample to be requested; samples in the data set */
    tec_skipped skipped;
} tec_bench_images;

/* Reads batches of `batch` images of `set`, cropped as `view` says, again and again from the start of the set; the
 * caller takes and releases the feed's batches. `set` is borrowed; `images` must not be moved. TEC_SYSTEM_ERROR: no
 * memory, no threads. */
tec_status tec_bench_images_open(tec_bench_images *images, const tec_dataset *set, const tec_feed_view *view,
                                 const tec_reading *reading, int batch);
void tec_bench_images_close(tec_bench_images *images);

/* Images per second while nothing is computed. */
tec_status tec_bench_images_rate(tec_bench_images *images, double *rate);

/* -- training steps and base targets of random numbers in memory -- */

/* Examples of random numbers: speed does not depend on the values. */
typedef struct tec_bench_examples {
    tec_example *example; /* [batch] */
    real *numbers;
    int *indices;
} tec_bench_examples;

typedef struct tec_bench_training {
    const tec_comm *comm;
    tec_model *model;
    tec_adamw adamw;
    tec_reducer *reducer;
    tec_expected *expected; /* [params->count] of exact sums; NULL: none */
    tec_bench_examples examples;
    int batch, micro_batch, visible, topk; /* batch: per rank */
    tec_bench_images *images;              /* where images come from; NULL: from the examples */
    int64_t steps;                         /* so far; as in training, one of TEC_SETTLE_STEPS settles rounded sums */
} tec_bench_training;

/* Local. Exact sums (reduction->parts) are of the micro-batches of all ranks, whatever the number there. A classifier is
 * fine-tuned by the default recipe: soft labels, images mixed in pairs, stochastic depth, rates that fall from layer to
 * layer. `visible`, `topk`: as for tec_model_create. TEC_USER_ERROR: an impossible architecture. */
tec_status tec_bench_training_open(tec_bench_training *training, const tec_comm *comm, const tec_reduction *reduction,
                                   const tec_model_config *config, int batch, int micro_batch, int visible, int topk);
void tec_bench_training_close(tec_bench_training *training);

typedef struct tec_bench_targets {
    tec_frozen *frozen;
    real *images, *feature, *attention;
    int *picked;
    int batch, topk;
} tec_bench_targets;

tec_status tec_bench_targets_open(tec_bench_targets *targets, const tec_model_config *config, int batch, int topk);
void tec_bench_targets_close(tec_bench_targets *targets);

/* The work that is measured: a training step (collective), or the targets of a batch (local). */
typedef tec_status tec_bench_work(void *context);
tec_bench_work tec_bench_training_step, tec_bench_targets_step;

/* Floating-point operations of the matrix products of such a step, without branches that stochastic depth leaves out. */
double tec_bench_training_flops(const tec_bench_training *training);
double tec_bench_targets_flops(const tec_bench_targets *targets);

/* -- measuring -- */

typedef struct tec_bench_kind {
    tec_gemm_kind in_step; /* calls and seconds, over all measured steps */
    double warm_seconds;   /* of one product of this kind, repeated on warm buffers; 0: not measured */
} tec_bench_kind;

typedef struct tec_bench_result {
    int steps;
    double median, total; /* seconds of a step, and of all measured steps */
    double processor;     /* processor time of all measured steps, of all threads of this rank */
    double flops;         /* of matrix products of the main thread, over all measured steps */
    tec_measured operators[TEC_OPERATORS];
    tec_bench_kind *kind; /* [kinds], by time, longest first */
    int kinds;
    double peak_rss_mb; /* peak resident memory so far */
} tec_bench_result;

/* Runs `work` once, then `steps` times under measurement. Free with tec_bench_result_free, also after a failure. */
tec_status tec_bench_measure(tec_bench_work *work, void *context, int steps, tec_bench_result *out);
void tec_bench_result_free(tec_bench_result *result);

/* Measures warm_seconds of every kind of product: what BLAS itself takes for the same shape on this machine. */
void tec_bench_measure_warm(tec_bench_result *result);

/* The share of matrix products in the time of the measured steps. */
double tec_bench_gemm_share(const tec_bench_result *result);
/* Seconds of the measured steps without AdamW, allreduce and waiting for data. */
double tec_bench_compute_seconds(const tec_bench_result *result);
/* The share that products would take if they all ran at the rates of warm buffers. */
double tec_bench_warm_share(const tec_bench_result *result);

typedef struct tec_bench_reduce {
    double bytes;        /* of the gradient */
    double seconds;      /* of its allreduce, as in a step */
    double copy_seconds; /* of a memcpy of as many bytes on all ranks at once */
} tec_bench_reduce;

/* Collective. Medians of the slowest rank. */
tec_bench_reduce tec_bench_measure_reduce(const tec_bench_training *training);

/* Bytes per second of memcpy on all cores of this node at once. */
double tec_bench_copy_rate(void);

/* -- reports -- */

typedef struct tec_bench_run {
    const char *size, *what; /* "step" (pretraining), "finetune" or "targets" */
    tec_model_config config;
    int ranks, threads, batch, micro_batch;
    double images_per_second;
    double flops;      /* floating-point operations of the products of a step, per rank */
    double rate;       /* flops per second of computation, per rank */
    double parameters; /* that are trained; 0 for targets */
    tec_bench_result result;
    tec_bench_reduce reduce; /* seconds 0: not measured, with one rank */
    struct {
        double rate;       /* images per second while nothing is computed; 0: not measured, without a data set */
        double step_rate;  /* images per second of steps that use them */
        double wait_share; /* of the time of these steps, waiting for images */
        int workers;
    } loader;
} tec_bench_run;

/* Adds the run to the file, which is created if need be; it replaces an earlier run of the same size, kind and ranks.
 * TEC_USER_ERROR: not a bench file, or one of another machine. */
tec_status tec_bench_json_add(const char *path, const tec_bench_run *run);

/* Returns a new object. TEC_USER_ERROR: no such file, not JSON, or not a bench file. */
tec_status tec_bench_json_read(const char *path, json_t **out);

/* CPU, cores, memory, compiler, BLAS, MPI and version, as a new object. */
json_t *tec_bench_machine(void);

#endif
