/* File descriptors of a set of files, opened at the first read and kept as far as the limit of open files allows. */
#include "tec/file_pool.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEFT_TO_OTHERS 256 /* descriptors, at least: MPI's connections, the log, a checkpoint */

typedef struct pooled_file {
    int fd;   /* -1: not kept open */
    int uses; /* at the moment */
} pooled_file;

struct tec_file_pool {
    pthread_mutex_t lock;
    int64_t files;
    int64_t open, most; /* kept open now, at most */
    const char *remedy;
    char *few;          /* said at the first read: not all can be kept open; NULL: they can, or it has been said */
    pooled_file file[]; /* [files] */
};

/* ---- descriptors ---- */

/* What all pools of the process may keep open together. */
static struct {
    pthread_mutex_t lock;
    int64_t given;
} share = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* How many descriptors of a limit pools may have. */
static int64_t usable(rlim_t limit)
{
    int64_t all = limit == RLIM_INFINITY || limit > INT32_MAX ? INT32_MAX : (int64_t)limit;
    return tec_max_int64(all - tec_max_int64(LEFT_TO_OTHERS, all / 4), 0);
}

/* The lowest limit of which `wanted` are usable, or the highest possible. */
static rlim_t limit_for(int64_t wanted, rlim_t most)
{
    int64_t limit = tec_max_int64(wanted + LEFT_TO_OTHERS, wanted / 3 * 4 + 4);
    return most != RLIM_INFINITY && most < (rlim_t)limit ? most : (rlim_t)limit;
}

/* Takes up to `wanted` descriptors, and raises the soft limit only if that is needed: with numbers above 1023 some
 * libraries cannot deal. */
static int64_t take_descriptors(int64_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        limit.rlim_cur = limit.rlim_max = 1024;
    pthread_mutex_lock(&share.lock);
    if (usable(limit.rlim_cur) < share.given + wanted) {
        struct rlimit raised = {limit_for(share.given + wanted, limit.rlim_max), limit.rlim_max};
        if (raised.rlim_cur > limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    int64_t got = tec_min_int64(wanted, tec_max_int64(usable(limit.rlim_cur) - share.given, 1));
    share.given += got;
    pthread_mutex_unlock(&share.lock);
    return got;
}

static void return_descriptors(int64_t count)
{
    pthread_mutex_lock(&share.lock);
    share.given -= count;
    pthread_mutex_unlock(&share.lock);
}

/* ---- the pool ---- */

tec_file_pool *tec_file_pool_create(int64_t files, const char *name, const char *remedy, const char *fewer)
{
    tec_file_pool *pool = tec_allocate(sizeof *pool + (size_t)files * sizeof *pool->file);
    *pool = (tec_file_pool){.files = files, .most = take_descriptors(files), .remedy = remedy};
    pthread_mutex_init(&pool->lock, NULL);
    for (int64_t i = 0; i < files; i++)
        pool->file[i] = (pooled_file){.fd = -1};
    if (pool->most < files)
        pool->few = tec_string_format(
            "%s: %lld of %lld files are kept open, as many as the limit of open files allows (ulimit -Hn); the others "
            "are opened for every read: %s",
            name, (long long)pool->most, (long long)files, fewer);
    return pool;
}

void tec_file_pool_free(tec_file_pool *pool)
{
    if (!pool)
        return;
    for (int64_t i = 0; i < pool->files; i++)
        if (pool->file[i].fd >= 0)
            close(pool->file[i].fd);
    return_descriptors(pool->most);
    pthread_mutex_destroy(&pool->lock);
    free(pool->few);
    free(pool);
}

/* Called with the lock. Closes a file that is not in use, for others need its descriptor; false: there is none. */
static bool close_one(tec_file_pool *pool)
{
    for (int64_t i = 0; i < pool->files; i++)
        if (pool->file[i].fd >= 0 && pool->file[i].uses == 0) {
            close(pool->file[i].fd);
            pool->file[i].fd = -1;
            pool->open--;
            return true;
        }
    return false;
}

/* Called with the lock. */
static tec_status open_file(tec_file_pool *pool, const char *path, int64_t bytes, int *out)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && (errno == EMFILE || errno == ENFILE) && close_one(pool))
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return tec_fail(TEC_USER_ERROR, "%s is missing: %s", path, pool->remedy);
    if (fd < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be opened: %s", path, tec_file_reason(errno));
    tec_status status = TEC_OK;
    if (fstat(fd, &info) != 0)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: fstat: %s", path, strerror(errno));
    else if (info.st_size != bytes)
        status = tec_fail(TEC_USER_ERROR, "%s has %lld bytes instead of %lld: delete it; %s", path,
                          (long long)info.st_size, (long long)bytes, pool->remedy);
    if (status != TEC_OK)
        close(fd);
    else
        *out = fd;
    return status;
}

tec_status tec_file_pool_take(tec_file_pool *pool, int64_t number, const char *path, int64_t bytes, int *fd)
{
    pooled_file *file = &pool->file[number];
    tec_status status = TEC_OK;
    pthread_mutex_lock(&pool->lock);
    if (pool->few)
        tec_log("%s", pool->few);
    free(pool->few);
    pool->few = NULL;
    *fd = file->fd;
    if (file->fd < 0) {
        status = open_file(pool, path, bytes, fd);
        if (status == TEC_OK && pool->open < pool->most) {
            file->fd = *fd;
            pool->open++;
        }
    }
    file->uses += status == TEC_OK && file->fd == *fd;
    pthread_mutex_unlock(&pool->lock);
    return status;
}

void tec_file_pool_give_back(tec_file_pool *pool, int64_t number, int fd)
{
    pooled_file *file = &pool->file[number];
    pthread_mutex_lock(&pool->lock);
    bool kept = file->fd == fd;
    file->uses -= kept;
    pthread_mutex_unlock(&pool->lock);
    if (!kept)
        close(fd);
}
