/* Reading, writing and publishing whole files. */
#include "tec/files.h"

#include "tec/memory.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

char *tec_path_join(const char *dir, const char *name)
{
    size_t length = strlen(dir);
    return tec_string_format("%s%s%s", dir, length > 0 && dir[length - 1] == '/' ? "" : "/", name);
}

void tec_path_last(const char *path, char *text, size_t size)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    snprintf(text, size, "%.*s", (int)(end - begin), path + begin);
}

const char *tec_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *tec_path_directory(const char *path)
{
    size_t length = (size_t)(tec_path_name(path) - path);
    if (length == 0)
        return tec_string_copy(".");
    return tec_string_format("%.*s", length == 1 ? 1 : (int)length - 1, path);
}

char *tec_path_beside(const char *path, const char *name)
{
    return tec_string_format("%.*s%s", (int)(tec_path_name(path) - path), path, name);
}

const char *tec_file_reason(int error)
{
    static _Thread_local char text[160];
    static const struct {
        int error;
        unsigned limit;
        const char *what;
    } limits[] = {{EFBIG, RLIMIT_FSIZE, "bytes in a file, ulimit -f"},
                  {EMFILE, RLIMIT_NOFILE, "open files, ulimit -n"}};
    struct rlimit limit;
    snprintf(text, sizeof text, "%s", strerror(error));
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (error == limits[i].error && getrlimit(limits[i].limit, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
            snprintf(text, sizeof text, "%s (the limit is %llu %s)", strerror(error),
                     (unsigned long long)limit.rlim_cur, limits[i].what);
    return text;
}

/* The real path of what there is of a path: of itself, or of the nearest directory above it that exists. NULL: none. The
 * caller frees it. */
static char *real_part(const char *path)
{
    char *part = tec_string_copy(path), *real;
    while (!(real = realpath(part, NULL)) && strcmp(part, ".") != 0 && strcmp(part, "/") != 0) {
        size_t length = strlen(part);
        while (length > 1 && part[length - 1] == '/')
            part[--length] = '\0';
        char *above = tec_path_directory(part);
        free(part);
        part = above;
    }
    free(part);
    return real;
}

bool tec_path_is_within(const char *path, const char *dir)
{
    char *inner = real_part(path), *outer = realpath(dir, NULL);
    size_t length = outer ? strlen(outer) : 0;
    bool within = inner && outer && !strncmp(inner, outer, length) &&
                  (!inner[length] || inner[length] == '/' || outer[length - 1] == '/');
    free(inner);
    free(outer);
    return within;
}

bool tec_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

tec_status tec_file_look(const char *path, bool *there)
{
    struct stat info;
    *there = stat(path, &info) == 0;
    if (*there || errno == ENOTDIR)
        return TEC_OK;
    if (errno != ENOENT && errno != ELOOP)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: %s", path, strerror(errno));
    if (lstat(path, &info) != 0)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "%s is a link to nothing (is a disk missing?): mend the link, or remove it", path);
}

/* -- reading -- */

tec_status tec_file_get(int fd, const char *path, void *data, size_t bytes, int64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = pread(fd, (char *)data + done, bytes - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be read: %s", path, strerror(errno));
        if (got == 0)
            return tec_fail(TEC_SYSTEM_ERROR, "%s ends at byte %lld, before byte %lld", path,
                            (long long)offset + (long long)done, (long long)offset + (long long)bytes);
        done += (size_t)got;
    }
    return TEC_OK;
}

static tec_status read_all(int fd, const char *path, size_t limit, char **data, size_t *bytes)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: fstat: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return tec_fail(TEC_USER_ERROR, "%s is not a file", path);
    if ((unsigned long long)info.st_size > limit)
        return tec_fail(TEC_USER_ERROR, "%s has %lld bytes, more than the limit of %zu", path, (long long)info.st_size,
                        limit);
    size_t size = (size_t)info.st_size;
    char *text = tec_allocate(size + 1);
    tec_status status = tec_file_get(fd, path, text, size, 0);
    if (status != TEC_OK) {
        free(text);
        return status;
    }
    text[size] = 0;
    *data = text;
    *bytes = size;
    return TEC_OK;
}

tec_status tec_file_read(const char *path, size_t limit, char **data, size_t *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tec_fail(errno == EMFILE || errno == ENFILE ? TEC_SYSTEM_ERROR : TEC_USER_ERROR, "%s: %s", path,
                        tec_file_reason(errno));
    tec_status status = read_all(fd, path, limit, data, bytes);
    close(fd);
    return status;
}

/* -- writing -- */

static tec_status sync_path(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be opened to flush it: %s", tec_temporary_path(path),
                        strerror(errno));
    /* Some network file systems cannot flush a directory and report EINVAL, which does no harm. */
    int failed = fsync(fd) != 0 && !((flags & O_DIRECTORY) && (errno == EINVAL || errno == ENOTSUP)) ? errno : 0;
    if (close(fd) != 0 && !failed)
        failed = errno;
    if (failed)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be flushed to the disk: %s", tec_temporary_path(path),
                        strerror(failed));
    return TEC_OK;
}

tec_status tec_file_flush(const char *path)
{
    return sync_path(path, 0);
}

/* Flushes the directory that contains `path`: from then on a rename of `path` survives a power failure. */
static tec_status sync_directory(const char *path)
{
    char *directory = tec_path_directory(path);
    tec_status status = sync_path(directory, O_DIRECTORY);
    free(directory);
    return status;
}

tec_status tec_file_rename(const char *path, const char *to)
{
    if (rename(path, to) == 0)
        return TEC_OK;
    return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be renamed to %s: %s", path, to, strerror(errno));
}

tec_status tec_file_remove(const char *path)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return TEC_OK;
    return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be removed: %s", path, strerror(errno));
}

tec_status tec_file_publish(const char *temporary, const char *path)
{
    tec_status status = tec_file_flush(temporary);
    if (status == TEC_OK && rename(temporary, path) != 0)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be put in place: %s", path, strerror(errno));
    if (status != TEC_OK) {
        unlink(temporary);
        return status;
    }
    return sync_directory(path);
}

tec_status tec_file_publish_once(const char *temporary, const char *path)
{
    tec_status status = tec_file_flush(temporary);
    /* A link, unlike a rename, never replaces an existing file. */
    bool linked = status == TEC_OK && link(temporary, path) == 0;
    if (status == TEC_OK && !linked && errno != EEXIST && !tec_file_exists(path))
        return tec_file_publish(temporary, path); /* a file system without hard links */
    unlink(temporary);
    return linked ? sync_directory(path) : status;
}

tec_status tec_file_reserve(int fd, const char *path, int64_t offset, int64_t bytes)
{
    struct stat info;
    int failed = bytes > 0 && fallocate(fd, 0, offset, bytes) != 0 ? errno : 0;
    if (failed == EOPNOTSUPP || failed == ENOSYS || failed == EINTR)
        failed =
            fstat(fd, &info) != 0 || (info.st_size < offset + bytes && ftruncate(fd, offset + bytes) != 0) ? errno : 0;
    if (!failed)
        return TEC_OK;
    return tec_fail(TEC_SYSTEM_ERROR, "%s: no room for %lld bytes: %s", tec_temporary_path(path), (long long)bytes,
                    tec_file_reason(failed));
}

tec_status tec_file_create(const char *path, int64_t bytes, int *fd)
{
    *fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (*fd < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be created: %s", tec_temporary_path(path),
                        tec_file_reason(errno));
    tec_status status = tec_file_reserve(*fd, path, 0, bytes);
    if (status != TEC_OK) {
        close(*fd);
        unlink(path);
        *fd = -1;
    }
    return status;
}

tec_status tec_file_put(int fd, const char *path, const void *data, size_t bytes, int64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t put = pwrite(fd, (const char *)data + done, bytes - done, offset + (int64_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", tec_temporary_path(path),
                            tec_file_reason(errno));
        done += (size_t)put;
    }
    return TEC_OK;
}

tec_status tec_file_write(const char *path, const void *data, size_t bytes)
{
    int fd;
    char *temporary = tec_file_temporary(path);
    tec_status status = tec_file_create(temporary, (int64_t)bytes, &fd);
    if (status == TEC_OK) {
        status = tec_file_put(fd, temporary, data, bytes, 0);
        if (close(fd) != 0 && status == TEC_OK)
            status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", path, strerror(errno));
        if (status == TEC_OK)
            status = tec_file_publish(temporary, path);
        else
            unlink(temporary);
    }
    free(temporary);
    return status;
}

bool tec_file_same(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

bool tec_file_replaced(int fd, const char *path)
{
    struct stat named, ours;
    if (stat(path, &named) != 0)
        return errno == ENOENT || errno == ENOTDIR;
    return fstat(fd, &ours) == 0 && (named.st_dev != ours.st_dev || named.st_ino != ours.st_ino);
}

tec_status tec_file_check_output(const char *path)
{
    struct stat info;
    if (strcmp(path, "-") == 0)
        return tec_fail(TEC_USER_ERROR, "`-` does not stand for standard output here: name a file");
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return tec_fail(TEC_USER_ERROR, "%s is a %s: name a file", path,
                        S_ISDIR(info.st_mode) ? "directory" : "device or a pipe");
    char *temporary = tec_file_temporary(path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), failed = fd < 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
        unlink(temporary);
    }
    free(temporary);
    return failed ? tec_fail(TEC_USER_ERROR,
                             "%s: cannot be written: %s; name a file in a directory that can be written to", path,
                             strerror(failed))
                  : TEC_OK;
}

/* -- directories -- */

tec_status tec_directory_make(const char *path)
{
    char *partial = tec_string_copy(path);
    tec_status status = TEC_OK;
    for (char *end = partial + strspn(partial, "/"); status == TEC_OK && *end;) {
        end += strcspn(end, "/");
        char kept = *end;
        *end = 0;
        int failed = mkdir(partial, 0777) != 0 ? errno : 0;
        if (failed && failed != EEXIST && !tec_file_exists(partial))
            status = tec_fail(TEC_USER_ERROR, "%s: the directory cannot be made: %s", partial, strerror(failed));
        *end = kept;
        end += strspn(end, "/");
    }
    free(partial);
    struct stat info;
    if (status == TEC_OK && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        status = tec_fail(TEC_USER_ERROR, "%s is not a directory", path);
    if (status == TEC_OK && access(path, W_OK | X_OK) != 0)
        status = tec_fail(TEC_USER_ERROR, "%s: the directory cannot be written to: %s", path, strerror(errno));
    return status;
}
