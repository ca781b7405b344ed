/* Module train, private. Event files of a run, for TensorBoard: the numbers of log.jsonl, in run.dir. Rank 0. */
#ifndef TEC_TRAIN_RUN_EVENTS_H
#define TEC_TRAIN_RUN_EVENTS_H

#include "appended.h"

#include "tec/event_record.h"

#include <jansson.h>

typedef struct run_events {
    const char *dir; /* NULL: nothing is written */
    int64_t step;    /* after which this process goes on */
    appended records;
} run_events;

/* The numbers of a line of the log but its step, under KIND/MEMBER, such as "step/lr". The first one begins a file, which
 * sorts behind those that are there and says that what they tell of later steps than events->step does not hold. A file that
 * cannot be begun is a warning, and none is written. */
void tec_run_events_add(run_events *events, const json_t *line);

/* Pictures of a step, likewise. */
void tec_run_events_pictures(run_events *events, int64_t step, const tec_event_picture *picture, int count);

/* Writes what there was no room for; what there still is none for is a warning. */
void tec_run_events_flush(run_events *events);

void tec_run_events_close(run_events *events); /* fine for one that is zeroed */

/* Moves the event files of an earlier run to DIR/former. TEC_SYSTEM_ERROR: one stays. */
tec_status tec_run_events_set_aside(const char *dir);

/* Removes the event files of an earlier run in the directory; not those of other programs. TEC_SYSTEM_ERROR: one stays. */
tec_status tec_run_events_remove(const char *dir);

#endif
