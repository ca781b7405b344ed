/* Module train, public. A training run: from where its directory stands to its last epoch. */
#ifndef TEC_RUN_H
#define TEC_RUN_H

#include "tec/deadline.h"
#include "tec/trainer.h"

typedef struct tec_run_plan {
    const char *dir;      /* of the run; there already */
    const char *settings; /* YAML that gives this run again; kept in settings.yaml and in the checkpoints */
    const tec_task *task;
    tec_recipe recipe;
    const tec_dataset *set;
    tec_reading reading;
    tec_reduction reduction;
    int threads;           /* of a rank */
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
