/* Labels in an array: integers, one an image. */
#include "array_set.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

#define MOST_CLASSES 1000000

/* [N], [N, 1], [N, 1, 1, 1] as of PCam */
static bool is_column(const tec_array *array)
{
    for (int i = 1; i < array->dims; i++)
        if (array->dim[i] != 1)
            return false;
    return array->dims > 0;
}

static tec_status check(const tec_array *array, int64_t images, const char *place, const char *of)
{
    char *what = tec_array_describe(array);
    bool number = array->kind == TEC_ARRAY_UNSIGNED || array->kind == TEC_ARRAY_SIGNED || array->kind == TEC_ARRAY_BOOL;
    tec_status status = TEC_OK;
    if (!number || array->bytes > 8)
        status =
            tec_fail(TEC_USER_ERROR,
                     "%s: labels are %s, but integers are expected, the number of each image's class: save them by "
                     "astype('int64'), or set data.labels=none",
                     place, what);
    else if (!is_column(array))
        status =
            tec_fail(TEC_USER_ERROR,
                     "%s: labels are %s, but one number an image is expected ([N]): save the column that is meant, or "
                     "set data.labels=none",
                     place, what);
    else if (array->dim[0] != images)
        status = tec_fail(TEC_USER_ERROR, "%s: %lld labels for the %lld images of %s: they do not belong together",
                          place, (long long)array->dim[0], (long long)images, of);
    free(what);
    return status;
}

/* Integers of any size and order. */
static int64_t decode(const tec_array *array, const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 0; i < array->bytes; i++)
        value = value << 8 | at[array->big_endian ? i : array->bytes - 1 - i];
    const int shift = 64 - 8 * array->bytes;
    if (array->kind == TEC_ARRAY_SIGNED)
        return (int64_t)(value << shift) >> shift;
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static tec_status read_numbers(const tec_array_choice *c, int64_t images, int64_t *out)
{
    const tec_array *array = tec_array_file_get(c->label_file, c->labels);
    tec_array_rows *rows;
    TEC_TRY(tec_array_rows_open(&rows, c->label_file, c->labels));
    uint8_t *raw = tec_allocate((size_t)images * (size_t)array->bytes);
    tec_status status = tec_array_rows_read(rows, 0, images, raw);
    for (int64_t i = 0; i < images && status == TEC_OK; i++)
        out[i] = decode(array, raw + i * array->bytes);
    free(raw);
    tec_array_rows_close(rows);
    return status;
}

/* ---- classes ---- */

static tec_status find_classes(tec_array_labels *l, int64_t images, const char *place)
{
    for (int64_t i = 0; i < images; i++) {
        if (l->label[i] < 0 || l->label[i] >= MOST_CLASSES)
            return tec_fail(
                TEC_USER_ERROR,
                "%s: image %lld has label %lld, which is no number of a class (0 to %d): leave such images out, "
                "or set data.labels=none",
                place, (long long)i, (long long)l->label[i], MOST_CLASSES - 1);
        l->classes = tec_max_int64(l->classes, l->label[i] + 1);
    }
    return TEC_OK;
}

static tec_status check_gaps(const tec_array_labels *l, int64_t images, const char *place)
{
    bool *there = tec_allocate_zeroed((size_t)l->classes, sizeof *there);
    int64_t gap = 0;
    for (int64_t i = 0; i < images; i++)
        there[l->label[i]] = true;
    while (gap < l->classes && there[gap])
        gap++;
    free(there);
    if (gap == l->classes)
        return TEC_OK;
    return tec_fail(
        TEC_USER_ERROR,
        "%s: no image has class %lld, but there are labels up to %lld: number the classes from 0 without gaps "
        "(numpy.unique(labels, return_inverse=True)[1]), or set data.labels=none",
        place, (long long)gap, (long long)(l->classes - 1));
}

/* One a line; what is behind the last is nothing. */
static tec_status take_names(tec_array_labels *l, const char *text, const char *place)
{
    const int64_t needed = l->classes;
    size_t count = 0, room = 0;
    while (*(text += strspn(text, "\r\n"))) {
        size_t length = strcspn(text, "\r\n");
        l->name = tec_grow(l->name, count, &room, sizeof *l->name);
        l->name[count++] = tec_string_printable(tec_string_format("%.*s", (int)length, text));
        text += length;
    }
    l->classes = (int64_t)count;
    if ((int64_t)count >= needed)
        return TEC_OK;
    return tec_fail(
        TEC_USER_ERROR,
        "%s: has label %lld, but names of %zu classes are beside it: the file is damaged, or not of this set", place,
        (long long)(needed - 1), count);
}

static void name_by_number(tec_array_labels *l)
{
    l->name = tec_allocate_zeroed((size_t)l->classes, sizeof *l->name);
    for (int64_t c = 0; c < l->classes; c++)
        l->name[c] = tec_string_format("%lld", (long long)c);
}

tec_status tec_array_labels_read(const tec_array_choice *choice, int64_t images, const char *role,
                                 tec_array_labels *out)
{
    *out = (tec_array_labels){0};
    if (!choice->label_file)
        return TEC_OK;
    const tec_array *array = tec_array_file_get(choice->label_file, choice->labels);
    char *place = tec_array_file_place(choice->label_file, choice->labels),
         *of = tec_array_file_place(choice->file, choice->images);
    tec_status status = check(array, images, place, of);
    if (status == TEC_OK) {
        out->label = tec_allocate((size_t)images * sizeof *out->label);
        status = read_numbers(choice, images, out->label);
    }
    if (status == TEC_OK)
        status = find_classes(out, images, place);
    if (status == TEC_OK && array->classes)
        status = take_names(out, array->classes, place);
    else if (status == TEC_OK && (!role || strcmp(role, "val") != 0))
        status = check_gaps(out, images, place);
    if (status == TEC_OK && !out->name)
        name_by_number(out);
    free(of);
    free(place);
    if (status != TEC_OK)
        tec_array_labels_free(out);
    return status;
}

void tec_array_labels_free(tec_array_labels *labels)
{
    for (int64_t c = 0; labels->name && c < labels->classes; c++)
        free(labels->name[c]);
    free(labels->name);
    free(labels->label);
    *labels = (tec_array_labels){0};
}
