/* Module plan, public. What a job will need, before it is submitted: floating-point operations, memory, storage, time.
 * Local; nothing is computed and no memory but addresses is taken.
 *
 * Letters: P = nodes * ranks_per_node ranks, R ranks of a node, T threads of a rank, G bytes of the gradient, b =
 * ceil(batch / P) images of the busiest rank in a step, m masks of an image. All rates are those of one rank. */
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

#include <stdint.h>

/* -- the machine, as `tec bench` measures it -- */

typedef struct tec_plan_machine {
    int cores;               /* of a node */
    double memory;           /* bytes of a node */
    double train_rate;       /* flops of the above / seconds of a whole forward and backward */
    double targets_rate;     /* the same for targets */
    double update_seconds;   /* AdamW, per parameter */
    double node_reduce_rate; /* bytes of gradient per second, summed over the R ranks of a node */
    double network_rate;     /* bytes per second into a node, and out of it at the same time */
    double fetch_seconds;    /* of a core, to decode, crop and normalise an image and read its targets; 0: not known */
    double disk_rate;        /* bytes per second of a checkpoint, flushed */
} tec_plan_machine;

/* Without a measurement of an allreduce: every hop of a ring over R ranks copies 1/R of the gradient into shared memory
 * and out of it, 2 (R - 1) hops: 4 (R - 1) G bytes pass the node's memory. copy_rate: bytes per second of memcpy on
 * all cores of a node at once. */
double tec_plan_node_reduce_rate(double copy_rate, int ranks_per_node);

/* -- the job -- */

typedef struct tec_plan_job {
    tec_recipe recipe;
    tec_model_config model; /* objective tec: with base_width and base_heads */
    int inputs, visible;    /* model inputs of an image, and their visible patches */
    tec_feed_view view;     /* of its images */
    tec_reading reading;
    tec_reduction reduction;
    int threads; /* of a rank */

    tec_model_config base; /* objective tec: whose targets are made */
    struct {
        int topk, views, batch;
        tec_target_type type;
        bool images;
        int shard_mb;
    } targets; /* objective tec */

    int64_t images;
    double dataset_bytes; /* in the memory of every rank: a list of files, or the whole of an IDX file */
    int nodes, ranks_per_node;
} tec_plan_job;

/* -- memory of a rank at its peak, in bytes -- */

enum { TEC_PLAN_MEMORY_ITEMS = 8 };

typedef struct tec_plan_memory {
    struct {
        const char *name; /* NULL: no more items */
        double bytes;
    } item[TEC_PLAN_MEMORY_ITEMS];
    double bytes; /* of all items */
} tec_plan_memory;

/* `tec pretrain`, or `tec targets`, under `job`. Lays the model out as the program does, without touching it.
 * TEC_USER_ERROR: an impossible architecture. */
tec_status tec_plan_pretrain_memory(const tec_plan_job *job, tec_plan_memory *out);
tec_status tec_plan_targets_memory(const tec_plan_job *job, tec_plan_memory *out);

/* -- bytes on the disk -- */

/* A checkpoint with its optimiser state; the run directory holds two, and a third one while it is written. */
tec_status tec_plan_checkpoint_bytes(const tec_plan_job *job, double *bytes);
/* The target store in a storage type. */
double tec_plan_store_bytes(const tec_plan_job *job, tec_target_type type);

/* -- time -- */

typedef struct tec_plan_time {
    int64_t steps;
    double compute, update, fetch; /* seconds of a step; fetch: what no core was free for */
    double node_reduce, network_reduce;
    double step;       /* their sum */
    double checkpoint; /* seconds of one, written by rank 0 while all wait */
    int64_t checkpoints;
    double seconds; /* of the whole run */
    double node_hours;
    double targets_seconds; /* to make the store; 0 with objective mae */
    double targets_node_hours;
} tec_plan_time;

/* compute        = b m F / train_rate                    F: flops of an input
 * update         = parameters * update_seconds
 * node_reduce    = G / node_reduce_rate                  R > 1
 * network_reduce = 2 (N - 1) / N * G / (0.87 network_rate) + 2 log2(N) 20 us per bucket              N > 1 nodes
 *                  (a ring; 0.87 is what a simulated fat tree of 16 to 1024 nodes leaves of its line rate)
 * fetch          = max(0, b fetch_seconds - free cores of a rank * compute), free: cores / R - T, 0 to data.workers
 * seconds        = steps * step + checkpoints * (bytes / disk_rate)
 * Communication counts in full: nothing of it is taken to be hidden. */
tec_status tec_plan_time_of(const tec_plan_job *job, const tec_plan_machine *machine, tec_plan_time *out);

/* -- where the figures of a machine come from -- */

/* Measures this machine with the job's own model: steps of one micro-batch, targets of a few images, AdamW, memcpy on
 * all cores, and decoding where `set` is not NULL. A few seconds; takes the memory that the job takes. */
tec_status tec_plan_machine_measure(const tec_comm *comm, const tec_plan_job *job, const tec_dataset *set,
                                    tec_plan_machine *out);

/* From a file that `tec bench --json` wrote: of the runs with as many ranks as a node has (or the nearest number), the
 * one whose image takes the most similar number of operations. *used: its size, owned by the caller. TEC_USER_ERROR: no
 * such file, or without training steps. */
tec_status tec_plan_machine_read(const char *path, const tec_plan_job *job, tec_plan_machine *out, char **used);

#endif
