/* Parts of features on the disk: rows, samples, contents, notes and, at the end, how many there are of each, with
 * checksums. */
#include "row_part.h"

#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/temporary.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "tecrows2";

/* The end of a part. Rows have a checksum of their own, so that what stands behind them can be trusted without reading
 * them. */
typedef struct trailer {
    char magic[8];
    int64_t number, row_bytes, rows, notes_bytes;
    uint32_t rows_crc, crc; /* of the rows; of all behind them but itself */
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
    end.rows_crc = p->crc;
    p->crc = 0;
    tec_status status = put(p, sample, (size_t)p->rows * sizeof *sample);
    if (status == TEC_OK)
        status = put(p, content, (size_t)p->rows * sizeof *content);
    if (status == TEC_OK)
        status = put(p, notes, notes_bytes);
    end.crc = tec_crc32c(p->crc, &end, offsetof(trailer, crc));
    if (status == TEC_OK)
        status = put(p, &end, sizeof end);
    if (status == TEC_OK) {
        if (close(p->fd) != 0) /* which ends the descriptor all the same */
            status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", p->path, strerror(errno));
        p->fd = -1;
        if (status == TEC_OK)
            status = tec_file_publish(p->temporary, p->path);
        else
            unlink(p->temporary);
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

/* A part as it is opened. */
typedef struct opened {
    const row_parts *parts;
    int64_t number;
    char *path;
    int fd;
    trailer end;
} opened;

static tec_status damaged(const opened *o)
{
    return tec_fail(TEC_CHECK_FAILED, "%s is damaged; it is removed, and the same command computes it again", o->path);
}

static bool right_end(const opened *o, int64_t before)
{
    const trailer *end = &o->end;
    const int64_t each = (int64_t)(o->parts->row_bytes + sizeof(int64_t) + sizeof(uint64_t));
    return memcmp(end->magic, magic, sizeof magic) == 0 && end->number == o->number &&
           end->row_bytes == (int64_t)o->parts->row_bytes && end->rows >= 0 && end->rows <= before / each &&
           end->notes_bytes >= 0 && end->notes_bytes == before - end->rows * each;
}

/* Opens a part and reads its end. TEC_CHECK_FAILED: it is not there, or of another length than its end says.
 * TEC_SYSTEM_ERROR: that cannot be told. Close it also after a failure. */
static tec_status open_part(opened *o)
{
    struct stat info;
    o->fd = open(o->path, O_RDONLY | O_CLOEXEC);
    if (o->fd < 0 && errno == ENOENT)
        return tec_fail(TEC_CHECK_FAILED, "%s is missing; the same command computes it again", o->path);
    if (o->fd < 0 || fstat(o->fd, &info) != 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be read: %s", o->path, tec_file_reason(errno));
    if (!S_ISREG(info.st_mode))
        return tec_fail(TEC_SYSTEM_ERROR, "%s is not a file: remove it, and give the same command again", o->path);
    const int64_t before = (int64_t)info.st_size - (int64_t)sizeof o->end;
    if (before < 0)
        return damaged(o);
    TEC_TRY(tec_file_get(o->fd, o->path, &o->end, sizeof o->end, before));
    return right_end(o, before) ? TEC_OK : damaged(o);
}

static opened begin(const row_parts *parts, int64_t number)
{
    return (opened){.parts = parts, .number = number, .path = path_of(parts->dir, number), .fd = -1};
}

static void finish(opened *o)
{
    if (o->fd >= 0)
        close(o->fd);
    free(o->path);
}

tec_status tec_row_part_there(const row_parts *parts, int64_t number, bool *there, bool *useless)
{
    opened o = begin(parts, number);
    tec_status status = open_part(&o);
    *there = status == TEC_OK;
    *useless = status == TEC_CHECK_FAILED && o.fd >= 0;
    finish(&o);
    return status == TEC_CHECK_FAILED ? TEC_OK : status;
}

/* Hands out rows in pieces. */
static tec_status read_rows(const opened *o, row_part_take *take, void *context)
{
    const size_t bytes = o->parts->row_bytes;
    const int64_t piece = (int64_t)((size_t)(1 << 20) / bytes) + 1;
    void *rows = tec_allocate((size_t)piece * bytes);
    tec_status status = TEC_OK;
    uint32_t crc = 0;
    for (int64_t first = 0; first < o->end.rows && status == TEC_OK; first += piece) {
        const int64_t count = tec_min_int64(o->end.rows - first, piece);
        status = tec_file_get(o->fd, o->path, rows, (size_t)count * bytes, first * (int64_t)bytes);
        if (status == TEC_OK) {
            crc = tec_crc32c(crc, rows, (size_t)count * bytes);
            status = take(context, rows, count);
        }
    }
    free(rows);
    return status == TEC_OK && crc != o->end.rows_crc ? damaged(o) : status;
}

/* Is `sample` of this part, and behind the one before it? */
static bool follows(const opened *o, int64_t before, int64_t sample)
{
    const int64_t images = o->parts->part_images, first = o->number * images;
    return sample > before && sample >= first && sample < tec_min_int64(first + images, o->parts->images);
}

/* A part of other images has the right checksum too. */
static bool right_samples(const opened *o, const row_notes *notes)
{
    int64_t last = -1;
    for (int64_t i = 0; i < notes->rows; last = notes->sample[i++])
        if (!follows(o, last, notes->sample[i]))
            return false;
    last = -1;
    for (const char *at = notes->notes; at < notes->notes + notes->notes_bytes; at += strlen(at) + 1) {
        const int64_t sample = strtoll(at, NULL, 10);
        if (!follows(o, last, sample))
            return false;
        last = sample;
    }
    return true;
}

static tec_status read_notes(const opened *o, row_notes *out)
{
    const size_t eight = (size_t)o->end.rows * sizeof(int64_t);
    const int64_t at = o->end.rows * o->end.row_bytes;
    *out = (row_notes){.rows = o->end.rows,
                       .sample = tec_allocate(eight),
                       .content = tec_allocate(eight),
                       .notes = tec_allocate_zeroed((size_t)o->end.notes_bytes + 1, 1),
                       .notes_bytes = (size_t)o->end.notes_bytes};
    TEC_TRY(tec_file_get(o->fd, o->path, out->sample, eight, at));
    TEC_TRY(tec_file_get(o->fd, o->path, out->content, eight, at + (int64_t)eight));
    TEC_TRY(tec_file_get(o->fd, o->path, out->notes, out->notes_bytes, at + 2 * (int64_t)eight));
    uint32_t crc = tec_crc32c(0, out->sample, eight);
    crc = tec_crc32c(crc, out->content, eight);
    crc = tec_crc32c(crc, out->notes, out->notes_bytes);
    crc = tec_crc32c(crc, &o->end, offsetof(trailer, crc));
    return crc == o->end.crc && right_samples(o, out) ? TEC_OK : damaged(o);
}

tec_status tec_row_part_read(const row_parts *parts, int64_t number, row_part_take *take, void *context, row_notes *out)
{
    opened o = begin(parts, number);
    *out = (row_notes){0};
    tec_status status = open_part(&o);
    if (status == TEC_OK)
        status = read_notes(&o, out);
    if (status == TEC_OK && take)
        status = read_rows(&o, take, context);
    if (status == TEC_CHECK_FAILED) {
        unlink(o.path);
        status = TEC_SYSTEM_ERROR;
    }
    if (status != TEC_OK)
        tec_row_notes_free(out);
    finish(&o);
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
