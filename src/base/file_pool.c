/* File descriptors of a set of files, opened at the first read and kept up to a limit. */
#include "tec/file_pool.h"

#include "tec/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tec_file_pool {
    pthread_mutex_t lock;
    int64_t files;
    int open, most;
    const char *remedy;
    int fd[]; /* [files], -1: not kept open */
};

tec_file_pool *tec_file_pool_create(int64_t files, int most, const char *remedy)
{
    tec_file_pool *pool = tec_allocate(sizeof *pool + (size_t)files * sizeof *pool->fd);
    *pool = (tec_file_pool){.files = files, .most = most, .remedy = remedy};
    pthread_mutex_init(&pool->lock, NULL);
    for (int64_t i = 0; i < files; i++)
        pool->fd[i] = -1;
    return pool;
}

void tec_file_pool_free(tec_file_pool *pool)
{
    if (!pool)
        return;
    for (int64_t i = 0; i < pool->files; i++)
        if (pool->fd[i] >= 0)
            close(pool->fd[i]);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static tec_status open_file(const tec_file_pool *pool, const char *path, int64_t bytes, int *out)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return tec_fail(TEC_USER_ERROR, "%s is missing: %s", path, pool->remedy);
    if (fd < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be opened: %s", path, strerror(errno));
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

tec_status tec_file_pool_take(tec_file_pool *pool, int64_t file, const char *path, int64_t bytes, int *fd)
{
    tec_status status = TEC_OK;
    pthread_mutex_lock(&pool->lock);
    bool keep = pool->fd[file] >= 0 || pool->open < pool->most;
    if (keep && pool->fd[file] < 0) {
        status = open_file(pool, path, bytes, &pool->fd[file]);
        pool->open += status == TEC_OK;
    }
    *fd = pool->fd[file];
    pthread_mutex_unlock(&pool->lock);
    return keep ? status : open_file(pool, path, bytes, fd);
}

void tec_file_pool_give_back(tec_file_pool *pool, int64_t file, int fd)
{
    pthread_mutex_lock(&pool->lock);
    bool kept = pool->fd[file] == fd;
    pthread_mutex_unlock(&pool->lock);
    if (!kept)
        close(fd);
}
