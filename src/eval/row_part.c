/* Parts of features on the disk: rows, samples, contents, notes and, at the end, how many there are of each, with a checksum.
 */
#include "row_part.h"

#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "tecrows1";

/* The end of a part. */
typedef struct trailer {
    char magic[8];
    int64_t number, row_bytes, rows, notes_bytes;
    uint32_t crc, zero; /* of all before the trailer */
} trailer;

static char *path_of(const char *dir, int64_t number)
{
    return tec_string_format("%s/part-%07lld", dir, (long long)number);
}

/* -- writing -- */

static tec_status put(row_part *p, const void *data, size_t bytes)
{
    tec_status status = tec_file_put(p->fd, p->temporary, data, bytes, p->bytes);
    p->crc = tec_crc32c(p->crc, data, bytes);
    p->bytes += (int64_t)bytes;
    return status;
}

tec_status tec_row_part_open(row_part *p, const char *dir, int64_t number, size_t row_bytes)
{
    *p = (row_part){.path = path_of(dir, number), .fd = -1, .row_bytes = row_bytes};
    p->temporary = tec_file_temporary(p->path);
    tec_status status = tec_file_create(p->temporary, 0, &p->fd);
    if (status != TEC_OK)
        tec_row_part_discard(p);
    return status;
}

tec_status tec_row_part_put(row_part *p, const void *rows, int64_t count)
{
    p->rows += count;
    return put(p, rows, (size_t)count * p->row_bytes);
}

tec_status tec_row_part_commit(row_part *p, const int64_t *sample, const uint64_t *content, const char *notes,
                               size_t notes_bytes)
{
    const char *at = strrchr(p->path, '-');
    trailer end = {.number = strtoll(at + 1, NULL, 10),
                   .row_bytes = (int64_t)p->row_bytes,
                   .rows = p->rows,
                   .notes_bytes = (int64_t)notes_bytes};
    memcpy(end.magic, magic, sizeof magic);
    tec_status status = put(p, sample, (size_t)p->rows * sizeof *sample);
    if (status == TEC_OK)
        status = put(p, content, (size_t)p->rows * sizeof *content);
    if (status == TEC_OK)
        status = put(p, notes, notes_bytes);
    end.crc = p->crc;
    if (status == TEC_OK)
        status = put(p, &end, sizeof end);
    if (status == TEC_OK && close(p->fd) != 0)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", p->temporary, strerror(errno));
    else if (status == TEC_OK) {
        p->fd = -1;
        status = tec_file_publish(p->temporary, p->path);
    }
    tec_row_part_discard(p);
    return status;
}

void tec_row_part_discard(row_part *p)
{
    if (p->fd >= 0) {
        close(p->fd);
        unlink(p->temporary);
    }
    free(p->path);
    free(p->temporary);
    *p = (row_part){.fd = -1};
}

/* -- reading -- */

/* Opens a part and reads its end. TEC_USER_ERROR: it is not there, or of another length than its end says. */
static tec_status open_part(const char *path, int64_t number, size_t row_bytes, int *fd, trailer *end)
{
    struct stat info;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    tec_status status = TEC_OK;
    if (*fd < 0 || fstat(*fd, &info) != 0)
        status = tec_fail(TEC_USER_ERROR, "%s: %s", path, strerror(errno));
    const int64_t before = status == TEC_OK ? (int64_t)info.st_size - (int64_t)sizeof *end : -1;
    if (status == TEC_OK && before >= 0)
        status = tec_file_get(*fd, path, end, sizeof *end, before);
    const int64_t each = (int64_t)(row_bytes + sizeof(int64_t) + sizeof(uint64_t));
    if (status == TEC_OK && (before < 0 || memcmp(end->magic, magic, sizeof magic) != 0 || end->number != number ||
                             end->row_bytes != (int64_t)row_bytes || end->rows < 0 || end->rows > before / each ||
                             end->notes_bytes < 0 || end->notes_bytes != before - end->rows * each))
        status = tec_fail(TEC_USER_ERROR, "%s is damaged", path);
    if (status != TEC_OK && *fd >= 0)
        close(*fd);
    return status;
}

bool tec_row_part_there(const char *dir, int64_t number, size_t row_bytes)
{
    char *path = path_of(dir, number);
    trailer end;
    int fd;
    bool there = open_part(path, number, row_bytes, &fd, &end) == TEC_OK;
    if (there)
        close(fd);
    free(path);
    return there;
}

/* Hands out rows in pieces, and returns the checksum so far. */
static tec_status read_rows(int fd, const char *path, const trailer *end, row_part_take *take, void *context,
                            uint32_t *crc)
{
    const size_t bytes = (size_t)end->row_bytes;
    const int64_t piece = (int64_t)((size_t)(1 << 20) / bytes) + 1;
    void *rows = tec_allocate((size_t)piece * bytes);
    tec_status status = TEC_OK;
    for (int64_t first = 0; first < end->rows && status == TEC_OK; first += piece) {
        const int64_t count = end->rows - first < piece ? end->rows - first : piece;
        status = tec_file_get(fd, path, rows, (size_t)count * bytes, first * (int64_t)bytes);
        if (status == TEC_OK)
            *crc = tec_crc32c(*crc, rows, (size_t)count * bytes);
        if (status == TEC_OK)
            status = take(context, rows, count);
    }
    free(rows);
    return status;
}

static tec_status read_notes(int fd, const char *path, const trailer *end, row_notes *out, uint32_t *crc)
{
    const size_t eight = (size_t)end->rows * sizeof(int64_t);
    int64_t at = end->rows * end->row_bytes;
    *out = (row_notes){.rows = end->rows,
                       .sample = tec_allocate(eight),
                       .content = tec_allocate(eight),
                       .notes = tec_allocate_zeroed((size_t)end->notes_bytes + 1, 1),
                       .notes_bytes = (size_t)end->notes_bytes};
    TEC_TRY(tec_file_get(fd, path, out->sample, eight, at));
    TEC_TRY(tec_file_get(fd, path, out->content, eight, at + (int64_t)eight));
    TEC_TRY(tec_file_get(fd, path, out->notes, out->notes_bytes, at + 2 * (int64_t)eight));
    *crc = tec_crc32c(*crc, out->sample, eight);
    *crc = tec_crc32c(*crc, out->content, eight);
    *crc = tec_crc32c(*crc, out->notes, out->notes_bytes);
    return TEC_OK;
}

tec_status tec_row_part_read(const char *dir, int64_t number, size_t row_bytes, row_part_take *take, void *context,
                             row_notes *out)
{
    char *path = path_of(dir, number);
    trailer end;
    int fd;
    uint32_t crc = 0;
    *out = (row_notes){0};
    tec_status status = open_part(path, number, row_bytes, &fd, &end);
    bool damaged = status != TEC_OK;
    if (status == TEC_OK) {
        if (take)
            status = read_rows(fd, path, &end, take, context, &crc);
        if (status == TEC_OK)
            status = read_notes(fd, path, &end, out, &crc);
        damaged = status == TEC_OK && take && crc != end.crc;
        close(fd);
    }
    if (damaged) {
        status =
            tec_fail(TEC_SYSTEM_ERROR, "%s is damaged; it is removed, and the same command computes it again", path);
        unlink(path);
    }
    free(path);
    return status;
}

void tec_row_notes_free(row_notes *notes)
{
    free(notes->sample);
    free(notes->content);
    free(notes->notes);
    *notes = (row_notes){0};
}

void tec_row_part_remove(const char *dir, int64_t number)
{
    char *path = path_of(dir, number);
    unlink(path);
    free(path);
}
