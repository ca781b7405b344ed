/* The lock of a run directory. */
#include "run_lock.h"

#include "tec/clock.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double PATIENCE = 5; /* seconds that an owner that is being shut down may still need */

/* Returns 0 if the lock is ours, else errno. */
static int try_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int failed;
    do
        failed = fcntl(fd, F_SETLK, &whole) != 0 ? errno : 0;
    while (failed == EINTR);
    return failed;
}

static bool is_held(int failed)
{
    return failed == EAGAIN || failed == EACCES;
}

/* For the message of others; training goes on if it cannot be written. */
static void sign(const run_lock *lock)
{
    char host[HOST_NAME_MAX + 1] = "";
    const char *job = getenv("SLURM_JOB_ID");
    gethostname(host, sizeof host - 1);
    char *owner =
        tec_string_format("process %ld on %s%s%s", (long)getpid(), host, job ? ", Slurm job " : "", job ? job : "");
    if (ftruncate(lock->fd, 0) == 0)
        (void)!pwrite(lock->fd, owner, strlen(owner), 0);
    free(owner);
}

static tec_status refuse(const run_lock *lock, const char *dir)
{
    char owner[256];
    ssize_t length = pread(lock->fd, owner, sizeof owner - 1, 0);
    owner[length > 0 ? length : 0] = 0;
    return tec_fail(TEC_USER_ERROR,
                    "%s: another process trains in this directory (%s); wait until it ends, or give another run.dir",
                    dir, owner[0] ? owner : "unknown");
}

tec_status tec_run_lock_take(const char *dir, run_lock *lock)
{
    const double end = tec_seconds() + PATIENCE;
    lock->path = tec_path_join(dir, "lock");
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be opened: %s", lock->path, strerror(errno));
    int failed = try_lock(lock->fd);
    while (is_held(failed) && tec_seconds() < end) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        failed = try_lock(lock->fd);
    }
    if (is_held(failed))
        return refuse(lock, dir);
    if (failed)
        tec_warn("%s: cannot be locked (%s); make sure that no other job trains in this directory", lock->path,
                 strerror(failed));
    lock->owned = true;
    sign(lock);
    return TEC_OK;
}

/* The file stays, empty: if it were removed, a process that waits for it and one that comes later and creates a new
 * file would both get a lock. */
void tec_run_lock_release(run_lock *lock)
{
    if (lock->owned)
        (void)!ftruncate(lock->fd, 0);
    if (lock->fd >= 0)
        close(lock->fd);
    free(lock->path);
    *lock = (run_lock){.fd = -1};
}
