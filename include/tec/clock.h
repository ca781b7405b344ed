/* Module base, public. A monotonic clock, processor time, and durations as text for people. Local. */
#ifndef TEC_CLOCK_H
#define TEC_CLOCK_H

/* Seconds on a monotonic clock with an arbitrary origin. */
double tec_seconds(void);

/* Seconds of processor time of this process, all its threads together: what else runs on the machine does not count. */
double tec_processor_seconds(void);

/* "2 h 05 min", "3 min 20 s", "12 s", rounded to the last unit shown; "?" when negative or not finite. Written to
 * `text` (at least 32 bytes), which is returned. */
char *tec_duration(char *text, double seconds);

#endif
