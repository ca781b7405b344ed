/* Module train, private. The learning rate over a run, and where the run ends. Local. */
#ifndef TEC_TRAIN_RUN_SCHEDULE_H
#define TEC_TRAIN_RUN_SCHEDULE_H

#include "tec/checkpoint.h"
#include "tec/run.h"

/* Of the next step: the recipe's cosine or, in a run that is being finished, the fall from state->finish_lr. */
double run_schedule_lr(const tec_recipe *recipe, const tec_run_state *state, int64_t epoch_steps);

/* The number of steps of the whole run. */
int64_t run_schedule_end(const tec_recipe *recipe, const tec_run_state *state, int64_t epoch_steps);

/* Decides how a run ends that is new or `resumed` with these changes, and says what becomes of its learning rate where
 * that is not what it was; with plan->finish sets state->finish_... TEC_USER_ERROR: the run has done more than
 * recipe.epochs; plan->finish where there is nothing to finish. */
tec_status run_schedule_settle(const tec_run_plan *plan, bool resumed, tec_run_changes *changes, int64_t epoch_steps,
                               tec_run_state *state);

#endif
