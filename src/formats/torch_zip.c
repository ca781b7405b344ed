/* Reading PyTorch's zip form, since 1.6: NAME/data.pkl, and NAME/data/KEY for each storage. TorchScript's archives have
 * the same parts besides their code. */
#include "torch_parts.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

typedef struct torch_zip {
    zip_t *zip;
    char *folder; /* "NAME/" */
} torch_zip;

/* Deflate expands a byte to at most 1032: an entry that claims more was made to exhaust memory. */
enum { DEFLATE_RATIO = 1032 };

static tec_status zip_failed(const tec_tensor_file *file, const char *entry, const char *reason)
{
    return tec_fail(TEC_USER_ERROR, "%s: entry %.200s of the zip archive cannot be read: %s", file->path, entry,
                    reason);
}

/* The size of an entry, checked against its compressed size. */
static tec_status entry_size(const tec_tensor_file *file, zip_uint64_t index, int64_t *bytes, zip_stat_t *about)
{
    torch_zip *data = file->data;
    zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_CRC;
    zip_stat_init(about);
    if (zip_stat_index(data->zip, index, 0, about) != 0 || (about->valid & wanted) != wanted)
        return zip_failed(file, "?", "it is not described");
    if (about->comp_size > (zip_uint64_t)file->bytes || about->size > (about->comp_size + 1) * DEFLATE_RATIO)
        return zip_failed(file, about->name, "its size is more than the file can hold");
    if (about->comp_method == ZIP_CM_STORE && about->size != about->comp_size)
        return zip_failed(file, about->name, "its two sizes differ");
    *bytes = (int64_t)about->size;
    return TEC_OK;
}

/* Skips `offset` bytes, by seeking if they are stored, by unpacking if they are compressed. */
static bool skip_to(zip_file_t *stream, const zip_stat_t *about, int64_t offset)
{
    char unwanted[16384];
    if (about->comp_method == ZIP_CM_STORE)
        return offset == 0 || zip_fseek(stream, offset, SEEK_SET) == 0;
    while (offset > 0) {
        size_t bytes = tec_min_size((size_t)offset, sizeof unwanted);
        zip_int64_t got = zip_fread(stream, unwanted, bytes);
        if (got <= 0)
            return false;
        offset -= got;
    }
    return true;
}

static bool read_whole(zip_file_t *stream, char *out, size_t bytes)
{
    while (bytes > 0) {
        zip_int64_t got = zip_fread(stream, out, bytes);
        if (got <= 0)
            return false;
        out += got;
        bytes -= (size_t)got;
    }
    return true;
}

static tec_status read_entry(const tec_tensor_file *file, zip_uint64_t index, int64_t offset, void *out, size_t bytes)
{
    torch_zip *data = file->data;
    zip_stat_t about;
    int64_t size = 0;
    char past;
    TEC_TRY(entry_size(file, index, &size, &about));
    if (offset < 0 || offset > size || bytes > (uint64_t)(size - offset))
        return zip_failed(file, about.name, "it is shorter than the data that it should hold");
    zip_file_t *stream = zip_fopen_index(data->zip, index, 0);
    if (!stream)
        return zip_failed(file, about.name, zip_strerror(data->zip));
    tec_status status = TEC_OK;
    /* Reading to the end makes libzip compare the checksum, if it has seen all bytes. It is 0 if PyTorch was told not
     * to compute it. */
    bool whole = offset == 0 && bytes == (uint64_t)size && about.crc != 0;
    if (!skip_to(stream, &about, offset) || !read_whole(stream, out, bytes) ||
        (whole && zip_fread(stream, &past, 1) != 0)) {
        bool told = zip_error_code_zip(zip_file_get_error(stream)) != 0;
        status = zip_failed(file, about.name, told ? zip_file_strerror(stream) : "it is cut short");
    }
    zip_fclose(stream);
    return status;
}

static tec_status read_tensor(tec_tensor_file *file, const tensor_entry *entry, void *out, size_t bytes)
{
    return read_entry(file, (zip_uint64_t)entry->source, entry->offset, out, bytes);
}

static void close_zip(void *torch)
{
    torch_zip *data = torch;
    if (data->zip)
        zip_discard(data->zip);
    free(data->folder);
    free(data);
}

static const tensor_format zip_format = {"PyTorch (zip)", read_tensor, close_zip};
static const tensor_format script_format = {"TorchScript", read_tensor, close_zip};

/* -- opening -- */

static tec_status open_archive(tec_tensor_file *file, torch_zip *data)
{
    int error = 0, fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0); /* libzip closes its own */
    if (fd < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot open another file descriptor", file->path);
    data->zip = zip_fdopen(fd, 0, &error);
    if (data->zip)
        return TEC_OK;
    close(fd);
    zip_error_t about;
    zip_error_init_with_code(&about, error);
    tec_status status = tec_fail(TEC_USER_ERROR, "%s is a damaged zip archive, or cut short: %s", file->path,
                                 zip_error_strerror(&about));
    zip_error_fini(&about);
    return status;
}

/* Zip archives that people mistake for PyTorch's, by the end of an entry's name. */
static const struct {
    const char *entry, *is;
} others[] = {
    {".npy", "an archive of NumPy arrays, which is read where its name ends in .npz: give it such a name"},
    {"model.weights.h5", "a model of Keras (.keras), which is not read: take the same model as .safetensors or "
                         "PyTorch's .pth"},
    {".safetensors", "a zip archive around a model file: unpack it first"},
    {".pth", "a zip archive around a model file: unpack it first"},
    {".pt", "a zip archive around a model file: unpack it first"},
    {".bin", "a zip archive around a model file: unpack it first"},
    {".h5", "a zip archive around a model file: unpack it first"},
    {".mlmodel", "a model of Core ML, which is not read: take the same model as .safetensors or PyTorch's .pth"},
};

static tec_status not_torch(const tec_tensor_file *file, const torch_zip *data)
{
    zip_int64_t count = zip_get_num_entries(data->zip, 0);
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        for (zip_int64_t i = 0; i < count; i++) {
            const char *name = zip_get_name(data->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
            if (name && tec_string_ends_with(name, others[k].entry))
                return tec_fail(TEC_USER_ERROR, "%s is %s", file->path, others[k].is);
        }
    return tec_fail(TEC_USER_ERROR, "%s is a zip archive, but not one of PyTorch's: it has no data.pkl", file->path);
}

/* Finds NAME/data.pkl, and thereby NAME. */
static tec_status find_pickle(const tec_tensor_file *file, torch_zip *data, zip_uint64_t *index)
{
    static const char wanted[] = "/data.pkl";
    zip_int64_t count = zip_get_num_entries(data->zip, 0);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = zip_get_name(data->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        const char *slash = name ? strchr(name, '/') : NULL;
        if (slash && strcmp(slash, wanted) == 0) {
            data->folder = tec_string_format("%.*s", (int)(slash + 1 - name), name);
            *index = (zip_uint64_t)i;
            return TEC_OK;
        }
    }
    return not_torch(file, data);
}

static bool find_entry(const torch_zip *data, const char *name, zip_uint64_t *index)
{
    char *path = tec_string_format("%s%s", data->folder, name);
    zip_int64_t found = zip_name_locate(data->zip, path, ZIP_FL_ENC_RAW);
    free(path);
    if (found < 0 || found > INT_MAX)
        return false;
    *index = (zip_uint64_t)found;
    return true;
}

static tec_status check_byte_order(const tec_tensor_file *file, const torch_zip *data)
{
    zip_uint64_t index;
    zip_stat_t about;
    int64_t bytes = 0;
    char text[8] = "";
    if (!find_entry(data, "byteorder", &index))
        return TEC_OK; /* not written before PyTorch 2.1 */
    TEC_TRY(entry_size(file, index, &bytes, &about));
    if (bytes < (int64_t)sizeof text)
        TEC_TRY(read_entry(file, index, 0, text, (size_t)bytes));
    if (strcmp(text, "little") != 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s was written on a big-endian machine (its byteorder is \"%s\"), which is not read: save it "
                        "again on another",
                        file->path, text);
    return TEC_OK;
}

static tec_status locate(tec_tensor_file *file, void *context, const torch_storage *storage, torch_place *place)
{
    torch_zip *data = context;
    char name[128];
    zip_uint64_t index = 0;
    zip_stat_t about;
    int64_t bytes = 0, wanted;
    if (storage->key.size > 100 || memchr(storage->key.at, 0, storage->key.size))
        return tec_fail(TEC_USER_ERROR, "%s is damaged: a storage has a key that PyTorch does not write", file->path);
    snprintf(name, sizeof name, "data/%.*s", (int)storage->key.size, storage->key.at);
    if (!find_entry(data, name, &index))
        return tec_fail(TEC_USER_ERROR, "%s is damaged: it has no entry %s%s", file->path, data->folder, name);
    TEC_TRY(entry_size(file, index, &bytes, &about));
    if (__builtin_mul_overflow(storage->count, (int64_t)storage->size, &wanted) || wanted > bytes)
        return tec_fail(TEC_USER_ERROR,
                        "%s is damaged: its entry %s%s has %lld bytes, fewer than the %lld elements of the storage "
                        "take",
                        file->path, data->folder, name, (long long)bytes, (long long)storage->count);
    *place = (torch_place){.source = (int)index, .bytes = wanted};
    return TEC_OK;
}

static tec_status list_pickle(tec_tensor_file *file, torch_zip *data, zip_uint64_t index)
{
    zip_stat_t about;
    int64_t bytes = 0;
    TEC_TRY(entry_size(file, index, &bytes, &about));
    if (bytes > PICKLE_BYTES_LIMIT)
        return tec_fail(TEC_USER_ERROR, "%s: its data.pkl has %lld bytes, more than the %d that are read", file->path,
                        (long long)bytes, PICKLE_BYTES_LIMIT);
    char *raw = tec_allocate((size_t)bytes), *where = tec_string_format("%s: data.pkl", file->path);
    pickle *p = NULL;
    size_t used;
    tec_status status = read_entry(file, index, 0, raw, (size_t)bytes);
    if (status == TEC_OK)
        status = tec_pickle_read(&p, where, raw, (size_t)bytes, 0, &used);
    if (status == TEC_OK)
        status = tec_torch_list(file, tec_pickle_root(p), locate, data);
    tec_pickle_free(p);
    free(where);
    free(raw);
    return status;
}

tec_status tec_torch_zip_open(tec_tensor_file *file)
{
    torch_zip *data = tec_allocate_zeroed(1, sizeof *data);
    zip_uint64_t index = 0, constants;
    file->data = data;
    file->format = &zip_format;
    TEC_TRY(open_archive(file, data));
    TEC_TRY(find_pickle(file, data, &index));
    if (find_entry(data, "constants.pkl", &constants))
        file->format = &script_format;
    TEC_TRY(check_byte_order(file, data));
    return list_pickle(file, data, index);
}
