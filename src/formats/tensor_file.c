/* Recognising and opening model files; reading tensors, with strides and conversion, whatever the format. */
#include "tensor_source.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- recognising the format -- */

enum { HEAD = 512 };

#define HDF5_MAGIC "\x89HDF\r\n\x1a\n"

/* Files that people mistake for models, by their first bytes. */
static const struct {
    const char *magic;
    size_t bytes;
    const char *is;
} others[] = {
    {"version https://git-lfs", 23, "a pointer of Git LFS, not the file itself: fetch it by `git lfs pull`"},
    {"<!DOCTYPE", 9, "a web page, not a model: the download went wrong"},
    {"<!doctype", 9, "a web page, not a model: the download went wrong"},
    {"<html", 5, "a web page, not a model: the download went wrong"},
    {"\x1f\x8b", 2, "compressed by gzip: unpack it first"},
    {"BZh", 3, "compressed by bzip2: unpack it first"},
    {"\3757zXZ", 5, "compressed by xz: unpack it first"},
    {"\x28\xb5\x2f\xfd", 4, "compressed by zstd: unpack it first"},
    {"GGUF", 4, "a GGUF file, which is not read: use the model's .safetensors or .pth"},
    {"\x93NUMPY", 6, "a NumPy array, not a model"},
    {"\x89PNG", 4, "an image"},
    {"\xff\xd8\xff", 3, "an image"},
};

/* The length of the header in 8 bytes, the upper ones 0 in a sane file, then JSON. */
static bool looks_like_safetensors(const unsigned char *head, size_t bytes)
{
    return bytes > 8 && head[8] == '{' && (head[4] | head[5] | head[6] | head[7]) < ' ';
}

static bool looks_like_json(const unsigned char *head, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && (head[i] == ' ' || (head[i] >= '\t' && head[i] <= '\r')))
        i++;
    return i < bytes && head[i] == '{';
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static tec_status refuse(const char *path, const unsigned char *head, size_t bytes)
{
    if (bytes == 0)
        return tec_fail(TEC_USER_ERROR, "%s is empty", path);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (bytes >= others[i].bytes && memcmp(head, others[i].magic, others[i].bytes) == 0)
            return tec_fail(TEC_USER_ERROR, "%s is %s", path, others[i].is);
    if (bytes > 262 && memcmp(head + 257, "ustar", 5) == 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s is a tar archive: unpack it first (PyTorch's form from before version 0.2 is not read)",
                        path);
    return tec_fail(TEC_USER_ERROR,
                    "%s is not a model file of a known format: neither safetensors, nor PyTorch's (.pth, .pt, .bin), "
                    "nor tec's own HDF5",
                    path);
}

typedef tec_status open_function(tec_tensor_file *file);

/* NULL: unknown. */
static open_function *tell_format(const char *path, const unsigned char *head, size_t bytes)
{
    if (bytes >= 8 && memcmp(head, HDF5_MAGIC, 8) == 0)
        return tec_tensor_h5_open;
    if (bytes >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0))
        return tec_torch_zip_open;
    if (looks_like_safetensors(head, bytes))
        return tec_safetensors_open;
    if (looks_like_json(head, bytes))
        return tec_tensor_index_open;
    if (bytes >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5)
        return tec_torch_legacy_open;
    return bytes > 0 && ends_with(path, ".safetensors") ? tec_safetensors_open : NULL;
}

/* -- opening -- */

static tec_status open_format(tec_tensor_file *file, bool index)
{
    unsigned char head[HEAD] = {0};
    struct stat info;
    if (fstat(file->fd, &info) != 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: fstat: %s", file->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return tec_fail(TEC_USER_ERROR, "%s is not a file", file->path);
    file->bytes = info.st_size;
    size_t bytes = file->bytes < HEAD ? (size_t)file->bytes : HEAD;
    TEC_TRY(tec_tensor_file_bytes(file, head, bytes, 0));
    open_function *open = tell_format(file->path, head, bytes);
    if (!open)
        return refuse(file->path, head, bytes);
    if (open == tec_tensor_index_open && !index)
        return tec_fail(TEC_USER_ERROR, "%s is JSON, not a file of tensors", file->path);
    TEC_TRY(open(file));
    tec_tensor_file_sort(file);
    return TEC_OK;
}

static tec_status open_any(tec_tensor_file **out, int fd, const char *path, bool index)
{
    tec_tensor_file *file = tec_allocate_zeroed(1, sizeof *file);
    file->path = tec_string_format("%s", path);
    file->fd = fd;
    *out = NULL;
    tec_status status = open_format(file, index);
    if (status == TEC_OK)
        *out = file;
    else
        tec_tensor_file_close(file);
    return status;
}

tec_status tec_tensor_file_open_fd(tec_tensor_file **out, int fd, const char *path)
{
    return open_any(out, fd, path, false);
}

/* The model file in the directory of a published model or of a run; NULL: there is none. The caller frees it. */
static char *find_in_directory(const char *directory)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                        "pytorch_model.bin.index.json", "checkpoint.h5"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = tec_path_join(directory, names[i]);
        if (tec_file_exists(path))
            return path;
        free(path);
    }
    return NULL;
}

tec_status tec_tensor_file_open(tec_tensor_file **out, const char *path)
{
    struct stat info;
    char *inside = NULL;
    *out = NULL;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        inside = find_in_directory(path);
        if (!inside)
            return tec_fail(TEC_USER_ERROR,
                            "%s is a directory without model.safetensors, pytorch_model.bin or checkpoint.h5: name the "
                            "model file",
                            path);
        path = inside;
    }
    /* Without O_NONBLOCK, opening a named pipe would block. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    tec_status status;
    if (fd < 0)
        status = tec_fail(TEC_USER_ERROR, "%s: %s", path, strerror(errno));
    else
        status = open_any(out, fd, path, true);
    free(inside);
    return status;
}

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
