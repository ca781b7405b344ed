/* An open file of tensors: reading bytes and tensors, with strides and conversion, whatever the format; closing it. */
#include "tensor_source.h"

#include "tec/files.h"
#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tec_tensor_file_close(tec_tensor_file *file)
{
    if (!file)
        return;
    if (file->format && file->format->close)
        file->format->close(file->data);
    for (int i = 0; i < file->count; i++)
        free((char *)file->entry[i].about.name);
    for (int i = 0; i < file->notes; i++) {
        free((char *)file->note[i].name);
        free((char *)file->note[i].text);
    }
    free(file->entry);
    free(file->note);
    free(file->sorted);
    close(file->fd);
    free(file->path);
    free(file);
}

const char *tec_tensor_file_path(const tec_tensor_file *file)
{
    return file->path;
}

const char *tec_tensor_file_format(const tec_tensor_file *file)
{
    return file->format->name;
}

/* -- reading -- */

tec_status tec_tensor_file_bytes(const tec_tensor_file *file, void *out, size_t bytes, int64_t offset)
{
    if (offset < 0 || offset > file->bytes || bytes > (uint64_t)(file->bytes - offset))
        return tec_fail(TEC_USER_ERROR, "%s has %lld bytes, but should have %zu bytes at offset %lld: it is cut short",
                        file->path, (long long)file->bytes, bytes, (long long)offset);
    return tec_file_get(file->fd, file->path, out, bytes, offset);
}

/* Are the elements row-major in the file? */
static bool is_row_major(const tensor_entry *entry)
{
    int64_t next = 1;
    for (int i = entry->about.dims - 1; i >= 0; i--) {
        if (entry->about.dim[i] > 1 && entry->stride[i] != next)
            return false;
        next *= entry->about.dim[i];
    }
    return true;
}

static void gather(const tensor_entry *entry, const char *raw, char *packed)
{
    size_t size = (size_t)tec_tensor_types[entry->type].size;
    int64_t at[TEC_TENSOR_DIMS] = {0}, place = 0;
    for (int64_t i = 0; i < entry->about.count; i++) {
        memcpy(packed + (size_t)i * size, raw + (size_t)place * size, size);
        for (int d = entry->about.dims - 1; d >= 0; d--) {
            place += entry->stride[d];
            if (++at[d] < entry->about.dim[d])
                break;
            place -= entry->stride[d] * at[d];
            at[d] = 0;
        }
    }
}

tec_status tec_tensor_file_read(tec_tensor_file *file, int index, real *out)
{
    const tensor_entry *entry = &file->entry[index];
    size_t size = (size_t)tec_tensor_types[entry->type].size, bytes = (size_t)entry->span * size;
    if (!entry->about.is_float)
        return tec_fail(TEC_USER_ERROR, "%s: tensor %s holds %s, which is not a floating-point type that is read",
                        file->path, entry->about.name, entry->about.type_name);
    if (entry->about.count == 0)
        return TEC_OK;
    if (is_row_major(entry) && entry->type == (TEC_REAL_IS_DOUBLE ? TENSOR_F64 : TENSOR_F32))
        return file->format->read(file, entry, out, bytes);

    char *raw = tec_allocate(bytes), *packed = NULL;
    tec_status status = file->format->read(file, entry, raw, bytes);
    if (status == TEC_OK && !is_row_major(entry)) {
        packed = tec_allocate((size_t)entry->about.count * size);
        gather(entry, raw, packed);
    }
    if (status == TEC_OK)
        tec_tensor_convert(entry->type, packed ? packed : raw, entry->about.count, out);
    free(packed);
    free(raw);
    return status;
}
