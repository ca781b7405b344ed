/* NumPy's .npz: a zip archive of .npy files, stored or deflated. Our own walk through its directory, as libzip does
 * not say where in the file a member is, which is then read by several threads. */
#include "array_parts.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    LOCAL_BYTES = 30,
    MEMBER_BYTES = 46,
    MOST_COMMENT = 65535,
    MOST_DIRECTORY = 16 << 20,
    STORED = 0,
    DEFLATED = 8,
    MOST_RATIO = 1032, /* by which deflate can shrink data */
    CHUNK = 1 << 20
};

typedef struct member {
    unsigned flags, method;
    uint32_t crc;
    uint64_t packed, unpacked, local;
    const uint8_t *name;
    size_t name_bytes;
} member;

/* ---- numbers ---- */

static uint64_t number(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

static bool is_mark(const uint8_t *at, char third, char fourth)
{
    return at[0] == 'P' && at[1] == 'K' && at[2] == (uint8_t)third && at[3] == (uint8_t)fourth;
}

static tec_status damaged(const tec_array_file *file, const char *what)
{
    return tec_fail(TEC_USER_ERROR, "%s: damaged zip archive, or cut short (%s): fetch the file again", file->path,
                    what);
}

/* ---- the directory ---- */

/* Where the large archive's directory is, if there is a record of it before the end. */
static tec_status find_large(const tec_array_file *file, int64_t end, uint64_t *bytes, uint64_t *offset)
{
    const array_part *part = &file->part[0];
    uint8_t locator[LOCATOR_BYTES], record[END64_BYTES];
    if (end < LOCATOR_BYTES)
        return TEC_OK;
    TEC_TRY(tec_file_get(part->fd, file->path, locator, sizeof locator, end - LOCATOR_BYTES));
    if (!is_mark(locator, 6, 7))
        return TEC_OK;
    uint64_t at = number(locator + 8, 8);
    if (at > (uint64_t)end || (uint64_t)end - at < END64_BYTES)
        return damaged(file, "its end points beyond it");
    TEC_TRY(tec_file_get(part->fd, file->path, record, sizeof record, (int64_t)at));
    if (!is_mark(record, 6, 6))
        return damaged(file, "no end of a large archive where it should be");
    *bytes = number(record + 40, 8);
    *offset = number(record + 48, 8);
    return TEC_OK;
}

/* Reads the directory; the caller frees it. */
static tec_status read_directory(const tec_array_file *file, uint8_t **out, size_t *bytes)
{
    const array_part *part = &file->part[0];
    size_t tail_bytes = tec_min_size((size_t)part->bytes, END_BYTES + MOST_COMMENT);
    int64_t tail_at = part->bytes - (int64_t)tail_bytes, end = -1;
    uint8_t *tail = tec_allocate(tail_bytes);
    uint64_t size = 0, offset = 0;
    tec_status status = tec_file_get(part->fd, file->path, tail, tail_bytes, tail_at);
    for (size_t at = tail_bytes; status == TEC_OK && end < 0 && at >= END_BYTES; at--) {
        const uint8_t *p = tail + at - END_BYTES;
        if (!is_mark(p, 5, 6) || number(p + 20, 2) > tail_bytes - at)
            continue;
        end = tail_at + (int64_t)(at - END_BYTES);
        size = number(p + 12, 4);
        offset = number(p + 16, 4);
    }
    free(tail);
    if (status == TEC_OK && end < 0)
        status = damaged(file, "its end is not there");
    if (status == TEC_OK)
        status = find_large(file, end, &size, &offset);
    if (status == TEC_OK && (offset > (uint64_t)end || size > (uint64_t)end - offset || size > MOST_DIRECTORY))
        status = damaged(file, "its directory is not within it");
    if (status != TEC_OK)
        return status;
    *bytes = (size_t)size;
    *out = tec_allocate(*bytes);
    return tec_file_get(part->fd, file->path, *out, *bytes, (int64_t)offset);
}

/* Of numbers that do not fit into 32 bits, in this order, those that say so. */
static bool take_large(member *m, const uint8_t *extra, size_t bytes)
{
    uint64_t *const values[] = {&m->unpacked, &m->packed, &m->local};
    bool complete = true;
    size_t used = 0, field = 0;
    const uint8_t *data = NULL;
    for (size_t at = 0; at + 4 <= bytes && !data; at += 4 + number(extra + at + 2, 2))
        if (number(extra + at, 2) == 1 && number(extra + at + 2, 2) <= bytes - at - 4) {
            data = extra + at + 4;
            field = (size_t)number(extra + at + 2, 2);
        }
    for (int i = 0; i < 3; i++)
        if (*values[i] == UINT32_MAX) {
            complete = complete && data && used + 8 <= field;
            if (complete)
                *values[i] = number(data + used, 8);
            used += 8;
        }
    return complete;
}

/* The member at *at, which moves behind it; false: damaged. */
static bool take_member(const uint8_t *directory, size_t bytes, size_t *at, member *m)
{
    const uint8_t *p = directory + *at;
    if (bytes - *at < MEMBER_BYTES || !is_mark(p, 1, 2))
        return false;
    size_t extra = (size_t)number(p + 30, 2), comment = (size_t)number(p + 32, 2);
    *m = (member){.flags = (unsigned)number(p + 8, 2),
                  .method = (unsigned)number(p + 10, 2),
                  .crc = (uint32_t)number(p + 16, 4),
                  .packed = number(p + 20, 4),
                  .unpacked = number(p + 24, 4),
                  .local = number(p + 42, 4),
                  .name = p + MEMBER_BYTES,
                  .name_bytes = (size_t)number(p + 28, 2)};
    if (bytes - *at - MEMBER_BYTES < m->name_bytes + extra + comment)
        return false;
    *at += MEMBER_BYTES + m->name_bytes + extra + comment;
    return take_large(m, m->name + m->name_bytes, extra);
}

/* ---- members ---- */

/* Unpacks the first `wanted` bytes of what is deflated at an offset of the file. *got: how many there are. */
static tec_status unpack(const array_part *part, int64_t offset, int64_t packed, uint8_t *out, int64_t wanted,
                         int64_t *got)
{
    uint8_t *chunk = tec_allocate(CHUNK);
    z_stream z = {0};
    int64_t done = 0;
    int code = inflateInit2(&z, -MAX_WBITS);
    tec_status status = code == Z_OK ? TEC_OK : tec_fail(TEC_SYSTEM_ERROR, "%s: no memory to unpack it", part->path);
    while (status == TEC_OK && code == Z_OK && done < wanted && packed > 0) {
        int64_t now = tec_min_int64(packed, CHUNK);
        status = tec_file_get(part->fd, part->path, chunk, (size_t)now, offset);
        z.next_in = chunk;
        z.avail_in = (unsigned)now;
        offset += now;
        packed -= now;
        while (status == TEC_OK && code == Z_OK && z.avail_in && done < wanted) {
            unsigned room = (unsigned)tec_min_int64(wanted - done, CHUNK);
            z.next_out = out + done;
            z.avail_out = room;
            code = inflate(&z, Z_NO_FLUSH);
            done += room - z.avail_out;
            tec_phase_tick();
        }
    }
    inflateEnd(&z);
    free(chunk);
    *got = done;
    return status;
}

/* Where its data are, behind a header of its own. */
static tec_status find_data(const tec_array_file *file, const member *m, const char *name, int64_t *offset)
{
    const array_part *part = &file->part[0];
    uint8_t local[LOCAL_BYTES];
    const uint64_t size = (uint64_t)part->bytes;
    if (m->local > size || size - m->local < LOCAL_BYTES)
        return damaged(file, name);
    TEC_TRY(tec_file_get(part->fd, file->path, local, sizeof local, (int64_t)m->local));
    uint64_t at = m->local + LOCAL_BYTES + number(local + 26, 2) + number(local + 28, 2);
    if (!is_mark(local, 3, 4) || at > size || m->packed > size - at)
        return damaged(file, name);
    *offset = (int64_t)at;
    return TEC_OK;
}

static tec_status check_member(const tec_array_file *file, const member *m, const char *name)
{
    if (m->flags & 1)
        return tec_fail(TEC_USER_ERROR, "%s: %s is encrypted, which is not read: write it by numpy.savez", file->path,
                        name);
    if (m->method != STORED && m->method != DEFLATED)
        return tec_fail(TEC_USER_ERROR,
                        "%s: %s is packed by method %u of zip, which is not read: write it by numpy.savez", file->path,
                        name, m->method);
    if (m->packed > (uint64_t)file->part[0].bytes ||
        (m->method == STORED ? m->unpacked != m->packed : m->unpacked > (m->packed + 1) * MOST_RATIO))
        return damaged(file, name);
    return TEC_OK;
}

static tec_status read_header(const tec_array_file *file, const member *m, int64_t offset, const char *where,
                              array_entry *entry)
{
    const array_part *part = &file->part[0];
    int64_t bytes = tec_min_int64((int64_t)m->unpacked, NPY_HEADER_MOST), got = bytes;
    uint8_t *data = tec_allocate((size_t)bytes);
    tec_status status = m->method == STORED ? tec_file_get(part->fd, file->path, data, (size_t)bytes, offset)
                                            : unpack(part, offset, (int64_t)m->packed, data, bytes, &got);
    if (status == TEC_OK)
        status = tec_npy_header(data, (size_t)got, where, &entry->about, &entry->header);
    free(data);
    return status;
}

static tec_status add_member(tec_array_file *file, const member *m, char *name)
{
    int64_t offset = 0, row_bytes, size;
    TEC_TRY(check_member(file, m, name));
    TEC_TRY(find_data(file, m, name, &offset));
    array_entry *entry = tec_array_add(file, tec_string_copy(name));
    char *where = tec_array_file_place(file, (int)file->count - 1);
    tec_status status = read_header(file, m, offset, where, entry);
    const tec_array *about = &entry->about;
    bool number = about->kind != TEC_ARRAY_OTHER;
    if (status == TEC_OK && number &&
        (!tec_array_size(about, &row_bytes, &size) || size != (int64_t)m->unpacked - entry->header))
        status = tec_fail(TEC_USER_ERROR,
                          "%s: its header promises other than the %lld bytes that follow it: fetch the file again",
                          where, (long long)((int64_t)m->unpacked - entry->header));
    free(where);
    entry->storage = m->method == STORED ? ARRAY_PLAIN : ARRAY_DEFLATED;
    entry->offset = m->method == STORED ? offset + entry->header : offset;
    entry->packed = (int64_t)m->packed;
    entry->unpacked = (int64_t)m->unpacked;
    entry->crc = m->crc;
    return status;
}

static bool matches(const char *path, const struct stat *info, const uint8_t *start, size_t bytes)
{
    (void)info;
    return tec_string_ends_with(path, ".npz") && bytes >= 4 && start[0] == 'P' && start[1] == 'K';
}

static tec_status list(tec_array_file *file)
{
    static const char ending[] = ".npy";
    uint8_t *directory = NULL;
    size_t bytes = 0;
    tec_status status = read_directory(file, &directory, &bytes);
    for (size_t at = 0; status == TEC_OK && at < bytes;) {
        member m;
        if (!take_member(directory, bytes, &at, &m)) {
            status = damaged(file, "an entry of its directory");
            break;
        }
        char *name = tec_string_format("%.*s", (int)m.name_bytes, (const char *)m.name);
        if (tec_string_ends_with(name, ending)) {
            name[strlen(name) - strlen(ending)] = 0;
            status = add_member(file, &m, name);
        }
        free(name);
    }
    free(directory);
    if (status == TEC_OK && !file->count)
        status = tec_fail(TEC_USER_ERROR, "%s holds no array: it is a zip archive of other files", file->path);
    return status;
}

/* ---- what is deflated ---- */

static tec_status prepare(tec_array_rows *rows)
{
    const array_entry *e = rows->entry;
    const char *path = rows->file->path, *name = e->about.name;
    int64_t got = 0;
    if (e->storage == ARRAY_PLAIN)
        return TEC_OK;
    if (e->unpacked > MOST_UNPACKED)
        return tec_fail(
            TEC_USER_ERROR,
            "%s:%s is compressed, and %lld MB unpacked, more than the %lld MB that every rank would keep in "
            "memory: python3 -c \"import numpy as n; n.savez('OUT.npz', **n.load('IN.npz'))\" writes it "
            "uncompressed, to be read where it lies",
            path, name, (long long)(e->unpacked >> 20), (long long)(MOST_UNPACKED >> 20));
    rows->block = tec_allocate((size_t)e->unpacked);
    rows->memory = rows->block + e->header;
    TEC_TRY(unpack(&rows->file->part[0], e->offset, e->packed, (uint8_t *)rows->block, e->unpacked, &got));
    if (got != e->unpacked || crc32_z(0, (uint8_t *)rows->block, (size_t)got) != e->crc)
        return tec_fail(TEC_USER_ERROR, "%s:%s: damaged after %lld of %lld bytes (%s): fetch the file again", path,
                        name, (long long)got, (long long)e->unpacked,
                        got == e->unpacked ? "its checksum is wrong" : "what is compressed ends or is not valid");
    return TEC_OK;
}

const array_format tec_array_npz = {.name = "NumPy (.npz)", .matches = matches, .list = list, .prepare = prepare};
