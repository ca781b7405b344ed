/* Module base, public. How a function reports failure, and with which exit code the program ends.
 *
 * Three kinds of failure:
 *   our own bug              assert
 *   the machine failed       TEC_SYSTEM_ERROR
 *   the user's mistake       TEC_USER_ERROR: one line that names what is wrong, where, and what would be right
 *
 * A function that can fail returns a tec_status; the message of the last failure is kept per thread. All functions here
 * are local. */
#ifndef TEC_ERROR_H
#define TEC_ERROR_H

typedef enum tec_status {
    TEC_OK = 0,
    TEC_CHECK_FAILED = 1, /* a check that was asked for (selftest, targets --verify) did not pass */
    TEC_USER_ERROR = 2,   /* settings, command line or input files: the user can fix it */
    TEC_SYSTEM_ERROR = 3, /* memory, disk, MPI */
    TEC_DIVERGED = 4      /* training produced a loss that is not finite */
} tec_status;

/* Stores the formatted message for this thread and returns `status`. One line of at most 1023 bytes: longer messages
 * are truncated, control characters (of a file name, say) become `?`. tec_error_message() may be among the
 * arguments. */
tec_status tec_fail(tec_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The message of this thread's last tec_fail, "" before the first. Owned here; valid until the next tec_fail. */
const char *tec_error_message(void);

/* Returns the status of `call` from the enclosing function unless it is TEC_OK. For functions that own nothing yet. */
#define TEC_TRY(call)                                                                                                  \
    do {                                                                                                               \
        tec_status tec_try_status_ = (call);                                                                           \
        if (tec_try_status_ != TEC_OK)                                                                                 \
            return tec_try_status_;                                                                                    \
    } while (0)

/* Ends the program at once with this thread's last tec_fail: prints "tec: error: MESSAGE" and exits with `status`.
 * Under MPI all ranks end and the rank is named, as tec_comm_start registers a function for that. */
void tec_abort(tec_status status) __attribute__((noreturn));
void tec_set_abort(void (*end_all)(tec_status status)); /* tec_abort calls it first; NULL: none */

#endif
