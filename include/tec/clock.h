/* Time that passes, and how people write it. Local. */
#ifndef TEC_CLOCK_H
#define TEC_CLOCK_H

/* Seconds of a monotonic clock. */
double tec_seconds(void);

/* "2 h 05 min", "3 min 20 s", "12 s", rounded to the unit shown; "?" when not finite or negative. Written to `text` (at
 * least 32 bytes), which is returned. */
char *tec_duration(char *text, double seconds);

#endif
