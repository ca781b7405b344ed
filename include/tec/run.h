/* A training run: from where its directory stands to its last epoch. */
#ifndef TEC_RUN_H
#define TEC_RUN_H

#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/deadline.h"
#include "tec/model_config.h"
#include "tec/settings.h"
#include "tec/store.h"

typedef struct tec_run_plan {
    const tec_settings *settings;
    tec_model_config config;
    const tec_dataset *set;
    tec_store *store;      /* NULL: objective mae */
    int fresh;             /* how often --fresh was given: 0 resumes, 1 refuses to overwrite, 2 starts over */
    tec_deadline deadline; /* rank 0's counts */
} tec_run_plan;

/* Collective; the same status on every rank. The run directory holds checkpoint.h5 and checkpoint_prev.h5
 * (tec/checkpoint.h), log.jsonl, settings.yaml, environment.json, lock and, as long as all epochs are done, DONE.
 * Resumes from the checkpoint if there is one (from the previous one, with a warning, if that is damaged, which is then
 * kept as checkpoint_damaged.h5); the checkpoints of a run that is started over are removed once the new one is ready
 * to train. SIGTERM, SIGUSR1 and the nearing deadline end the run after a checkpoint at the next step, with TEC_OK and
 * without DONE. TEC_USER_ERROR: the directory holds a run of another model, data set, seed or batch, or another process
 * trains there right now. */
tec_status tec_run_training(const tec_comm *comm, const tec_run_plan *plan);

#endif
