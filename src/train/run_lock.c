/* The lock of a run directory. */
#include "run_lock.h"

#include "tec/clock.h"
#include "tec/environment.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/stop.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double PATIENCE = 15; /* seconds that an owner that is being shut down may still need */

/* Schedulers, and where each tells the number of a job. A job that is requeued keeps it. */
static const struct {
    const char *name, *variable;
} schedulers[] = {{"Slurm", "SLURM_JOB_ID"}, {"PBS", "PBS_JOBID"}, {"LSF", "LSB_JOBID"}, {"Flux", "FLUX_JOB_ID"}};

/* How often a job was restarted: by Slurm, and by the batch script as a new job. */
static const char *const restarts[] = {"SLURM_RESTART_COUNT", "TEC_CONTINUES"};

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

/* ", Slurm job 17", or "" outside of jobs. The caller frees it. */
static char *my_job(void)
{
    for (size_t i = 0; i < sizeof schedulers / sizeof *schedulers; i++) {
        const char *job = getenv(schedulers[i].variable);
        if (job && *job)
            return tec_string_format(", %s job %s", schedulers[i].name, job);
    }
    return tec_string_copy("");
}

/* For the message of others; training goes on if it cannot be written. */
static void sign(const run_lock *lock)
{
    char *job = my_job();
    tec_host host;
    tec_host_mine(host);
    char *owner = tec_string_format("process %ld on %s%s", (long)getpid(), host, job);
    if (ftruncate(lock->fd, 0) == 0)
        (void)!pwrite(lock->fd, owner, strlen(owner), 0);
    free(owner);
    free(job);
}

static const char *read_owner(const run_lock *lock, char *text, size_t size)
{
    ssize_t length = pread(lock->fd, text, size - 1, 0);
    text[length > 0 ? length : 0] = 0;
    return text[0] ? text : "unknown";
}

/* Is this a job that takes up the work of the lock's owner? */
static bool is_restarted(const char *owner)
{
    char *job = my_job();
    bool same_job = job[0] && tec_string_ends_with(owner, job);
    free(job);
    for (size_t i = 0; i < sizeof restarts / sizeof *restarts; i++)
        if (tec_environment_number(restarts[i]) > 0)
            return true;
    return same_job;
}

/* ---- rank 0 ---- */

/* A lock that is being waited for. */
typedef struct waiting {
    double start, seconds; /* at most; 0: not waiting yet */
    int failed;            /* errno of the last attempt; 0: the lock is ours */
} waiting;

static void begin_to_wait(const run_lock *lock, const char *dir, double minutes, waiting *w)
{
    char owner[256], most[32];
    read_owner(lock, owner, sizeof owner);
    w->seconds = is_restarted(owner) ? 60 * minutes : tec_min_double(PATIENCE, 60 * minutes);
    if (w->seconds > 0)
        tec_log("%s: another process trains in this directory (%s): waiting up to %s for it to end (run.lock_minutes)",
                dir, owner[0] ? owner : "unknown", tec_duration(most, w->seconds));
}

/* One attempt, after a nap if it is not the first. Returns whether to try once more. */
static bool attempt(const run_lock *lock, const char *dir, double minutes, waiting *w)
{
    if (w->start > 0)
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    w->failed = try_lock(lock->fd);
    if (!is_held(w->failed)) {
        char time[32];
        if (w->start > 0 && !w->failed)
            tec_log("%s: the lock is free after %s", dir, tec_duration(time, tec_seconds() - w->start));
        return false;
    }
    if (w->start == 0) {
        w->start = tec_seconds();
        begin_to_wait(lock, dir, minutes, w);
    }
    return !tec_stop_asked() && tec_seconds() < w->start + w->seconds;
}

tec_status tec_run_lock_check(const run_lock *lock)
{
    if (!tec_file_replaced(lock->fd, lock->path))
        return TEC_OK;
    char *dir = tec_path_directory(lock->path);
    tec_status status =
        tec_fail(TEC_SYSTEM_ERROR,
                 "%s: the run directory was removed, or belongs to another process now: its file `lock` is not the "
                 "one that this run holds; leave a run directory in place while its run lasts",
                 dir);
    free(dir);
    return status;
}

/* After the last attempt. */
static tec_status take_or_refuse(run_lock *lock, const char *dir, const waiting *w)
{
    char owner[256], time[32];
    if (is_held(w->failed))
        return tec_fail(TEC_SYSTEM_ERROR,
                        "%s: another process trains in this directory (%s), still after %s%s; wait until it ends, or "
                        "give another run.dir",
                        dir, read_owner(lock, owner, sizeof owner), tec_duration(time, tec_seconds() - w->start),
                        tec_stop_asked() ? ", when this one was told to stop" : "");
    if (w->failed)
        tec_warn("%s: cannot be locked (%s); make sure that no other job trains in this directory", lock->path,
                 strerror(w->failed));
    TEC_TRY(tec_run_lock_check(lock)); /* of a directory that was removed while we waited */
    lock->owned = true;
    lock->held = !w->failed;
    sign(lock);
    return TEC_OK;
}

static tec_status open_file(const char *dir, run_lock *lock)
{
    lock->path = tec_path_join(dir, "lock");
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be opened: %s", lock->path, strerror(errno));
    return TEC_OK;
}

/* ---- all ranks ---- */

tec_status tec_run_lock_take(const tec_comm *comm, const char *dir, double minutes, run_lock *lock)
{
    waiting w = {0};
    bool again = true;
    TEC_TRY(tec_comm_agree(comm, comm->rank == 0 ? open_file(dir, lock) : TEC_OK));
    /* All ranks hear of every attempt: their watchdogs see that there is nothing wrong. */
    while (again) {
        if (comm->rank == 0)
            again = attempt(lock, dir, minutes, &w);
        tec_comm_broadcast(comm, &again, sizeof again, 0);
    }
    return tec_comm_agree(comm, comm->rank == 0 ? take_or_refuse(lock, dir, &w) : TEC_OK);
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
