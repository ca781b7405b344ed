/* Messages for people, on stderr; results go to stdout. Local; silent on every rank whose log is off. Thread-safe: a
 * message is one write. */
#ifndef TEC_LOG_H
#define TEC_LOG_H

#include <stdbool.h>

/* Only one rank should speak: rank 0 keeps the default (on), the others call tec_log_enable(false). */
void tec_log_enable(bool on);

/* One plain line: "tec: ..." */
void tec_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line "tec: warning: ..." */
void tec_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line "tec: error: ...", whether the log is on or off. `rank` < 0: without a rank, else "tec: error: rank 3: ...".
 */
void tec_log_error(int rank, const char *message);

/* Progress of long work: on a terminal one line redrawn at most ten times a second; otherwise a plain line every
 * `interval` seconds, the first at once. `format` is what to say now. tec_progress_end() says what was said last, if it
 * has not been shown yet, and closes a redrawn line. */
#define TEC_PROGRESS_SECONDS 10 /* an interval that suits most work */
void tec_progress(double interval, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tec_progress_end(void);

#endif
