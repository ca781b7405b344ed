/* Module train, private. Whether there is room for checkpoints, and what becomes of a run when one cannot be written. */
#ifndef TEC_TRAIN_RUN_SAVE_H
#define TEC_TRAIN_RUN_SAVE_H

#include "tec/checkpoint.h"
#include "tec/run.h"

/* The checkpoints of a run so far; the same on every rank. */
typedef struct run_saving {
    int64_t step; /* of the last one; -1: none */
    double next;  /* when one is due by time, on the clock of tec_seconds; INFINITY: never */
    int failures; /* on end */
} run_saving;

/* Rank 0. Asks for the room that the checkpoints need which this run is going to write: beside the last one and the one
 * before it there is a third while it is being written. TEC_SYSTEM_ERROR: there is not so much. */
tec_status tec_run_saving_room(const tec_run_plan *plan, const tec_params *params, const tec_run_state *state,
                               bool resumed);

/* Every rank, after a checkpoint was written at `step`, or at the start (`step` -1: a new run). */
void tec_run_saving_done(run_saving *saving, const tec_recipe *recipe, int64_t step);

/* Every rank, after a checkpoint could not be written, which `status` and this thread's last message tell. Unless it was
 * the `last` one, the run goes on: TEC_OK after a warning, and another attempt follows soon. Otherwise the status, with
 * a message that says where the run can be taken up. */
tec_status tec_run_saving_failed(run_saving *saving, const tec_run_plan *plan, int64_t step, tec_status status,
                                 bool last);

/* "the last good checkpoint is runs/a/checkpoint.h5 (step 20)", "there is no checkpoint yet" or, where somebody has removed
 * it, "there is no checkpoint any more: ..."; the caller frees it. */
char *tec_run_saving_last(const run_saving *saving, const tec_run_plan *plan);

#endif
