/* NumPy's .npy: a header that is a literal of Python, then the elements. */
#include "array_parts.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the header: {'descr': '<i8', 'fortran_order': False, 'shape': (100, 28, 28), } ---- */

typedef struct reader {
    const char *at; /* in a text that ends with a 0 */
    tec_array *out;
} reader;

static void skip_space(reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static bool take(reader *r, const char *what)
{
    skip_space(r);
    size_t length = strlen(what);
    bool there = !strncmp(r->at, what, length);
    r->at += there ? length : 0;
    return there;
}

static bool take_quoted(reader *r, char *out, size_t size)
{
    skip_space(r);
    char quote = *r->at;
    if (quote != '\'' && quote != '"')
        return false;
    const char *end = strchr(r->at + 1, quote);
    if (!end || (size_t)(end - r->at) > size)
        return false;
    memcpy(out, r->at + 1, (size_t)(end - r->at - 1));
    out[end - r->at - 1] = 0;
    r->at = end + 1;
    return true;
}

/* "<u2" */
static void set_type(tec_array *out, const char *descr)
{
    const char *letter = descr + strspn(descr, "<>|=");
    char *end;
    long bytes = isdigit((unsigned char)letter[*letter != 0]) ? strtol(letter + 1, &end, 10) : 0;
    bool number = bytes >= 1 && bytes <= 16 && !*end;
    out->big_endian = *descr == '>' && bytes > 1;
    out->bytes = (int)tec_max_int64(1, number ? bytes : 1);
    out->kind = !number          ? TEC_ARRAY_OTHER
                : *letter == 'u' ? TEC_ARRAY_UNSIGNED
                : *letter == 'i' ? TEC_ARRAY_SIGNED
                : *letter == 'f' ? TEC_ARRAY_FLOAT
                : *letter == 'b' ? TEC_ARRAY_BOOL
                                 : TEC_ARRAY_OTHER;
    snprintf(out->type_name, sizeof out->type_name, "%.23s", descr);
    tec_string_printable(out->type_name);
    tec_array_name_type(out);
}

static bool take_type(reader *r)
{
    char descr[64];
    skip_space(r);
    if (*r->at == '[') { /* a structure: [('a', '<i4'), ...] */
        int depth = 0;
        do {
            depth += *r->at == '[';
            depth -= *r->at == ']';
        } while (*r->at++ && depth > 0);
        set_type(r->out, "a structure");
        return depth == 0;
    }
    if (!take_quoted(r, descr, sizeof descr))
        return false;
    set_type(r->out, descr);
    return true;
}

static bool take_shape(reader *r)
{
    if (!take(r, "("))
        return false;
    for (r->out->dims = 0; !take(r, ")");) {
        char *end;
        errno = 0;
        long long size = isdigit((unsigned char)*r->at) ? strtoll(r->at, &end, 10) : -1;
        if (size < 0 || errno || r->out->dims == TEC_ARRAY_DIMS)
            return false;
        r->at = end + (*end == 'L');
        r->out->dim[r->out->dims++] = size;
        if (!take(r, ",") && (skip_space(r), *r->at != ')'))
            return false;
    }
    return true;
}

static bool take_entry(reader *r, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape", NULL};
    char key[32];
    int which = take_quoted(r, key, sizeof key) && take(r, ":") ? tec_string_find(keys, key) : -1;
    if (which < 0 || *seen & 1u << which)
        return false;
    *seen |= 1u << which;
    if (which != 1)
        return which ? take_shape(r) : take_type(r);
    r->out->by_columns = take(r, "True");
    return r->out->by_columns || take(r, "False");
}

static bool take_header(reader *r)
{
    unsigned seen = 0;
    if (!take(r, "{"))
        return false;
    while (!take(r, "}"))
        if (!take_entry(r, &seen) || (!take(r, ",") && (skip_space(r), *r->at != '}')))
            return false;
    skip_space(r);
    return seen == 7 && !*r->at;
}

tec_status tec_npy_header(const uint8_t *data, size_t bytes, const char *where, tec_array *out, int64_t *header)
{
    const bool wide = bytes >= 12 && data[6] > 1;
    size_t start = wide ? 12 : 10;
    if (bytes < start || memcmp(data, "\x93NUMPY", 6) != 0 || data[6] < 1 || data[6] > 3)
        return tec_fail(TEC_USER_ERROR, "%s: not an array of NumPy's, or damaged at its beginning", where);
    size_t length = (size_t)data[8] | (size_t)data[9] << 8;
    if (wide)
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (length > bytes - start)
        return tec_fail(TEC_USER_ERROR,
                        "%s: truncated within the header of the array, or damaged there: fetch the file again", where);
    char *text = tec_string_format("%.*s", (int)length, (const char *)data + start);
    reader r = {.at = text, .out = out};
    bool good = strlen(text) == length && take_header(&r);
    free(text);
    *header = (int64_t)(start + length);
    return good ? TEC_OK
                : tec_fail(TEC_USER_ERROR, "%s: the header of the array is damaged: fetch the file again", where);
}

/* ---- the file ---- */

static bool matches(const char *path, const struct stat *info, const uint8_t *start, size_t bytes)
{
    (void)path;
    (void)info;
    return bytes >= 6 && !memcmp(start, "\x93NUMPY", 6);
}

static tec_status list(tec_array_file *file)
{
    const array_part *part = &file->part[0];
    size_t bytes = tec_min_size((size_t)part->bytes, NPY_HEADER_MOST);
    uint8_t *data = tec_allocate(bytes);
    array_entry *entry = tec_array_add(file, tec_string_copy(""));
    tec_status status = tec_file_get(part->fd, file->path, data, bytes, 0);
    if (status == TEC_OK)
        status = tec_npy_header(data, bytes, file->path, &entry->about, &entry->offset);
    free(data);
    return status;
}

static tec_status prepare(tec_array_rows *rows)
{
    const array_part *part = &rows->file->part[0];
    int64_t bytes = rows->total * rows->row_bytes;
    if (part->bytes - rows->offset > bytes)
        return tec_fail(TEC_USER_ERROR, "%s: holds %lld bytes more than its header promises: fetch the file again",
                        rows->file->path, (long long)(part->bytes - rows->offset - bytes));
    return TEC_OK;
}

const array_format tec_array_npy = {.name = "NumPy (.npy)", .matches = matches, .list = list, .prepare = prepare};
