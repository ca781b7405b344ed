/* Module train, private. One training run at a time in a run directory: two would overwrite each other's log and
 * checkpoints.
 *
 * A POSIX record lock on DIR/lock. The kernel releases it when its owner ends, however that happens, so that a killed
 * run can be continued at once. It works across nodes on NFS, Lustre (mounted with `flock`) and GPFS. A lock file that
 * counts by its mere existence would outlive a killed owner, and with a heartbeat the next job would have to wait. */
#ifndef TEC_TRAIN_RUN_LOCK_H
#define TEC_TRAIN_RUN_LOCK_H

#include "tec/comm.h"

#include <stdbool.h>

typedef struct run_lock {
    int fd;
    char *path;
    bool owned; /* this process trains there */
    bool held;  /* and no other can: the file system has locks */
} run_lock;

/* Collective; the same status on every rank. The directory must exist; rank 0 locks. Waits for an owner that is about to
 * end: `minutes` if this job was restarted, as the lock of a node that went down may outlive its owner (an NFS lease),
 * otherwise a quarter of a minute at most. TEC_SYSTEM_ERROR: another process, named in the message, still trains there,
 * or this one was told to stop meanwhile. If the file system has no locks, warns and goes on. Release it also after a
 * failure. */
tec_status tec_run_lock_take(const tec_comm *comm, const char *dir, double minutes, run_lock *lock);
/* Rank 0. Is the lock still the one of this directory? TEC_SYSTEM_ERROR: no: the directory was removed or renamed, or was
 * made anew, where another process may train by now. A disk that does not answer says nothing: TEC_OK. */
tec_status tec_run_lock_check(const run_lock *lock);

void tec_run_lock_release(run_lock *lock); /* of {.fd = -1}: nothing */

#endif
