/* Which format a file has, by its first bytes, and opening it as such. */
#include "tensor_source.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"
#include "tec/utf8.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { HEAD = 512 };

#define HDF5_MAGIC "\x89HDF\r\n\x1a\n"

/* Files that people mistake for models, by their first bytes. */
static const struct {
    const char *magic;
    size_t bytes;
    const char *is;
} others[] = {
    {"version https://git-lfs", 23, "a pointer of Git LFS, not the file itself: fetch it by `git lfs pull`"},
    {"\x1f\x8b", 2, "compressed by gzip: unpack it first"},
    {"BZh", 3, "compressed by bzip2: unpack it first"},
    {"\3757zXZ", 5, "compressed by xz: unpack it first"},
    {"\x28\xb5\x2f\xfd", 4, "compressed by zstd: unpack it first"},
    {"GGUF", 4, "a GGUF file, which is not read: use the model's .safetensors or .pth"},
    {"\x93NUMPY", 6, "a NumPy array (.npy), not a model: take a .safetensors or PyTorch's .pth"},
    {"\x89PNG", 4, "an image"},
    {"\xff\xd8\xff", 3, "an image"},
};

/* Other programs' models that no first bytes give away, by the end of the file's name. */
static const struct {
    const char *ending, *is;
} foreign[] = {
    {".msgpack", "a model of Flax (JAX)"},  {".onnx", "an ONNX graph"},
    {".pb", "a TensorFlow graph"},          {".index", "an index of a TensorFlow checkpoint"},
    {".tflite", "a TensorFlow Lite model"}, {".mlmodel", "a model of Core ML"},
    {".engine", "a TensorRT engine"},       {".ckpt", "a checkpoint of TensorFlow or another program"},
};

/* The length of the header in 8 bytes, the upper ones 0 in a sane file, then JSON. */
static bool looks_like_safetensors(const unsigned char *head, size_t bytes)
{
    return bytes > 8 && head[8] == '{' && (head[4] | head[5] | head[6] | head[7]) < ' ';
}

static bool looks_like_json(const unsigned char *head, size_t bytes)
{
    size_t i = tec_utf8_mark(head, bytes);
    while (i < bytes && (head[i] == ' ' || (head[i] >= '\t' && head[i] <= '\r')))
        i++;
    return i < bytes && head[i] == '{';
}

/* What a server sends instead of a file is a page or a line of text; so are pointers of programs like Git LFS. */
static bool is_text(const unsigned char *head, size_t bytes)
{
    enum { ASCII = 8 }; /* where a safetensors file has its length */
    size_t mark = tec_utf8_mark(head, bytes);
    for (size_t i = mark; i < bytes; i++)
        if (head[i] == 0x7f || (head[i] < ' ' && (head[i] < '\t' || head[i] > '\r')) ||
            (head[i] > 0x7f && i < mark + ASCII))
            return false;
    return bytes >= mark + ASCII;
}

static tec_status refuse_text(const char *path, const char *head)
{
    head += tec_utf8_mark(head, strlen(head));
    head += strspn(head, " \t\r\n\v\f");
    if (*head == '<')
        return tec_fail(TEC_USER_ERROR, "%s is a web page, not a model: the download went wrong", path);
    return tec_fail(TEC_USER_ERROR, "%s is not a model file of a known format, but text, which begins with `%.*s`",
                    path, (int)tec_min_int((int)strcspn(head, "\r\n\v\f"), 60), head);
}

/* Is it a known other thing? `head` ends with a 0. */
static tec_status check_other(const char *path, const unsigned char *head, size_t bytes)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (bytes >= others[i].bytes && memcmp(head, others[i].magic, others[i].bytes) == 0)
            return tec_fail(TEC_USER_ERROR, "%s is %s", path, others[i].is);
    if (bytes > 262 && memcmp(head + 257, "ustar", 5) == 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s is a tar archive: unpack it first (PyTorch's form from before version 0.2 is not read)",
                        path);
    return TEC_OK;
}

static tec_status refuse(const char *path, const unsigned char *head, size_t bytes)
{
    if (bytes == 0)
        return tec_fail(TEC_USER_ERROR, "%s is empty", path);
    TEC_TRY(check_other(path, head, bytes));
    if (is_text(head, bytes))
        return refuse_text(path, (const char *)head);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (tec_string_ends_with(path, foreign[i].ending))
            return tec_fail(TEC_USER_ERROR,
                            "%s is %s, which is not read: take the same model as .safetensors or PyTorch's .pth", path,
                            foreign[i].is);
    return tec_fail(TEC_USER_ERROR,
                    "%s is not a model file of a known format: neither safetensors, nor PyTorch's (.pth, .pt, .bin), "
                    "nor tec's own HDF5",
                    path);
}

static tec_status refuse_json(tec_tensor_file *file)
{
    return tec_fail(TEC_USER_ERROR, "%s is JSON, not a file of tensors", file->path);
}

/* NULL: unknown. */
static tensor_open *tell_format(const char *path, const unsigned char *head, size_t bytes, tensor_open *open_json)
{
    if (bytes >= 8 && memcmp(head, HDF5_MAGIC, 8) == 0)
        return tec_tensor_h5_open;
    if (bytes >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0))
        return tec_string_ends_with(path, ".npz") ? tec_tensor_npz_open : tec_torch_zip_open;
    if (looks_like_safetensors(head, bytes))
        return tec_safetensors_open;
    if (looks_like_json(head, bytes))
        return open_json ? open_json : refuse_json;
    if (bytes >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5)
        return tec_torch_legacy_open;
    bool called_so = bytes > 0 && tec_string_ends_with(path, ".safetensors") && !is_text(head, bytes);
    return called_so && check_other(path, head, bytes) == TEC_OK ? tec_safetensors_open : NULL;
}

/* -- opening -- */

static tec_status open_format(tec_tensor_file *file, tensor_open *open_json)
{
    unsigned char head[HEAD + 1] = {0};
    struct stat info;
    if (fstat(file->fd, &info) != 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: fstat: %s", file->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return tec_fail(TEC_USER_ERROR, "%s is not a file", file->path);
    file->bytes = info.st_size;
    size_t bytes = (size_t)tec_min_int64(file->bytes, HEAD);
    TEC_TRY(tec_tensor_file_bytes(file, head, bytes, 0));
    tensor_open *open = tell_format(file->path, head, bytes, open_json);
    if (!open)
        return refuse(file->path, head, bytes);
    TEC_TRY(open(file));
    tec_tensor_file_sort(file);
    return TEC_OK;
}

tec_status tec_tensor_file_open_fd(tec_tensor_file **out, int fd, const char *path, tensor_open *open_json)
{
    tec_tensor_file *file = tec_allocate_zeroed(1, sizeof *file);
    file->path = tec_string_copy(path);
    file->fd = fd;
    *out = NULL;
    tec_status status = open_format(file, open_json);
    if (status == TEC_OK)
        *out = file;
    else
        tec_tensor_file_close(file);
    return status;
}
