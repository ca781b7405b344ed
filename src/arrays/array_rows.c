/* Reading the rows of an array: from the files by their offsets, from memory, or from chunks. */
#include "array_parts.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Are all rows within their files? What follows the last row is not looked at. */
static tec_status check_plain(const tec_array_rows *rows, const char *place)
{
    const array_entry *e = rows->entry;
    for (int p = 0; p < e->parts; p++) {
        const array_part *part = &rows->file->part[e->part + p];
        int64_t before = p * e->part_rows, count = rows->total - before, needed;
        if (p + 1 < e->parts)
            count = e->part_rows;
        if (count <= 0)
            continue;
        if (__builtin_mul_overflow(count - 1, rows->stride, &needed) ||
            __builtin_add_overflow(needed, rows->row_bytes + rows->offset, &needed) || needed > part->bytes)
            return tec_array_truncated(place, "it", needed, part->bytes);
    }
    return TEC_OK;
}

tec_status tec_array_rows_open(tec_array_rows **out, const tec_array_file *file, int index)
{
    const array_entry *entry = &file->entry[index];
    int64_t bytes, row_bytes;
    char *place = tec_array_file_place(file, index);
    tec_status status = TEC_OK;
    *out = NULL;
    if (!tec_array_size(&entry->about, &row_bytes, &bytes)) {
        status =
            tec_fail(TEC_USER_ERROR, "%s: its header is damaged: no file holds so much: fetch the file again", place);
        free(place);
        return status;
    }
    tec_array_rows *rows = tec_allocate_zeroed(1, sizeof *rows);
    rows->file = file;
    rows->entry = entry;
    rows->total = entry->about.dims ? entry->about.dim[0] : 1;
    rows->row_bytes = row_bytes;
    rows->offset = entry->offset;
    rows->stride = entry->stride ? entry->stride : row_bytes;
    if (file->format->prepare)
        status = file->format->prepare(rows);
    if (status == TEC_OK && !rows->memory && !rows->chunks)
        status = check_plain(rows, place);
    free(place);
    if (status != TEC_OK) {
        tec_array_rows_close(rows);
        return status;
    }
    *out = rows;
    return TEC_OK;
}

void tec_array_rows_close(tec_array_rows *rows)
{
    if (!rows)
        return;
    if (rows->chunks)
        tec_array_chunks_close(rows->chunks);
    free(rows->block);
    free(rows);
}

void tec_array_rows_trust(tec_array_rows *rows)
{
    if (rows->chunks)
        tec_array_chunks_trust(rows->chunks);
}

int64_t tec_array_rows_bytes(const tec_array_rows *rows)
{
    return rows->row_bytes;
}

int64_t tec_array_rows_piece(const tec_array_rows *rows)
{
    return rows->chunks ? tec_array_chunks_rows(rows->chunks) : 1;
}

int64_t tec_array_rows_memory(const tec_array_rows *rows)
{
    return rows->chunks ? tec_array_chunks_bytes(rows->chunks) : rows->memory ? rows->total * rows->row_bytes : 0;
}

static tec_status read_plain(const tec_array_rows *rows, int64_t first, int64_t count, char *out)
{
    const array_entry *e = rows->entry;
    while (count > 0) {
        int64_t p = e->parts > 1 ? tec_min_int64(first / e->part_rows, e->parts - 1) : 0,
                row = first - p * e->part_rows;
        int64_t now = p + 1 < e->parts ? tec_min_int64(count, e->part_rows - row) : count;
        if (rows->stride != rows->row_bytes)
            now = 1;
        const array_part *part = &rows->file->part[e->part + p];
        TEC_TRY(tec_file_get(part->fd, part->path, out, (size_t)(now * rows->row_bytes),
                             rows->offset + row * rows->stride));
        out += now * rows->row_bytes;
        first += now;
        count -= now;
    }
    return TEC_OK;
}

tec_status tec_array_rows_read(const tec_array_rows *rows, int64_t first, int64_t count, void *out)
{
    assert(first >= 0 && count >= 0 && first + count <= rows->total);
    if (rows->chunks)
        return tec_array_chunks_read(rows, first, count, out);
    if (!rows->memory)
        return read_plain(rows, first, count, out);
    memcpy(out, rows->memory + first * rows->row_bytes, (size_t)(count * rows->row_bytes));
    return TEC_OK;
}
