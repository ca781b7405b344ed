/* Members of a struct as HDF5 attributes, by table. */
#include "tec/h5.h"
#include "tec/text.h"

#include <stdio.h>
#include <string.h>

static hid_t native_type(tec_h5_kind kind)
{
    switch (kind) {
    case TEC_H5_INT:
    case TEC_H5_BOOL:
    case TEC_H5_SIZE:
        return H5T_NATIVE_INT;
    case TEC_H5_INT64:
        return H5T_NATIVE_INT64;
    case TEC_H5_UINT64:
        return H5T_NATIVE_UINT64;
    case TEC_H5_DOUBLE:
        return H5T_NATIVE_DOUBLE;
    case TEC_H5_TEXT:
        break;
    }
    return -1;
}

/* A square has one number, its side. */
static tec_status get_size(hid_t object, const char *path, const char *name, tec_size *out)
{
    int side[2], count = tec_h5_attribute_numbers(object, name) == 2 ? 2 : 1;
    TEC_TRY(tec_h5_get_numbers(object, path, name, H5T_NATIVE_INT, count, side));
    *out = (tec_size){side[0], side[count - 1]};
    return TEC_OK;
}

tec_status tec_h5_get_field(hid_t object, const char *path, const tec_h5_field *field, void *structure)
{
    void *member = (char *)structure + field->offset;
    if (field->words) {
        char word[32];
        TEC_TRY(tec_h5_get_text(object, path, field->name, word, sizeof word));
        int index = tec_string_find(field->words, word);
        if (index < 0)
            return tec_fail(TEC_USER_ERROR, "%s: attribute %s has the unknown value `%s`", path, field->name, word);
        memcpy(member, &index, sizeof index);
        return TEC_OK;
    }
    if (field->kind == TEC_H5_BOOL) {
        int number;
        TEC_TRY(tec_h5_get_numbers(object, path, field->name, H5T_NATIVE_INT, 1, &number));
        *(bool *)member = number != 0;
        return TEC_OK;
    }
    if (field->kind == TEC_H5_SIZE)
        return get_size(object, path, field->name, member);
    if (field->kind == TEC_H5_TEXT)
        return tec_h5_get_text(object, path, field->name, member, (size_t)field->count);
    return tec_h5_get_numbers(object, path, field->name, native_type(field->kind), field->count, member);
}

static void put_doubles(const double *value, int count, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.9g", i ? ", " : "", value[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

char *tec_h5_field_text(const tec_h5_field *field, const void *structure, char *text, size_t size)
{
    const void *member = (const char *)structure + field->offset;
    switch (field->kind) {
    case TEC_H5_BOOL:
        snprintf(text, size, "%s", *(const bool *)member ? "true" : "false");
        break;
    case TEC_H5_UINT64:
        snprintf(text, size, "%016llx", (unsigned long long)*(const uint64_t *)member);
        break;
    case TEC_H5_DOUBLE:
        put_doubles(member, field->count, text, size);
        break;
    case TEC_H5_INT64:
        snprintf(text, size, "%lld", (long long)*(const int64_t *)member);
        break;
    case TEC_H5_SIZE: {
        char list[TEC_SIZE_TEXT];
        snprintf(text, size, "%s", tec_size_list(*(const tec_size *)member, list));
        break;
    }
    case TEC_H5_TEXT:
        snprintf(text, size, "%s", *(const char *)member ? (const char *)member : field->empty);
        break;
    case TEC_H5_INT:
        if (field->words)
            snprintf(text, size, "%s", field->words[*(const int *)member]);
        else
            snprintf(text, size, "%d", *(const int *)member);
        break;
    }
    return text;
}

tec_status tec_h5_draft_put_field(tec_h5_draft *draft, const char *object, const tec_h5_field *field,
                                  const void *structure)
{
    const void *member = (const char *)structure + field->offset;
    int number, count = field->count;
    if (field->words) {
        memcpy(&number, member, sizeof number);
        return tec_h5_draft_put_text(draft, object, field->name, field->words[number]);
    }
    if (field->kind == TEC_H5_TEXT)
        return tec_h5_draft_put_text(draft, object, field->name, member);
    if (field->kind == TEC_H5_BOOL) {
        number = *(const bool *)member;
        member = &number;
    }
    if (field->kind == TEC_H5_SIZE)
        count = tec_size_is_square(*(const tec_size *)member) ? 1 : 2;
    return tec_h5_draft_put_numbers(draft, object, field->name, native_type(field->kind), count, member);
}
