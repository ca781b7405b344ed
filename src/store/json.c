/* Specification and shards as JSON. Integers that need all 64 bits are strings, as many readers of JSON keep only
 * 53. */
#include "store_parts.h"

#include "tec/json.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *hexadecimal(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)value);
    return json_string(text);
}

static json_t *reals(const double *value, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, json_real(value[i]));
    return array;
}

static json_t *member_to_json(const tec_h5_field *field, const void *member)
{
    switch (field->kind) {
    case TEC_H5_BOOL:
        return json_boolean(*(const bool *)member);
    case TEC_H5_UINT64:
        return hexadecimal(*(const uint64_t *)member);
    case TEC_H5_DOUBLE:
        return reals(member, field->count);
    case TEC_H5_INT64:
        return json_integer(*(const int64_t *)member);
    case TEC_H5_SIZE:
        return tec_json_size(*(const tec_size *)member);
    case TEC_H5_TEXT:
        return json_string(member);
    case TEC_H5_INT:
        break;
    }
    int value = *(const int *)member;
    return field->words ? json_string(field->words[value]) : json_integer(value);
}

json_t *tec_store_spec_to_json(const tec_store_spec *spec)
{
    json_t *object = json_object();
    for (const spec_field *f = tec_store_spec_fields; f->h5.name; f++)
        if (!tec_store_field_left_out(f, spec)) {
            const tec_h5_field stored = tec_store_stored_field(f, spec);
            json_object_set_new(object, f->h5.name, member_to_json(&stored, (const char *)spec + f->h5.offset));
        }
    return object;
}

json_t *tec_store_shard_to_json(const tec_store_spec *spec, int64_t index, const store_shard *shard)
{
    store_layout layout = tec_store_layout_of(spec);
    json_t *object = json_object(), *offset = json_object(), *void_row = json_array();
    char *name = tec_store_shard_name(index);
    for (int i = 0; i < PARTS; i++)
        if (shard->offset[i] >= 0)
            json_object_set_new(offset, layout.part[i].name, json_integer(shard->offset[i]));
    for (int64_t i = 0; i < shard->void_rows; i++)
        json_array_append_new(void_row, json_integer(shard->void_row[i]));
    json_object_set_new(object, "file", json_string(name));
    json_object_set_new(object, "first_row", json_integer(index * spec->shard_rows));
    json_object_set_new(object, "rows", json_integer(shard->rows));
    json_object_set_new(object, "bytes", json_integer(shard->bytes));
    json_object_set_new(object, "crc32c", hexadecimal(shard->crc));
    json_object_set_new(object, "storage_error", reals(&shard->error.feature_difference, 4));
    json_object_set_new(object, "void_rows", void_row);
    json_object_set_new(object, "offset", offset);
    free(name);
    return object;
}

/* -- and back -- */

static bool whole(const json_t *json, int64_t min, int64_t max, int64_t *out)
{
    if (!json_is_integer(json) || json_integer_value(json) < min || json_integer_value(json) > max)
        return false;
    *out = json_integer_value(json);
    return true;
}

static bool from_hexadecimal(const json_t *json, uint64_t *out)
{
    const char *text = json_string_value(json);
    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return false;
    *out = strtoull(text, NULL, 16);
    return true;
}

static bool from_reals(const json_t *json, int count, double *out)
{
    if (!json_is_array(json) || json_array_size(json) != (size_t)count)
        return false;
    for (int i = 0; i < count; i++) {
        if (!json_is_number(json_array_get(json, (size_t)i)))
            return false;
        out[i] = json_number_value(json_array_get(json, (size_t)i));
    }
    return true;
}

/* A square has one number, its side. */
static bool from_size(const json_t *json, const spec_field *field, tec_size *out)
{
    const bool pair = json_is_array(json) && json_array_size(json) == 2;
    int64_t height, width;
    if (!whole(pair ? json_array_get(json, 0) : json, field->min, field->max, &height) ||
        !whole(pair ? json_array_get(json, 1) : json, field->min, field->max, &width))
        return false;
    *out = (tec_size){(int)height, (int)width};
    return true;
}

static bool member_from_json(const json_t *json, const spec_field *field, int count, void *member)
{
    int64_t value;
    switch (field->h5.kind) {
    case TEC_H5_BOOL:
        *(bool *)member = json_is_true(json);
        return json_is_boolean(json);
    case TEC_H5_UINT64:
        return from_hexadecimal(json, member);
    case TEC_H5_DOUBLE:
        return from_reals(json, count, member);
    case TEC_H5_INT64:
        return whole(json, field->min, field->max, member);
    case TEC_H5_SIZE:
        return from_size(json, field, member);
    case TEC_H5_TEXT:
        snprintf(member, (size_t)count, "%s", json_is_string(json) ? json_string_value(json) : "");
        return json_is_string(json) && json_string_length(json) < (size_t)count;
    case TEC_H5_INT:
        break;
    }
    if (field->h5.words)
        value = json_is_string(json) ? tec_string_find(field->h5.words, json_string_value(json)) : -1;
    else if (!whole(json, field->min, field->max, &value))
        return false;
    *(int *)member = (int)value;
    return value >= 0;
}

tec_status tec_store_spec_from_json(const json_t *json, const char *where, tec_store_spec *spec)
{
    memset(spec, 0, sizeof *spec);
    for (const spec_field *f = tec_store_spec_fields; f->h5.name; f++)
        if ((!f->exception || json_object_get(json, f->h5.name)) &&
            !member_from_json(json_object_get(json, f->h5.name), f, tec_store_stored_field(f, spec).count,
                              (char *)spec + f->h5.offset))
            return tec_fail(TEC_USER_ERROR, "%s: %s is missing or wrong", where, f->h5.name);
    return tec_store_spec_check(spec, where);
}

static bool offsets_from_json(const json_t *json, const tec_store_spec *spec, store_shard *shard)
{
    store_layout layout = tec_store_layout_of(spec);
    for (int i = 0; i < PARTS; i++) {
        const store_part *part = &layout.part[i];
        int64_t last = shard->bytes - shard->rows * (int64_t)part->bytes;
        shard->offset[i] = -1;
        if (part->bytes > 0 && !whole(json_object_get(json, part->name), 0, last, &shard->offset[i]))
            return false;
    }
    return true;
}

static bool void_rows_from_json(const json_t *json, store_shard *shard)
{
    size_t count = json_array_size(json);
    if (!json_is_array(json) || count > (size_t)shard->rows)
        return false;
    shard->void_row = tec_allocate((count + 1) * sizeof *shard->void_row);
    for (size_t i = 0; i < count; i++)
        if (!whole(json_array_get(json, i), i ? shard->void_row[i - 1] + 1 : 0, shard->rows - 1, &shard->void_row[i]))
            return false;
    shard->void_rows = (int64_t)count;
    return true;
}

tec_status tec_store_shard_from_json(const json_t *json, const char *where, const tec_store_spec *spec, int64_t index,
                                     store_shard *shard)
{
    char *name = tec_store_shard_name(index);
    const char *file = json_string_value(json_object_get(json, "file"));
    int64_t rows = tec_store_shard_row_count(spec, index), first = index * spec->shard_rows;
    uint64_t crc;
    *shard = (store_shard){0};
    bool right = file && strcmp(file, name) == 0 && whole(json_object_get(json, "first_row"), first, first, &first) &&
                 whole(json_object_get(json, "rows"), rows, rows, &shard->rows) &&
                 whole(json_object_get(json, "bytes"), 0, INT64_MAX, &shard->bytes) &&
                 from_hexadecimal(json_object_get(json, "crc32c"), &crc) &&
                 from_reals(json_object_get(json, "storage_error"), 4, &shard->error.feature_difference) &&
                 offsets_from_json(json_object_get(json, "offset"), spec, shard) &&
                 void_rows_from_json(json_object_get(json, "void_rows"), shard);
    free(name);
    if (right)
        shard->crc = (uint32_t)crc;
    if (!right)
        return tec_fail(TEC_USER_ERROR, "%s: the entry of shard %lld is missing or wrong", where, (long long)index);
    return TEC_OK;
}
