/* A file that grows by whole pieces, and training that goes on where there is no room for them. */
#include "appended.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

tec_status tec_appended_open(appended *a, char *path, const char *what, bool anew)
{
    *a = (appended){.path = path, .what = what};
    a->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (anew ? O_TRUNC : 0), 0666);
    a->bytes = a->fd < 0 ? -1 : lseek(a->fd, 0, SEEK_END);
    if (a->bytes < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", path, strerror(errno));
    return TEC_OK;
}

tec_status tec_appended_flush(appended *a)
{
    if (!a->pending)
        return TEC_OK;
    tec_status status = tec_file_put(a->fd, a->path, a->pending, a->pending_bytes, a->bytes);
    if (status != TEC_OK) {
        (void)!ftruncate(a->fd, a->bytes); /* readers see whole pieces only */
        return status;
    }
    a->bytes += (int64_t)a->pending_bytes;
    free(a->pending);
    a->pending = NULL;
    a->pending_bytes = 0;
    return TEC_OK;
}

void tec_appended_add(appended *a, const void *piece, size_t bytes)
{
    bool waiting = a->pending != NULL;
    char *all = tec_allocate(a->pending_bytes + bytes);
    if (waiting)
        memcpy(all, a->pending, a->pending_bytes);
    memcpy(all + a->pending_bytes, piece, bytes);
    free(a->pending);
    a->pending = all;
    a->pending_bytes += bytes;
    if (tec_appended_flush(a) != TEC_OK && !waiting) {
        tec_progress_end();
        tec_warn("%s; training goes on, and the %s are written once that is possible", tec_error_message(), a->what);
    } else if (waiting && !a->pending) {
        tec_log("%s: the %s that could not be written are written now", a->path, a->what);
    }
}

void tec_appended_close(appended *a)
{
    if (!a->path)
        return;
    if (a->fd >= 0)
        close(a->fd);
    free(a->pending);
    free(a->path);
    *a = (appended){0};
}
