/* Names of temporary files, and whether the process that writes one is still there. */
#include "tec/temporary.h"

#include "tec/environment.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/room.h"
#include "tec/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- names ---- */

typedef struct owner_name {
    tec_host host;
    long pid, job, restart; /* job 0: none */
    size_t length;          /* of the path before all that */
} owner_name;

static void host_name(tec_host host)
{
    tec_host_mine(host);
    for (char *c = host; *c; c++)
        if (*c == '.' || *c == '/')
            *c = '-';
}

/* 0: there is none. */
static long number_from(const char *variable)
{
    return tec_max_int64(tec_environment_number(variable), 0);
}

char *tec_file_temporary(const char *path)
{
    static atomic_uint number;
    char job[64] = "";
    tec_host host;
    host_name(host);
    if (number_from("SLURM_JOB_ID"))
        snprintf(job, sizeof job, ".%ld-%ld", number_from("SLURM_JOB_ID"), number_from("SLURM_RESTART_COUNT"));
    return tec_string_format("%s.%s.%ld.%u%s.tmp", path, host, (long)getpid(), atomic_fetch_add(&number, 1), job);
}

/* Takes ".NUMBER" off the end of text [*length]; false: there is none. */
static bool take_number(const char *text, size_t *length, long *number)
{
    size_t start = *length;
    while (start > 0 && text[start - 1] >= '0' && text[start - 1] <= '9')
        start--;
    if (start == *length || start == 0 || text[start - 1] != '.')
        return false;
    *number = strtol(text + start, NULL, 10);
    *length = start - 1;
    return true;
}

static void take_job(const char *text, size_t *length, owner_name *owner)
{
    size_t start = *length;
    while (start > 0 && text[start - 1] != '.')
        start--;
    int end = 0;
    if (start > 0 && sscanf(text + start, "%ld-%ld%n", &owner->job, &owner->restart, &end) == 2 &&
        start + (size_t)end == *length)
        *length = start - 1;
    else
        owner->job = 0;
}

static bool parse(const char *name, owner_name *owner)
{
    size_t length = strlen(name);
    long number;
    if (!tec_string_ends_with(name, ".tmp"))
        return false;
    length -= strlen(".tmp");
    *owner = (owner_name){0};
    take_job(name, &length, owner);
    if (!take_number(name, &length, &number) || !take_number(name, &length, &owner->pid) || owner->pid <= 0)
        return false;
    size_t start = length;
    while (start > 0 && name[start - 1] != '.')
        start--;
    if (start == 0 || length - start > HOST_NAME_MAX)
        return false;
    memcpy(owner->host, name + start, length - start);
    owner->length = start - 1;
    return true;
}

bool tec_temporary_is(const char *name)
{
    owner_name owner;
    return parse(name, &owner);
}

const char *tec_temporary_path(const char *name)
{
    static _Thread_local char path[PATH_MAX];
    owner_name owner;
    if (!parse(name, &owner) || owner.length >= sizeof path)
        return name;
    memcpy(path, name, owner.length);
    path[owner.length] = '\0';
    return path;
}

/* ---- owners ---- */

/* Has the Slurm job ended, or this run of it? */
static bool job_is_over(const owner_name *owner)
{
    if (owner->job == 0)
        return false;
    if (owner->job == number_from("SLURM_JOB_ID"))
        return owner->restart < number_from("SLURM_RESTART_COUNT");
    const char *over = getenv("TEC_AFTER_JOBS");
    for (char *end; over && *over; over = end) {
        long job = strtol(over, &end, 10);
        if (job == owner->job)
            return true;
        if (end == over)
            end++;
    }
    return false;
}

static tec_owner owner_by_name(const owner_name *owner)
{
    tec_host host;
    host_name(host);
    if (strcmp(owner->host, host) == 0)
        return kill((pid_t)owner->pid, 0) != 0 && errno == ESRCH ? TEC_OWNER_GONE : TEC_OWNER_LIVES;
    return job_is_over(owner) ? TEC_OWNER_GONE : TEC_OWNER_UNKNOWN;
}

tec_owner tec_temporary_owner_by_name(const char *name)
{
    owner_name owner;
    return parse(name, &owner) ? owner_by_name(&owner) : TEC_OWNER_UNKNOWN;
}

/* The clock of the file server, which need not agree with ours; what it has stamped is compared with it. */
static time_t time_of(const char *directory)
{
    char *path = tec_path_join(directory, "clock"), *temporary = tec_file_temporary(path);
    struct stat info;
    time_t now = time(NULL);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
        if (fstat(fd, &info) == 0)
            now = info.st_mtime;
        close(fd);
        unlink(temporary);
    }
    free(temporary);
    free(path);
    return now;
}

static tec_owner owner_by_file(const char *directory, const char *path, const owner_name *owner)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? TEC_OWNER_GONE : TEC_OWNER_UNKNOWN;
    tec_owner found = owner_by_name(owner);
    int failed = flock(fd, LOCK_SH | LOCK_NB) != 0 ? errno : 0;
    if (failed == EWOULDBLOCK)
        found = TEC_OWNER_LIVES;
    else if (found == TEC_OWNER_UNKNOWN && fstat(fd, &info) == 0 &&
             time_of(directory) - info.st_mtime > TEC_TEMPORARY_SILENT)
        found = TEC_OWNER_GONE;
    close(fd);
    return found;
}

tec_owner tec_temporary_owner(const char *directory, const char *name)
{
    owner_name owner;
    if (!parse(name, &owner))
        return TEC_OWNER_UNKNOWN;
    char *path = tec_path_join(directory, name);
    tec_owner found = owner_by_file(directory, path, &owner);
    free(path);
    return found;
}

/* Somebody may just be looking whether the file is locked. */
bool tec_temporary_mark(int fd)
{
    int failed = 0;
    for (int attempt = 0; attempt < 20; attempt++) {
        failed = flock(fd, LOCK_EX | LOCK_NB) != 0 ? errno : 0;
        if (failed != EWOULDBLOCK && failed != EINTR)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return false;
}

static void remove_those(const char *directory, const char *prefix, const char *except, bool living)
{
    DIR *dir = opendir(directory);
    int removed = 0;
    int64_t bytes = 0;
    char text[32];
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat info;
        if (!tec_string_starts_with(entry->d_name, prefix) ||
            (except && tec_string_starts_with(entry->d_name, except)) || !tec_temporary_is(entry->d_name) ||
            (!living && tec_temporary_owner(directory, entry->d_name) != TEC_OWNER_GONE) ||
            fstatat(dirfd(dir), entry->d_name, &info, 0) != 0 || unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            continue;
        removed++;
        bytes += 512 * (int64_t)info.st_blocks;
    }
    if (dir)
        closedir(dir);
    if (removed > 0)
        tec_log("%s: removed %d temporary file%s (%s) that ended processes left", directory, removed,
                removed == 1 ? "" : "s", tec_room_text(text, bytes));
}

void tec_temporary_remove(const char *directory, const char *prefix, const char *except)
{
    remove_those(directory, prefix, except, false);
}

void tec_temporary_remove_all(const char *directory, const char *prefix)
{
    remove_those(directory, prefix, NULL, true);
}
