/* Module base, public. Messages for people, on stderr; results go to stdout. Local; silent on ranks whose log is off.
 * Thread-safe: a message is one write. */
#ifndef TEC_LOG_H
#define TEC_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Only one rank should talk: rank 0 keeps the default (on), the others call tec_log_enable(false). */
void tec_log_enable(bool on);

/* One plain line: "tec: ..." */
void tec_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line "tec: warning: ..." */
void tec_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line "tec: error: ..." or, if rank >= 0, "tec: error: rank 3: ...", whether the log is on or off. */
void tec_log_error(int rank, const char *message);

#define TEC_PROGRESS_SECONDS 10 /* an interval that suits most work */

/* Progress of long work: on a terminal one line, redrawn at most ten times a second; otherwise a plain line at most
 * every `interval` seconds, the first at once. tec_progress_end() prints the last text if it has not been shown yet,
 * and ends a redrawn line. */
void tec_progress(double interval, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tec_progress_end(void);

/* The same with a bar before it on a terminal; `share` of the work, 0 .. 1, is done. */
void tec_progress_share(double interval, double share, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for work that is counted, every TEC_PROGRESS_SECONDS: "WHAT: 12 of 40 images, 3.10 images/s, 9 s left". `started`:
 * tec_seconds() when none was done. */
void tec_progress_count(const char *what, const char *unit, int64_t done, int64_t total, double started);

#endif
