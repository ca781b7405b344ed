/* Module base, public. When a job runs out of time: it has to stop early enough for a last checkpoint. Local; where
 * ranks have to agree, one rank asks and tells the others. */
#ifndef TEC_DEADLINE_H
#define TEC_DEADLINE_H

#include <stdbool.h>

typedef struct tec_deadline {
    double end;        /* on the clock of tec_seconds(); INFINITY: no deadline */
    double margin;     /* seconds kept free before it: 1/50 of the time given, 1 to 60 */
    double step, save; /* the longest so far, seconds */
    int steps;         /* more steps than one until a checkpoint may be written, at most */
    bool save_known;   /* `save` was measured, not guessed */
} tec_deadline;

/* The earlier of max_minutes from now (0: no limit) and SLURM_JOB_END_TIME (Unix seconds), which is ignored with a
 * warning if it is not a number or already past. */
tec_deadline tec_deadline_read(double max_minutes);

/* Report how long a step or a checkpoint took. The guess holds until a checkpoint has been measured. */
void tec_deadline_note_step(tec_deadline *deadline, double seconds);
void tec_deadline_note_save(tec_deadline *deadline, double seconds);
void tec_deadline_guess_save(tec_deadline *deadline, double seconds);

/* Must the step that begins now be the last one, but for `steps` more? True if there is no time for this step, the next one,
 * these, the checkpoint that it may end with and the final checkpoint, each taking as long as the longest so far. */
bool tec_deadline_near(const tec_deadline *deadline);

/* Would something that starts now and takes `seconds` end after the deadline? */
bool tec_deadline_before(const tec_deadline *deadline, double seconds);

#endif
