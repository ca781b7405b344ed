/* Module train, private. What the loop around the steps knows, and what its parts do. A `run` is alike on all ranks unless
 * stated. */
#ifndef TEC_TRAIN_RUN_LOOP_H
#define TEC_TRAIN_RUN_LOOP_H

#include "run_lock.h"
#include "run_log.h"
#include "run_save.h"

#include "tec/run.h"

/* Sums over the steps since the last log line of the same kind. */
typedef struct interval {
    double loss[TEC_MAX_LOSSES];
    double waited, reduced, prepared; /* seconds since `start`, as in tec_step_result */
    double start;
    int64_t inputs; /* since `start` */
    int64_t steps;  /* in `loss` */
} interval;

typedef struct run {
    const tec_comm *comm;
    const tec_run_plan *plan;
    const tec_recipe *recipe;
    tec_trainer *trainer;
    tec_skipped skipped, skipped_validation;
    tec_run_state state;
    tec_run_changes changes; /* on rank 0, of a resumed run */
    run_log log;
    interval since_line, since_epoch;
    const char *const *loss_names;
    int64_t epoch_steps, total_steps;
    bool finishing;                 /* --finish was given to this process, and no checkpoint knows of it yet */
    double started, seconds_before; /* of training before this process */
    tec_deadline deadline;
    const run_lock *lock;
    run_saving saving;
    unsigned asked;        /* what had to be put off: TEC_ASK_CHECKPOINT, TEC_ASK_STOP */
    int64_t compared_step; /* at which the ranks' weights were last compared */
    double pictures;       /* seconds that those of an epoch took, the longest so far; rank 0 */
    bool no_pictures;      /* there are none to be had; rank 0 */
    char slowest[160];     /* about the slowest rank, for the progress line */
    double rate;           /* model inputs per second, running mean, for the progress line */
} run;

/* Collective. A checkpoint, and unless it is the `last` one the run goes on if it cannot be written. */
tec_status tec_run_save(run *r, bool last);

/* Appends to the message of what failed with `status`, which is returned, which checkpoint to go back to. */
tec_status tec_run_name_checkpoint(const run *r, tec_status status);

/* This time is not time of training. */
void tec_run_leave_out(run *r, double seconds);

/* After every epoch, or every few, and at the end of a run, unless it has been done. */
bool tec_run_validation_due(const run *r);

/* Collective. The time that it takes does not count as time of training. *stopped is set if it is ended early, after which
 * there is a checkpoint. */
tec_status tec_run_validate(run *r, bool *stopped);

#endif
