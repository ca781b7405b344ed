/* The list of tensors and notes of a file: adding, with every check of sizes, and finding by name. */
#include "tensor_source.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tensor with a stride of 0 may have more elements than its file has bytes, up to this many. */
#define MOST_REPEATED ((int64_t)1 << 24)

static tec_status fail(const tec_tensor_file *file, const char *name, const char *what)
{
    return tec_fail(TEC_USER_ERROR, "%s: tensor %.200s %s", file->path, name, what);
}

/* Fills count, strides and span. False: a product does not fit into 63 bits. */
static bool measure(tensor_entry *entry, const int64_t *stride)
{
    int64_t next = 1, last = 0, part;
    entry->about.count = 1;
    for (int i = entry->about.dims - 1; i >= 0; i--) {
        int64_t size = entry->about.dim[i];
        entry->stride[i] = stride ? stride[i] : next;
        if (__builtin_mul_overflow(entry->about.count, size, &entry->about.count) ||
            __builtin_mul_overflow(next, size > 0 ? size : 1, &next) ||
            (size > 0 && __builtin_mul_overflow(size - 1, entry->stride[i], &part)) ||
            (size > 0 && __builtin_add_overflow(last, part, &last)))
            return false;
    }
    entry->span = entry->about.count ? last + 1 : 0;
    return last < INT64_MAX / 16;
}

tec_status tec_tensor_file_add(tec_tensor_file *file, const char *name, const tensor_place *place)
{
    const tensor_type_about *type = &tec_tensor_types[place->type];
    if (place->dims < 0 || place->dims > TEC_TENSOR_DIMS)
        return fail(file, name, "has more dimensions than the 8 that are read");
    tensor_entry entry = {
        .about = {.type_name = type->name, .is_float = type->is_float, .dims = place->dims},
        .type = place->type,
        .source = place->source,
        .offset = place->offset,
    };
    for (int i = 0; i < place->dims; i++) {
        if (place->dim[i] < 0 || (place->stride && place->stride[i] < 0))
            return fail(file, name, "has a negative size or stride");
        entry.about.dim[i] = place->dim[i];
    }
    if (!measure(&entry, place->stride))
        return fail(file, name, "has a shape whose product does not fit into 64 bits");
    if (entry.span * type->size > place->room)
        return fail(file, name, "reaches beyond the end of its data: the file is damaged");
    if (entry.about.count > entry.span && entry.about.count > MOST_REPEATED && entry.about.count > file->bytes)
        return fail(file, name, "repeats its data to far more elements than the file has bytes");

    entry.about.name = tec_string_copy(name);
    file->entry = tec_grow(file->entry, (size_t)file->count, &file->capacity, sizeof *file->entry);
    file->entry[file->count++] = entry;
    return TEC_OK;
}

void tec_tensor_file_add_note(tec_tensor_file *file, const char *name, const char *text_format, ...)
{
    va_list arguments;
    char *text;
    va_start(arguments, text_format);
    int length = vasprintf(&text, text_format, arguments);
    va_end(arguments);
    if (length < 0)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory for a note of %s", file->path));
    file->note = tec_grow(file->note, (size_t)file->notes, &file->note_capacity, sizeof *file->note);
    file->note[file->notes++] = (tec_tensor_note){.name = tec_string_copy(name), .text = text};
}

/* -- by name -- */

static int by_name_then_place(const void *a, const void *b, void *list)
{
    const tensor_entry *entry = list;
    int i = *(const int *)a, j = *(const int *)b, order = strcmp(entry[i].about.name, entry[j].about.name);
    return order ? order : (i > j) - (i < j);
}

static void sort(tec_tensor_file *file)
{
    qsort_r(file->sorted, (size_t)file->count, sizeof *file->sorted, by_name_then_place, file->entry);
}

void tec_tensor_file_sort(tec_tensor_file *file)
{
    file->sorted = tec_allocate((size_t)file->count * sizeof *file->sorted);
    for (int i = 0; i < file->count; i++)
        file->sorted[i] = i;
    sort(file);
    bool renamed = false;
    for (int i = 0, first = 0; i + 1 < file->count; i++) {
        tec_tensor *next = &file->entry[file->sorted[i + 1]].about;
        if (strcmp(file->entry[file->sorted[first]].about.name, next->name) != 0) {
            first = i + 1;
            continue;
        }
        char *name = tec_string_format("%s#%d", next->name, i + 2 - first);
        free((char *)next->name);
        next->name = name;
        renamed = true;
    }
    if (renamed)
        sort(file);
}

int tec_tensor_file_find(const tec_tensor_file *file, const char *name)
{
    for (int low = 0, high = file->count; low < high;) {
        int middle = low + (high - low) / 2, index = file->sorted[middle];
        int order = strcmp(name, file->entry[index].about.name);
        if (order == 0)
            return index;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int tec_tensor_file_count(const tec_tensor_file *file)
{
    return file->count;
}

const tec_tensor *tec_tensor_file_get(const tec_tensor_file *file, int index)
{
    return &file->entry[index].about;
}

int tec_tensor_file_notes(const tec_tensor_file *file)
{
    return file->notes;
}

const tec_tensor_note *tec_tensor_file_note(const tec_tensor_file *file, int index)
{
    return &file->note[index];
}
