/* How a function says that it failed, and with which exit code the program ends.
 *
 * Three kinds of failure: our own bug (assert), the machine's failure (TEC_SYSTEM_ERROR), the user's mistake
 * (TEC_USER_ERROR: one line that names what is wrong, where, and what would be right). A function that can fail
 * returns a tec_status; the message of the last failure is kept per thread. All functions here are local. */
#ifndef TEC_ERROR_H
#define TEC_ERROR_H

typedef enum tec_status {
    TEC_OK = 0,
    TEC_CHECK_FAILED = 1, /* a check that was asked for (selftest, targets --verify) did not pass */
    TEC_USER_ERROR = 2,   /* settings, command line or input files: the user can mend it */
    TEC_SYSTEM_ERROR = 3, /* memory, disk, MPI: the machine failed */
    TEC_DIVERGED = 4      /* training produced a loss that is not finite */
} tec_status;

/* Keeps the formatted message for this thread and returns `status`. One line of at most 1023 bytes: longer messages are
 * cut, control characters (of a file name, say) become `?`. The arguments may hold tec_error_message() itself. */
tec_status tec_fail(tec_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The message of this thread's last tec_fail, "" before the first. Owned by the module. */
const char *tec_error_message(void);

/* Leaves the function with the status of `call` unless that is TEC_OK. For functions that own nothing yet. */
#define TEC_TRY(call)                                                                                                  \
    do {                                                                                                               \
        tec_status tec_try_status_ = (call);                                                                           \
        if (tec_try_status_ != TEC_OK)                                                                                 \
            return tec_try_status_;                                                                                    \
    } while (0)

/* Ends the program at once because of this thread's last tec_fail: prints "tec: error: MESSAGE" and exits with
 * `status`. Under MPI all ranks end, and the rank is named (tec_comm_start sees to it by tec_set_abort). */
void tec_abort(tec_status status) __attribute__((noreturn));
void tec_set_abort(void (*end_all)(tec_status status)); /* called first by tec_abort; NULL: nothing is */

#endif
