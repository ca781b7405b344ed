/* Module bench, public. What `tec bench` measures, in parts that `tec plan` uses too. */
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

extern const tec_bench_size tec_bench_sizes[]; /* vitt, vitb, tiny */
tec_model_config tec_bench_config(const tec_bench_size *size);

/* -- images from a data set, fetched ahead of the steps -- */

typedef struct tec_bench_images {
    tec_feed *feed;
    int batch;          /* images that are read together */
    int64_t next, size; /* the sample to ask for next, of so many */
} tec_bench_images;

/* Batches of `batch` images of `set` cut as `view` says, over and over; the feed's batches are taken and released by
 * the caller. `set` is borrowed, `images` must stay where it is. TEC_SYSTEM_ERROR: no memory, no threads. */
tec_status tec_bench_images_open(tec_bench_images *images, const tec_dataset *set, const tec_feed_view *view,
                                 const tec_reading *reading, int batch);
void tec_bench_images_close(tec_bench_images *images);

/* Images per second with nothing else to do. */
tec_status tec_bench_images_rate(tec_bench_images *images, double *rate);

/* -- training steps and base targets on random numbers in memory -- */

/* Examples of random numbers: the speed does not depend on what is learnt. */
typedef struct tec_bench_examples {
    tec_example *example; /* [batch] */
    real *numbers;
    int *indices;
} tec_bench_examples;

tec_bench_examples tec_bench_examples_make(const tec_model_config *config, int batch, int topk);
void tec_bench_examples_free(tec_bench_examples *examples);

typedef struct tec_bench_training {
    const tec_comm *comm;
    tec_model *model;
    tec_adamw adamw;
    tec_reducer *reducer;
    tec_bench_examples examples;
    int batch, micro_batch, visible, topk; /* batch: of this rank */
    tec_bench_images *images;              /* NULL: the examples' */
} tec_bench_training;

/* Local. TEC_USER_ERROR: an impossible architecture. */
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

/* Work that is measured: a training step (collective), or the targets of a batch (local). */
typedef tec_status tec_bench_work(void *context);
tec_bench_work tec_bench_training_step, tec_bench_targets_step;

/* Flops of the products of such a step. */
double tec_bench_training_flops(const tec_bench_training *training);
double tec_bench_targets_flops(const tec_bench_targets *targets);

/* -- measuring -- */

typedef struct tec_bench_kind {
    tec_gemm_kind in_step; /* calls and seconds of all measured steps */
    double warm_seconds;   /* of one such product, back to back on warm buffers; 0: not measured */
} tec_bench_kind;

typedef struct tec_bench_result {
    int steps;
    double median, total; /* seconds of a step, of all measured steps */
    double flops;         /* of the products of all measured steps that the main thread saw */
    tec_measured operators[TEC_OPERATORS];
    tec_bench_kind *kind; /* longest first */
    int kinds;
    double peak_rss_mb; /* so far */
} tec_bench_result;

/* Runs `work` once, then `steps` times under measurement. Free with tec_bench_result_free, also after a failure. */
tec_status tec_bench_measure(tec_bench_work *work, void *context, int steps, tec_bench_result *out);
void tec_bench_result_free(tec_bench_result *result);

/* Fills in warm_seconds: this machine's own rate at the same shapes. */
void tec_bench_measure_warm(tec_bench_result *result);

double tec_bench_gemm_share(const tec_bench_result *result);
/* Seconds of the measured steps outside AdamW, the allreduce and waiting for data. */
double tec_bench_compute_seconds(const tec_bench_result *result);
/* What of the measured steps the products would take at the rates of warm buffers. */
double tec_bench_warm_share(const tec_bench_result *result);

/* Collective. Seconds of the allreduce of the gradient as a step does it, and of a memcpy of as much on all ranks at
 * once; medians, of the slowest rank. */
typedef struct tec_bench_reduce {
    double bytes, seconds, copy_seconds;
} tec_bench_reduce;
tec_bench_reduce tec_bench_measure_reduce(const tec_bench_training *training);

/* Bytes per second of memcpy on all cores of this node at once. */
double tec_bench_copy_rate(void);

/* -- reports -- */

typedef struct tec_bench_run {
    const char *size, *what; /* "step" or "targets" */
    tec_model_config config;
    int ranks, threads, batch, micro_batch;
    double images_per_second;
    double flops;      /* of all products of a step, one rank */
    double rate;       /* flops per second of computation, one rank */
    double parameters; /* trained; 0 with targets */
    tec_bench_result result;
    tec_bench_reduce reduce; /* seconds 0: one rank */
    struct {
        double rate, step_rate, wait_share; /* rate 0: no data set */
        int workers;
    } loader;
} tec_bench_run;

/* Adds the run to the file (which is made where there is none), in place of an earlier one of the same size, kind and
 * ranks. TEC_USER_ERROR: the file is no bench file, or of another machine. */
tec_status tec_bench_json_add(const char *path, const tec_bench_run *run);

/* A new object. TEC_USER_ERROR: no such file, no JSON, or none of ours. */
tec_status tec_bench_json_read(const char *path, json_t **out);

/* CPU, cores, memory, compiler, BLAS, MPI and version; a new object. */
json_t *tec_bench_machine(void);

#endif
