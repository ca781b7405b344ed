/* Module train, private. log.jsonl of a run: one JSON object per line, for every logging interval ("kind": "step"), every
 * epoch ("kind": "epoch"), every validation ("kind": "validation") and every resumption with other settings ("kind": "settings"). */
#ifndef TEC_TRAIN_RUN_LOG_H
#define TEC_TRAIN_RUN_LOG_H

#include "appended.h"
#include "run_events.h"

#include "tec/error.h"
#include "tec/model.h"
#include "tec/run.h"

#include <stdint.h>

typedef struct run_log {
    appended lines;    /* none on ranks that do not write */
    run_events events; /* the same numbers for TensorBoard, if its `dir` is set */
} run_log;

typedef struct run_log_line {
    const char *kind;
    int64_t epoch, step; /* epoch under way, from 1; steps done */
    const char *const *loss_names;
    double loss[TEC_MAX_LOSSES]; /* means over the interval or epoch */
    double lr, gradient_norm, images_per_second;
    double wait_share;    /* of the time: waiting for data */
    double reduce_share;  /* of the time: waiting for other ranks and the gradient allreduce */
    double targets_share; /* of the time: computing targets with the base model; below 0: they are not computed */
    int slowest_rank;
    const char *slowest_host;
    double slowest_share; /* of the others' waiting, what they waited longer than the slowest rank */
    double seconds;       /* of the run so far */
    double memory;        /* peak of rank 0 since its start, in MB */
} run_log_line;

/* For a run that begins in DIR, though nobody asked for a fresh one: a log that tells of finished epochs, whose checkpoints
 * must have been removed, becomes log_former.jsonl, which a warning says. *aside: there was one. */
tec_status tec_run_log_set_aside(const char *dir, bool *aside);

/* Opens DIR/log.jsonl and drops the lines after `step`, which a resumed run writes again; that of --finish at `step` stays
 * if the checkpoint says that the run is `finishing`. *validated: a line about a validation at `step` stays. */
tec_status tec_run_log_open(run_log *log, const char *dir, int64_t step, bool finishing, bool *validated);

/* Adds a line. One that cannot be written is kept and written with a later one; a warning says so. TEC_SYSTEM_ERROR: it
 * cannot be formatted. */
tec_status tec_run_log_write(run_log *log, const run_log_line *line);

/* Adds a line about a validation ("kind": "validation"). `results`: its results are written; without them it does not
 * count as done, and tec_run_log_open at `step` removes the line. Fails as above. */
tec_status tec_run_log_validation(run_log *log, int64_t epochs, int64_t step, const tec_validation *validation,
                                  bool results);

/* Says from which step on which settings are others; without changes nothing is written. Fails as above. */
tec_status tec_run_log_changes(run_log *log, int64_t epoch, int64_t step, const tec_run_changes *changes);

/* Writes the lines and events that were kept. TEC_SYSTEM_ERROR: still not possible for lines. */
tec_status tec_run_log_flush(run_log *log);

void tec_run_log_close(run_log *log); /* fine for one that is zeroed */

#endif
