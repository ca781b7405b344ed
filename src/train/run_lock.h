/* Module train, private. One training at a time in a run directory: two of them would write over each other's log and
 * checkpoints.
 *
 * A POSIX record lock on DIR/lock. The kernel gives it back when its owner ends, in whatever way, so that a run that
 * was killed can go on at once; it holds between nodes on NFS, Lustre (mounted with `flock`) and GPFS. A lock made of
 * the file's mere existence would outlive a killed owner, and a heartbeat would have the next job wait for it. */
#ifndef TEC_TRAIN_RUN_LOCK_H
#define TEC_TRAIN_RUN_LOCK_H

#include "tec/error.h"

#include <stdbool.h>

typedef struct run_lock {
    int fd;
    char *path;
    bool owned;
} run_lock;

/* Rank 0, where the directory is there. Waits a few seconds for an owner that is about to end. TEC_USER_ERROR: another
 * process trains there, which the message names. Where the file system has no locks it warns, and goes on. Release it
 * also after a failure. */
tec_status tec_run_lock_take(const char *dir, run_lock *lock);
void tec_run_lock_release(run_lock *lock); /* of {.fd = -1}: nothing */

#endif
