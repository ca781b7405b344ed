/* What a run leaves in its directory beside the log, and where it takes up from. */
#ifndef TEC_TRAIN_RUN_DIRECTORY_H
#define TEC_TRAIN_RUN_DIRECTORY_H

#include "tec/checkpoint.h"
#include "tec/run.h"
#include "tec/trainer.h"

/* Collective. Fills weights, moments and *state from the directory's last whole checkpoint, on every rank; *found
 * false: a new run. */
tec_status run_directory_resume(const tec_comm *comm, const tec_run_plan *plan, tec_trainer *trainer,
                                tec_run_state *state, bool *found);

/* Rank 0. */
tec_status run_directory_checkpoint(const tec_run_plan *plan, tec_trainer *trainer, const tec_run_state *state);

/* Collective. settings.yaml and environment.json: versions, hosts and ranks. */
tec_status run_directory_describe(const tec_comm *comm, const tec_run_plan *plan);

/* Rank 0. The file DONE. */
tec_status run_directory_done(const tec_run_plan *plan);

/* DIR/checkpoint.h5; the caller frees it. */
char *run_directory_checkpoint_path(const tec_run_plan *plan);

#endif
