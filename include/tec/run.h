/* Module train, public. A training run: new or resumed from its directory, to its last epoch. */
#ifndef TEC_RUN_H
#define TEC_RUN_H

#include "tec/deadline.h"
#include "tec/trainer.h"

typedef struct tec_run_plan {
    const char *dir;      /* of the run; must exist */
    const char *settings; /* YAML that reproduces this run; stored in settings.yaml and in the checkpoints */
    const tec_task *task;
    tec_recipe recipe;
    const tec_dataset *set;
    tec_reading reading;
    tec_reduction reduction;
    int threads;           /* per rank */
    int fresh;             /* how often --fresh was given: 0 resumes, 1 refuses to overwrite, 2 starts over */
    tec_deadline deadline; /* rank 0's is used */
    double lock_minutes;   /* a restarted job waits so long for another process that trains in `dir` */
} tec_run_plan;

/* Collective; the same status on every rank. The run directory holds checkpoint.h5 and checkpoint_prev.h5
 * (tec/checkpoint.h), log.jsonl, settings.yaml, environment.json, lock and, once all epochs are done, DONE.
 *
 * Resumes from the checkpoint if there is one. If it is damaged, it is kept as checkpoint_damaged.h5, and the run
 * resumes from the previous one with a warning. When a run is started over, its old checkpoints are removed once the
 * new run is ready to train. SIGTERM, SIGUSR1 and an approaching deadline end the run with a checkpoint after the next
 * step: TEC_OK, but no DONE. TEC_USER_ERROR: the directory holds a run with another model, data set, seed or batch.
 * TEC_SYSTEM_ERROR: another process is training in it, and does not end while this one waits. */
tec_status tec_run_training(const tec_comm *comm, const tec_run_plan *plan);

#endif
