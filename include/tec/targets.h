/* Module targets, public. Base targets: what a frozen model says of every view of every image, written to a target
 * store, and a store checked against what the model says now. */
#ifndef TEC_TARGETS_H
#define TEC_TARGETS_H

#include "tec/comm.h"
#include "tec/deadline.h"
#include "tec/feed.h"
#include "tec/frozen.h"
#include "tec/store.h"

/* What came of writing, on this rank. */
typedef struct tec_targets_result {
    int64_t made; /* rows */
    tec_store_error error;
} tec_targets_result;

/* Everything that is pointed to is borrowed. */
typedef struct tec_targets_job {
    const tec_comm *comm;
    const char *dir; /* of the store */
    tec_store_spec spec;
    const tec_dataset *set;
    tec_frozen *frozen; /* created for `batch` images */
    int batch;          /* images per rank that it computes at once */
    tec_reading reading;
    int worker, workers; /* this is worker 0 .. workers - 1: it makes the shards worker, worker + workers, ... */
    tec_deadline deadline;
    tec_targets_result *result;
} tec_targets_job;

/* Collective; the same status everywhere. Makes the shards of this worker that are not there. SIGTERM, SIGUSR1 and the
 * end of the time stop it with TEC_OK: shards that are finished stay, those under way are given up. */
tec_status tec_targets_write(const tec_targets_job *job);

/* Collective; the same status everywhere. Re-reads the whole `store` over the ranks, then recomputes `samples` rows.
 * TEC_CHECK_FAILED with the first thing found wrong. */
tec_status tec_targets_verify(const tec_targets_job *job, tec_store *store, int samples);

#endif
