/* Reading .safetensors: 8 bytes with the length of a header, the header as JSON, then the bytes of the tensors. */
#include "tensor_source.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MOST_HEADER_BYTES 100000000 /* the limit of the reference implementation */
#define METADATA "__metadata__"

static tec_status read_tensor(tec_tensor_file *file, const tensor_entry *entry, void *out, size_t bytes)
{
    return tec_tensor_file_bytes(file, out, bytes, entry->offset);
}

static const tensor_format format = {.name = "safetensors", .read = read_tensor};

/* -- the header -- */

static tec_status read_length(const tec_tensor_file *file, int64_t *length)
{
    unsigned char raw[8];
    uint64_t value = 0;
    if (file->bytes < (int64_t)sizeof raw)
        return tec_fail(TEC_USER_ERROR, "%s has %lld bytes, too few for a .safetensors file: is it cut short?",
                        file->path, (long long)file->bytes);
    TEC_TRY(tec_tensor_file_bytes(file, raw, sizeof raw, 0));
    for (int i = 7; i >= 0; i--)
        value = value << 8 | raw[i];
    if (value > MOST_HEADER_BYTES)
        return tec_fail(TEC_USER_ERROR,
                        "%s: a header of %llu bytes is declared, more than the %d that .safetensors allows: not "
                        "such a file, or damaged",
                        file->path, (unsigned long long)value, MOST_HEADER_BYTES);
    if (value > (uint64_t)file->bytes - sizeof raw)
        return tec_fail(TEC_USER_ERROR,
                        "%s: a header of %llu bytes is declared, but the file has only %lld: is it cut short?",
                        file->path, (unsigned long long)value, (long long)file->bytes);
    *length = (int64_t)value;
    return TEC_OK;
}

static tec_status parse_header(const tec_tensor_file *file, const char *text, size_t length, json_t **header)
{
    json_error_t error;
    *header = NULL;
    if (length == 0 || text[0] != '{')
        return tec_fail(TEC_USER_ERROR, "%s: the header does not start with {: not a .safetensors file, or damaged",
                        file->path);
    *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!*header)
        return tec_fail(TEC_USER_ERROR, "%s: header, byte %d: %s", file->path, error.position, error.text);
    return TEC_OK;
}

static tec_status add_metadata(tec_tensor_file *file, json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return tec_fail(TEC_USER_ERROR, "%s: " METADATA " of the header is not an object of strings", file->path);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return tec_fail(TEC_USER_ERROR, "%s: " METADATA ".%.80s of the header is not a string", file->path, key);
        char *name = tec_string_format(METADATA ".%s", key);
        tec_tensor_file_add_note(file, name, "%s", json_string_value(value));
        free(name);
    }
    return TEC_OK;
}

/* -- a tensor -- */

/* An array of `least` to `most` numbers, none of them negative. */
static bool get_numbers(const json_t *array, size_t least, size_t most, int64_t *out)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count < least || count > most)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(array, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return false;
        out[i] = json_integer_value(number);
    }
    return true;
}

static tec_status fail_member(const tec_tensor_file *file, const char *name, const char *what)
{
    return tec_fail(TEC_USER_ERROR, "%s: tensor %.200s: %s", file->path, name, what);
}

/* `data`: where the tensors' bytes start in the file. */
static tec_status add_tensor(tec_tensor_file *file, const char *name, const json_t *about, int64_t data)
{
    int64_t dim[TEC_TENSOR_DIMS], offset[2], room = file->bytes - data;
    const json_t *shape = json_object_get(about, "shape");
    const char *dtype = json_string_value(json_object_get(about, "dtype"));
    if (!dtype)
        return fail_member(file, name, "dtype is missing or not a string");
    tensor_type type = tec_tensor_type_of_safetensors(dtype);
    if (type == TENSOR_TYPES)
        return tec_fail(TEC_USER_ERROR, "%s: tensor %.200s has the unknown dtype %.40s", file->path, name, dtype);
    if (json_is_array(shape) && json_array_size(shape) > TEC_TENSOR_DIMS)
        return fail_member(file, name, "shape has more dimensions than the 8 that are read");
    if (!get_numbers(shape, 0, TEC_TENSOR_DIMS, dim))
        return fail_member(file, name, "shape is missing or not an array of sizes");
    if (!get_numbers(json_object_get(about, "data_offsets"), 2, 2, offset))
        return fail_member(file, name, "data_offsets is missing or not a pair of offsets");
    if (offset[0] > offset[1])
        return fail_member(file, name, "data_offsets end before they start");
    if (offset[1] > room)
        return tec_fail(TEC_USER_ERROR,
                        "%s: tensor %.200s ends at byte %lld of the data, but the file has only %lld of them: is it "
                        "cut short?",
                        file->path, name, (long long)offset[1], (long long)room);
    tensor_place place = {
        .type = type,
        .dims = (int)json_array_size(shape),
        .dim = dim,
        .offset = data + offset[0],
        .room = offset[1] - offset[0],
    };
    TEC_TRY(tec_tensor_file_add(file, name, &place));
    int64_t needed = file->entry[file->count - 1].about.count * tec_tensor_types[type].size;
    if (needed != offset[1] - offset[0])
        return tec_fail(TEC_USER_ERROR, "%s: tensor %.200s has %lld bytes, but its shape and dtype %s call for %lld",
                        file->path, name, (long long)(offset[1] - offset[0]), dtype, (long long)needed);
    return TEC_OK;
}

/* -- all of them -- */

static int64_t bytes_of(const tensor_entry *entry)
{
    return entry->span * tec_tensor_types[entry->type].size;
}

static int by_offset(const void *a, const void *b)
{
    const tensor_entry *x = *(const tensor_entry *const *)a, *y = *(const tensor_entry *const *)b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (bytes_of(x) > bytes_of(y)) - (bytes_of(x) < bytes_of(y));
}

/* The tensors must cover the data without overlaps and gaps: nothing is shared, nothing hidden. */
static tec_status check_cover(const tec_tensor_file *file, int64_t data)
{
    const tensor_entry **order = tec_allocate((size_t)file->count * sizeof *order);
    for (int i = 0; i < file->count; i++)
        order[i] = &file->entry[i];
    qsort(order, (size_t)file->count, sizeof *order, by_offset);
    tec_status status = TEC_OK;
    int64_t end = data;
    for (int i = 0; i < file->count && status == TEC_OK; i++) {
        if (order[i]->offset < end)
            status = tec_fail(TEC_USER_ERROR, "%s: the tensors %.200s and %.200s overlap", file->path,
                              order[i - 1]->about.name, order[i]->about.name);
        else if (order[i]->offset > end)
            status = tec_fail(TEC_USER_ERROR, "%s: %lld bytes before tensor %.200s belong to no tensor", file->path,
                              (long long)(order[i]->offset - end), order[i]->about.name);
        end = order[i]->offset + bytes_of(order[i]);
    }
    if (status == TEC_OK && end < file->bytes)
        status = tec_fail(TEC_USER_ERROR, "%s: %lld bytes at its end belong to no tensor", file->path,
                          (long long)(file->bytes - end));
    free(order);
    return status;
}

static tec_status add_all(tec_tensor_file *file, json_t *header, int64_t data)
{
    const char *name;
    json_t *about;
    json_object_foreach(header, name, about)
    {
        if (strcmp(name, METADATA) == 0)
            TEC_TRY(add_metadata(file, about));
        else
            TEC_TRY(add_tensor(file, name, about, data));
    }
    return check_cover(file, data);
}

tec_status tec_safetensors_open(tec_tensor_file *file)
{
    int64_t length = 0;
    json_t *header = NULL;
    file->format = &format;
    TEC_TRY(read_length(file, &length));
    char *text = tec_allocate((size_t)length);
    tec_status status = tec_tensor_file_bytes(file, text, (size_t)length, 8);
    if (status == TEC_OK)
        status = parse_header(file, text, (size_t)length, &header);
    if (status == TEC_OK)
        status = add_all(file, header, 8 + length);
    json_decref(header);
    free(text);
    return status;
}
