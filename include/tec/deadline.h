/* The end of the time a job was given: it stops early enough for a last checkpoint. Local; where ranks have to agree,
 * it is one rank's clock that counts. */
#ifndef TEC_DEADLINE_H
#define TEC_DEADLINE_H

#include <stdbool.h>

typedef struct tec_deadline {
    double end;        /* on the clock of tec_seconds(); INFINITY: there is none */
    double margin;     /* seconds kept free before it: a fiftieth of the time given, 1 to 60 */
    double step, save; /* the longest of each so far, seconds */
    bool save_known;   /* a checkpoint was measured: `save` is no guess */
} tec_deadline;

/* The earlier of max_minutes from now (0: none) and SLURM_JOB_END_TIME (Unix seconds; warns of one that is no number,
 * or over already, and passes it over). */
tec_deadline tec_deadline_read(double max_minutes);

/* What a step, or a checkpoint, has taken. tec_deadline_guess_save holds until a checkpoint has been measured. */
void tec_deadline_note_step(tec_deadline *deadline, double seconds);
void tec_deadline_note_save(tec_deadline *deadline, double seconds);
void tec_deadline_guess_save(tec_deadline *deadline, double seconds);

/* Must the step that begins now be the last one? The one after it, which may end with a checkpoint of its own, and the
 * checkpoint that ends the run would not fit any more, if each took as long as the longest so far. */
bool tec_deadline_near(const tec_deadline *deadline);

/* Is there no time for something that takes `seconds` from now on? */
bool tec_deadline_before(const tec_deadline *deadline, double seconds);

#endif
