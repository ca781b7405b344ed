/* Module plan, public. What a job will need, before it is submitted: floating-point operations, memory, storage, time.
 * Local; nothing is computed, and memory is reserved but not touched.
 *
 *   P   ranks: nodes * ranks_per_node         G   bytes of the gradient
 *   N   nodes                                 b   images per step of the busiest rank: ceil(batch / P)
 *   R   ranks per node                        m   masks per image
 *   T   threads per rank                      F   floating-point operations per model input
 *
 * All rates are per rank. */
#ifndef TEC_PLAN_H
#define TEC_PLAN_H

#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/error.h"
#include "tec/feed.h"
#include "tec/model_config.h"
#include "tec/recipe.h"
#include "tec/reducer.h"
#include "tec/store.h"

#include <jansson.h>
#include <stdint.h>

/* -- the machine, as measured by `tec bench` -- */

typedef struct tec_plan_machine {
    int cores;               /* of a node */
    double memory;           /* bytes of a node */
    double train_rate;       /* flops of matrix products / seconds of the whole forward and backward */
    double targets_rate;     /* the same for base targets */
    double update_seconds;   /* of AdamW, per parameter */
    double node_reduce_rate; /* bytes of gradient per second that an allreduce among the R ranks of a node sums */
    double network_rate;     /* bytes per second into a node, and at the same time out of it */
    double fetch_seconds;    /* of one core, to decode, crop and normalise an image and read its targets; 0: unknown */
    double disk_rate;        /* bytes per second of writing a checkpoint, flushed */
} tec_plan_machine;

/* An estimate, for when no allreduce was measured. copy_rate: bytes per second of memcpy on all cores of a node at once.
 * By MPI_Allreduce: in a ring of R ranks each of 2 (R - 1) hops copies 1/R of the gradient into shared memory and out of
 * it, on every rank, which is as much as 4 (R - 1) G bytes copied. By slices (run.node_memory=shared): R gradients are read
 * and zeroed, and their sum is written, as much as (R + 1/2) G bytes copied. */
double tec_plan_node_reduce_rate(double copy_rate, int ranks_per_node, bool by_slices);

/* -- the job -- */

typedef struct tec_plan_job {
    tec_recipe recipe;
    tec_model_config model; /* objective tec: with base_width and base_heads; CLASSIFIER: fine-tuning */
    int inputs, visible;    /* model inputs per image, and their visible patches */
    tec_feed_view view;     /* of its images */
    tec_reading reading;
    tec_reduction reduction;
    int threads;      /* per rank */
    double drop_path; /* of fine-tuning: as in tec/finetuning.h */

    tec_model_config base; /* objective tec: whose targets are made */
    struct {
        int topk, views, batch;
        tec_target_type type;
        bool images;
        int shard_mb;
        bool online; /* computed in the step; views are then those of a store of the same crops */
    } targets;       /* objective tec */

    int64_t images, val_images; /* val_images: of fine-tuning, which validations classify */
    double dataset_bytes;       /* in the memory of every rank: a list of files, or a whole IDX file */
    int nodes, ranks_per_node;
} tec_plan_job;

/* -- memory of a rank at its peak, in bytes -- */

enum { TEC_PLAN_MEMORY_ITEMS = 10 };

typedef struct tec_plan_memory {
    struct {
        const char *name; /* NULL: no more items */
        double bytes;
    } item[TEC_PLAN_MEMORY_ITEMS];
    double bytes;  /* of all items */
    double shared; /* of these, what the ranks of a node have in common (run.node_memory) */
} tec_plan_memory;

/* Of all ranks of a node. */
double tec_plan_node_bytes(const tec_plan_job *job, const tec_plan_memory *memory);

/* Of training (`tec pretrain`, `tec finetune`) and of `tec targets`. Lays the model out as the program does, without touching
 * its memory. TEC_USER_ERROR: an impossible architecture. */
tec_status tec_plan_training_memory(const tec_plan_job *job, tec_plan_memory *out);
tec_status tec_plan_targets_memory(const tec_plan_job *job, tec_plan_memory *out);

/* -- bytes on the disk -- */

/* Of a checkpoint with optimiser state. The run directory holds two, and a third while it is being written. */
tec_status tec_plan_checkpoint_bytes(const tec_plan_job *job, double *bytes);
/* Of the target store with the given storage type. */
double tec_plan_store_bytes(const tec_plan_job *job, tec_target_type type);

/* -- time -- */

typedef struct tec_plan_time {
    int64_t steps;
    double compute, update;             /* seconds per step: forward and backward; AdamW */
    double node_reduce, network_reduce; /* seconds per step: allreduce inside a node, between nodes */
    double fetch;                       /* seconds per step: decoding for which no core is free */
    double step;                        /* their sum */
    double checkpoint;                  /* seconds of one, written by rank 0 while all wait */
    int64_t checkpoints;
    double validation; /* seconds of one, of fine-tuning */
    int64_t validations;
    double seconds; /* of the whole run */
    double node_hours;
    double targets_seconds; /* to make the store; 0 for objective mae */
    double targets_node_hours;
    double online;            /* seconds per step of the base model, if targets are computed in the step; 0 likewise */
    double online_node_hours; /* of it in all steps */
} tec_plan_time;

/* With the letters above:
 *
 *   compute          b m F / train_rate
 *   update           parameters * update_seconds, which the ranks of a node share with run.node_memory=shared
 *   node_reduce      G / node_reduce_rate, if R > 1
 *   network_reduce   2 (N - 1) / N * W / (0.87 network_rate) + 2 log2(N) * 20 us per bucket, if N > 1 (a ring; on a
 *                    simulated fat tree of 16 to 1024 nodes it reaches 0.87 of the line rate), where W is G. With bfloat16
 *                    W is 9/16 of it (half, and all of it in one of TEC_SETTLE_STEPS steps), and N - 1 stands for log2(N)
 *   fetch            max(0, b * fetch_seconds - free * compute), where free = cores / R - T, within 0 and workers
 *   validation       ceil(val_images / P) images forward, at train_rate, and the same for fetching them
 *   online           b * operations of the base model / targets_rate; part of a step with targets.online only
 *   seconds          steps * step + checkpoints * checkpoint + validations * validation
 *
 * No communication is assumed to overlap with computation. */
tec_status tec_plan_time_of(const tec_plan_job *job, const tec_plan_machine *machine, tec_plan_time *out);

/* -- measuring a machine -- */

/* Measures this machine with the job's own model: steps of one micro-batch, targets of a few images, AdamW, memcpy on
 * all cores and, unless `set` is NULL, decoding. Takes a few seconds, and as much memory as the job. */
tec_status tec_plan_machine_measure(const tec_comm *comm, const tec_plan_job *job, const tec_dataset *set,
                                    tec_plan_machine *out);

/* Takes the measurements from a file of `tec bench --json`: of the runs whose number of ranks is nearest to that of a
 * node, the one with the most similar number of operations per image; for a classifier, of runs of fine-tuning, if there
 * are any. *used describes it; the caller frees it.
 * TEC_USER_ERROR: no such file, or no training steps in it. */
tec_status tec_plan_machine_read(const char *path, const tec_plan_job *job, tec_plan_machine *out, char **used);

/* -- the whole plan -- */

/* All of the above as a new object, in the form of plan.json (docs/formats.md): what `tec plan` prints and writes. A number
 * without a bound, such as the rate of an allreduce of a single rank, has no member. TEC_USER_ERROR: an impossible
 * architecture. */
tec_status tec_plan_json(const tec_plan_job *job, const tec_plan_machine *machine, json_t **out);

/* Reads a file of `tec plan --json`. *out is NULL if it holds other JSON. TEC_USER_ERROR: no such file, not JSON, or written
 * by a different version. */
tec_status tec_plan_json_read(const char *path, json_t **out);

#endif
