/* The parts of `tec targets`. */
#ifndef TEC_JOBS_TARGETS_H
#define TEC_JOBS_TARGETS_H

#include "jobs/jobs.h"
#include "jobs/targets_maker.h"
#include "tec/deadline.h"

/* What came of writing, on this rank. */
typedef struct targets_result {
    int64_t made; /* rows */
    tec_store_error error;
} targets_result;

typedef struct targets_job {
    const tec_comm *comm;
    const tec_settings *settings;
    const tec_dataset *set;
    tec_frozen *frozen;
    tec_store_spec spec;
    int worker, workers; /* this is worker 0 .. workers - 1: it makes the shards worker, worker + workers, ... */
    tec_deadline deadline;
    targets_result *result;
} targets_job;

/* Collective; the same status everywhere. Makes the shards of this worker that are not there. SIGTERM, SIGUSR1 and the
 * end of the time stop it with TEC_OK: shards that are finished stay, those under way are given up. */
tec_status targets_write(const targets_job *job);

/* Collective; the same status everywhere. Re-reads the whole store over the ranks, then recomputes
 * settings->targets.verify_samples rows. TEC_CHECK_FAILED with the first thing found wrong. */
tec_status targets_verify(const targets_job *job);

/* Collective. Rank 0 reads the manifest of targets.dir, all ranks open the store. */
tec_status targets_open_store(const targets_job *job, tec_store **out);

#endif
