/* Module targets, public. Base targets: runs a frozen model over every view of every image and writes its outputs to a
 * target store; verifies a store by recomputing some of them. */
#ifndef TEC_TARGETS_H
#define TEC_TARGETS_H

#include "tec/comm.h"
#include "tec/deadline.h"
#include "tec/feed.h"
#include "tec/frozen.h"
#include "tec/store.h"

/* What this rank has written. */
typedef struct tec_targets_result {
    int64_t made; /* rows */
    tec_store_error error;
} tec_targets_result;

/* All pointers are borrowed. */
typedef struct tec_targets_job {
    const tec_comm *comm;
    const char *dir; /* of the store */
    tec_store_spec spec;
    const tec_dataset *set;
    tec_frozen *frozen; /* created for `batch` images */
    int batch;          /* images that it computes at once, per rank */
    tec_reading reading;
    int worker, workers; /* 0 <= worker < workers; it makes the shards worker, worker + workers, ... */
    tec_deadline deadline;
    tec_targets_result *result;
} tec_targets_job;

/* Collective; the same status everywhere. Sets job->spec.shard_rows for the ranks of all workers, or to what the store
 * was begun with. Before tec_targets_write. */
tec_status tec_targets_settle(tec_targets_job *job);

/* Collective; the same status everywhere. Makes the missing shards of this worker. SIGTERM, SIGUSR1 and the deadline
 * stop it with TEC_OK: finished shards are kept, and those under way are set aside for the next one to go on with, as they
 * are after a failure; so are those of workers that were killed, once they are known to be gone. TEC_SYSTEM_ERROR: also
 * if there is no room for the store, before anything is made. */
tec_status tec_targets_write(const tec_targets_job *job);

/* Collective; the same status everywhere. Re-reads the whole `store`, shared among the ranks, then recomputes `samples`
 * rows. TEC_CHECK_FAILED: the message says what is wrong first. */
tec_status tec_targets_verify(const tec_targets_job *job, tec_store *store, int samples);

#endif
