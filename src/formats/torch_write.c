/* Writing PyTorch's zip form: a pickle of an OrderedDict of tensors, alone or in a dict, and the bytes of each tensor in
 * an entry of its own. */
#include "tec/tensor_write.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zip.h>

#define FOLDER "archive/"

/* -- the pickle, protocol 2 -- */

static void put_number(FILE *out, uint64_t number, int width)
{
    for (int i = 0; i < width; i++)
        fputc((int)(number >> (8 * i) & 0xff), out);
}

static void put_integer(FILE *out, int64_t integer)
{
    bool is_short = integer <= INT32_MAX;
    fputs(is_short ? "J" : "\x8a\x08", out);
    put_number(out, (uint64_t)integer, is_short ? 4 : 8);
}

static void put_text(FILE *out, const char *text)
{
    fputc('X', out);
    put_number(out, strlen(text), 4);
    fputs(text, out);
}

static void put_tuple(FILE *out, const int64_t *number, int count)
{
    fputc('(', out);
    for (int i = 0; i < count; i++)
        put_integer(out, number[i]);
    fputc('t', out);
}

#define EMPTY_ORDERED_DICT "ccollections\nOrderedDict\n)R"

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks) */
static void put_tensor(FILE *out, const tec_tensor_out *tensor, int index)
{
    int64_t stride[TEC_TENSOR_DIMS], next = 1;
    char key[16];
    snprintf(key, sizeof key, "%d", index);
    for (int i = tensor->dims - 1; i >= 0; i--) {
        stride[i] = next;
        next *= tensor->dim[i];
    }
    fputs("ctorch._utils\n_rebuild_tensor_v2\n((", out);
    put_text(out, "storage");
    fputs("ctorch\nFloatStorage\n", out);
    put_text(out, key);
    put_text(out, "cpu");
    put_integer(out, tec_tensor_out_count(tensor));
    fputs("tQ", out);
    put_integer(out, 0);
    put_tuple(out, tensor->dim, tensor->dims);
    put_tuple(out, stride, tensor->dims);
    fputs("\x89" EMPTY_ORDERED_DICT "tR", out);
}

static void put_tensors(FILE *out, const tec_tensor_out *tensor, int count)
{
    fputs(EMPTY_ORDERED_DICT "(", out);
    for (int i = 0; i < count; i++) {
        put_text(out, tensor[i].name);
        put_tensor(out, &tensor[i], i);
    }
    fputc('u', out);
}

/* {"model": tensors, key: text, ...} */
static void put_wrapped(FILE *out, const tec_tensor_out *tensor, int count, const char *const *metadata)
{
    fputs("}(", out);
    put_text(out, "model");
    put_tensors(out, tensor, count);
    for (int i = 0; metadata[i]; i++)
        put_text(out, metadata[i]);
    fputc('u', out);
}

static tec_status make_pickle(const tec_tensor_out *tensor, int count, const char *const *metadata, char **text,
                              size_t *bytes)
{
    FILE *out = open_memstream(text, bytes);
    if (!out)
        return tec_fail(TEC_SYSTEM_ERROR, "out of memory for the pickle of a model file");
    fputs("\x80\x02", out);
    if (metadata)
        put_wrapped(out, tensor, count, metadata);
    else
        put_tensors(out, tensor, count);
    fputc('.', out);
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return TEC_OK;
    free(*text);
    return tec_fail(TEC_SYSTEM_ERROR, "out of memory for the pickle of a model file");
}

/* -- the archive -- */

typedef struct archive {
    zip_t *zip;
    uint64_t end; /* of what was added: where the next entry's header will start */
} archive;

enum { ALIGNMENT = 64, HEADER_BYTES = 30, FIELD_HEADER_BYTES = 4, PADDING_ID = 0x4246 };

/* PyTorch pads an entry's header with a field of this id, so that its data can be mapped into memory. */
static bool pad_header(archive *a, zip_uint64_t index, const char *name)
{
    static const zip_uint8_t padding[ALIGNMENT];
    uint64_t before = a->end + HEADER_BYTES + strlen(name) + FIELD_HEADER_BYTES;
    unsigned wanted = (unsigned)(-before % ALIGNMENT);
    a->end = before + wanted;
    return zip_file_extra_field_set(a->zip, index, PADDING_ID, ZIP_EXTRA_FIELD_NEW, padding, (zip_uint16_t)wanted,
                                    ZIP_FL_LOCAL) == 0;
}

/* Adds an uncompressed entry with a fixed date. If `owned`, the archive frees the data, or this function on failure. */
static bool add_entry(archive *a, const char *name, const void *data, size_t bytes, bool owned)
{
    struct tm date = {.tm_year = 80, .tm_mday = 1, .tm_isdst = -1};
    zip_source_t *source = zip_source_buffer(a->zip, data, bytes, owned);
    if (!source) {
        if (owned)
            free((void *)data);
        return false;
    }
    zip_int64_t index = zip_file_add(a->zip, name, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return false;
    }
    bool added = zip_set_file_compression(a->zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0 &&
                 zip_file_set_mtime(a->zip, (zip_uint64_t)index, mktime(&date), 0) == 0 &&
                 pad_header(a, (zip_uint64_t)index, name);
    a->end += bytes;
    return added;
}

static bool add_tensor(archive *a, const tec_tensor_out *tensor, int index)
{
    char name[32];
    size_t count = (size_t)tec_tensor_out_count(tensor);
    snprintf(name, sizeof name, FOLDER "data/%d", index);
#if TEC_REAL_IS_DOUBLE
    float *value = tec_allocate(count * sizeof *value);
    for (size_t i = 0; i < count; i++)
        value[i] = (float)tensor->value[i];
    return add_entry(a, name, value, count * sizeof *value, true);
#else
    return add_entry(a, name, tensor->value, count * sizeof(float), false);
#endif
}

static bool add_all(archive *a, const char *pickle, size_t bytes, const tec_tensor_out *tensor, int count)
{
    bool added = add_entry(a, FOLDER "data.pkl", pickle, bytes, false);
    added = added && add_entry(a, FOLDER "byteorder", "little", 6, false);
    for (int i = 0; added && i < count; i++)
        added = add_tensor(a, &tensor[i], i);
    return added && add_entry(a, FOLDER "version", "3\n", 2, false);
}

static tec_status write_archive(const char *path, const char *pickle, size_t bytes, const tec_tensor_out *tensor,
                                int count)
{
    int error = 0;
    archive a = {.zip = zip_open(path, ZIP_CREATE | ZIP_EXCL, &error)};
    if (!a.zip) {
        zip_error_t about;
        zip_error_init_with_code(&about, error);
        tec_status status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be created: %s", path, zip_error_strerror(&about));
        zip_error_fini(&about);
        return status;
    }
    if (add_all(&a, pickle, bytes, tensor, count) && zip_close(a.zip) == 0)
        return TEC_OK;
    tec_status status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", path, zip_strerror(a.zip));
    zip_discard(a.zip);
    return status;
}

tec_status tec_torch_write(const char *path, const tec_tensor_out *tensor, int count, const char *const *metadata)
{
    char *pickle = NULL, *temporary = tec_file_temporary(path);
    size_t bytes = 0;
    tec_status status = make_pickle(tensor, count, metadata, &pickle, &bytes);
    if (status == TEC_OK) {
        status = write_archive(temporary, pickle, bytes, tensor, count);
        free(pickle);
    }
    if (status == TEC_OK)
        status = tec_file_publish(temporary, path);
    free(temporary);
    return status;
}
