/* Module train, private. What a run leaves in its directory beside the log, and where it takes up from. */
#ifndef TEC_TRAIN_RUN_DIRECTORY_H
#define TEC_TRAIN_RUN_DIRECTORY_H

#include "tec/checkpoint.h"
#include "tec/run.h"
#include "tec/trainer.h"

/* Collective. Fills weights, moments and *state from the directory's last whole checkpoint, on every rank; *found
 * false: a new run, which keeps rank 0's first weights and *state. TEC_USER_ERROR: the run is another one, or --fresh
 * was given once and there is a run. */
tec_status tec_run_directory_resume(const tec_comm *comm, const tec_run_plan *plan, tec_trainer *trainer,
                                    tec_run_state *state, bool *found);

/* Rank 0. Removes what would be wrong from the first step on: DONE, what killed processes left half written, and unless
 * this run was `resumed` another one's checkpoints, so that a restart cannot take them for its own. */
tec_status tec_run_directory_clear(const tec_run_plan *plan, bool resumed);

/* Rank 0. */
tec_status tec_run_directory_checkpoint(const tec_run_plan *plan, tec_trainer *trainer, const tec_run_state *state);

/* Collective. settings.yaml and environment.json: versions, hosts and ranks. */
tec_status tec_run_directory_describe(const tec_comm *comm, const tec_run_plan *plan);

/* Rank 0. The file DONE. */
tec_status tec_run_directory_done(const tec_run_plan *plan);

/* DIR/checkpoint.h5; the caller frees it. */
char *tec_run_directory_checkpoint_path(const tec_run_plan *plan);

#endif
