/* Writing .safetensors, float32. */
#include "tec/temporary.h"
#include "tec/tensor_write.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- the header -- */

static json_t *describe(const tec_tensor_out *tensor, int64_t offset)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->dims; i++)
        json_array_append_new(shape, json_integer(tensor->dim[i]));
    json_int_t end = offset + tec_tensor_out_count(tensor) * (int64_t)sizeof(float);
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", (json_int_t)offset, end);
}

static tec_status add_metadata(json_t *header, const char *path, const char *const *metadata)
{
    json_t *texts = json_object();
    json_object_set_new(header, "__metadata__", texts);
    for (; metadata[0]; metadata += 2)
        if (json_object_set_new(texts, metadata[0], json_string(metadata[1])) != 0)
            return tec_fail(TEC_USER_ERROR, "%s: the metadata %s is not UTF-8", path, metadata[0]);
    return TEC_OK;
}

static tec_status make_header(const char *path, const tec_tensor_out *tensor, int count, const char *const *metadata,
                              json_t **header, int64_t *bytes)
{
    *header = json_object();
    *bytes = 0;
    if (metadata)
        TEC_TRY(add_metadata(*header, path, metadata));
    for (int i = 0; i < count; i++) {
        if (json_object_get(*header, tensor[i].name))
            return tec_fail(TEC_USER_ERROR, "%s: there are two tensors %s", path, tensor[i].name);
        if (json_object_set_new(*header, tensor[i].name, describe(&tensor[i], *bytes)) != 0)
            return tec_fail(TEC_USER_ERROR, "%s: the name of tensor %s is not UTF-8", path, tensor[i].name);
        *bytes += tec_tensor_out_count(&tensor[i]) * (int64_t)sizeof(float);
    }
    return TEC_OK;
}

/* The length and the header, padded with spaces so that the data begins at a multiple of 8; the caller frees it. */
static char *print_header(const json_t *header, size_t *bytes)
{
    char *json = json_dumps(header, JSON_COMPACT);
    if (!json)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory for the header of a .safetensors file"));
    size_t length = strlen(json), filled = (length + 7) / 8 * 8;
    char *text = tec_allocate(8 + filled);
    for (int i = 0; i < 8; i++)
        text[i] = (char)((uint64_t)filled >> 8 * i);
    memcpy(text + 8, json, length);
    memset(text + 8 + length, ' ', filled - length);
    free(json);
    *bytes = 8 + filled;
    return text;
}

/* -- the file -- */

static tec_status put_values(int fd, const char *path, const real *value, int64_t count, int64_t offset)
{
    enum { CHUNK = 1 << 16 };
    if (!TEC_REAL_IS_DOUBLE)
        return tec_file_put(fd, path, value, (size_t)count * sizeof(float), offset);
    float *narrow = tec_allocate(CHUNK * sizeof *narrow);
    tec_status status = TEC_OK;
    for (int64_t i = 0; i < count && status == TEC_OK; i += CHUNK) {
        int64_t n = tec_min_int64(count - i, CHUNK);
        for (int64_t k = 0; k < n; k++)
            narrow[k] = (float)value[i + k];
        status = tec_file_put(fd, path, narrow, (size_t)n * sizeof *narrow, offset + i * (int64_t)sizeof *narrow);
    }
    free(narrow);
    return status;
}

static tec_status put_all(const char *temporary, const tec_tensor_out *tensor, int count, const json_t *header,
                          int64_t bytes)
{
    size_t header_bytes;
    int fd;
    char *text = print_header(header, &header_bytes);
    int64_t offset = (int64_t)header_bytes;
    tec_status status = tec_file_create(temporary, offset + bytes, &fd);
    if (status != TEC_OK)
        goto done;
    status = tec_file_put(fd, temporary, text, header_bytes, 0);
    for (int i = 0; i < count && status == TEC_OK; i++) {
        status = put_values(fd, temporary, tensor[i].value, tec_tensor_out_count(&tensor[i]), offset);
        offset += tec_tensor_out_count(&tensor[i]) * (int64_t)sizeof(float);
    }
    if (close(fd) != 0 && status == TEC_OK)
        status =
            tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", tec_temporary_path(temporary), strerror(errno));
    if (status != TEC_OK)
        unlink(temporary);
done:
    free(text);
    return status;
}

tec_status tec_safetensors_write(const char *path, const tec_tensor_out *tensor, int count, const char *const *metadata)
{
    json_t *header;
    int64_t bytes;
    char *temporary = tec_file_temporary(path);
    tec_status status = make_header(path, tensor, count, metadata, &header, &bytes);
    if (status == TEC_OK)
        status = put_all(temporary, tensor, count, header, bytes);
    if (status == TEC_OK)
        status = tec_file_publish(temporary, path);
    json_decref(header);
    free(temporary);
    return status;
}
