/* Our own checkpoints and golden fixtures as lists of tensors: the datasets of /weights. */
#include "tensor_h5.h"

#include "tec/checkpoint_h5.h"
#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

/* The most bytes that deflate, the strongest of HDF5's own filters, can expand one to. */
#define MOST_INFLATION 1032

typedef struct h5_file {
    hid_t file, weights;
} h5_file;

/* -- reading -- */

static tec_status read_dataset(const tec_tensor_file *file, hid_t dataset, const tensor_entry *entry, void *out,
                               size_t bytes)
{
    hid_t memory = tec_tensor_h5_memory_type(entry->type), type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    tec_status status = TEC_OK;
    /* The file may have been replaced since. */
    if (H5Sget_simple_extent_npoints(space) != entry->span)
        status = tec_fail(TEC_USER_ERROR, "%s: tensor %s has changed since the file was opened", file->path,
                          entry->about.name);
    else if (H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
        status = tec_h5_fail(TEC_USER_ERROR, file->path, "a tensor cannot be read");
    else if (H5Tequal(memory, type) > 0)
        status = tec_checkpoint_check_crc(dataset, file->path, "weights", entry->about.name, out, bytes);
    H5Sclose(space);
    H5Tclose(type);
    H5Tclose(memory);
    return status;
}

static tec_status read_tensor(tec_tensor_file *file, const tensor_entry *entry, void *out, size_t bytes)
{
    TEC_H5_ALONE;
    const h5_file *h5 = file->data;
    hid_t dataset = H5Dopen2(h5->weights, entry->about.name, H5P_DEFAULT);
    if (dataset < 0)
        return tec_h5_fail(TEC_USER_ERROR, file->path, "a tensor cannot be opened");
    tec_status status = read_dataset(file, dataset, entry, out, bytes);
    H5Dclose(dataset);
    return status;
}

static void close_file(void *data)
{
    TEC_H5_ALONE;
    h5_file *h5 = data;
    if (h5->weights >= 0)
        H5Gclose(h5->weights);
    if (h5->file >= 0)
        H5Fclose(h5->file);
    free(h5);
}

static const tensor_format checkpoint = {.name = "tec checkpoint", .read = read_tensor, .close = close_file};
static const tensor_format fixture = {.name = "tec fixture", .read = read_tensor, .close = close_file};

/* -- listing -- */

/* The most bytes that the dataset can have in memory, by its size in the file. */
static int64_t room_of(const tec_tensor_file *file, hid_t dataset, tensor_type type, size_t stored_size)
{
    hid_t plist = H5Dget_create_plist(dataset);
    uint64_t stored = H5Dget_storage_size(dataset);
    if (stored > (uint64_t)file->bytes)
        stored = (uint64_t)file->bytes;
    if (H5Pget_layout(plist) == H5D_CHUNKED)
        stored *= MOST_INFLATION;
    H5Pclose(plist);
    return (int64_t)(stored / stored_size * (uint64_t)tec_tensor_types[type].size);
}

static tec_status add_dataset(tec_tensor_file *file, hid_t dataset, const char *name)
{
    hsize_t size[H5S_MAX_RANK];
    int64_t dim[H5S_MAX_RANK];
    hid_t stored = H5Dget_type(dataset), space = H5Dget_space(dataset);
    int dims = H5Sget_simple_extent_dims(space, size, NULL);
    for (int i = 0; i < dims; i++)
        dim[i] = size[i] > INT64_MAX ? -1 : (int64_t)size[i];
    tensor_place place = {.type = tec_tensor_h5_type(stored), .dims = dims, .dim = dim};
    tec_status status;
    if (place.type == TENSOR_TYPES) {
        status = tec_fail(TEC_USER_ERROR, "%s: tensor weights/%s does not hold numbers", file->path, name);
    } else {
        place.room = room_of(file, dataset, place.type, H5Tget_size(stored));
        status = tec_tensor_file_add(file, name, &place);
    }
    H5Sclose(space);
    H5Tclose(stored);
    return status;
}

/* HDF5 keeps no order of its own, and block 2 should come before block 10. */
static int by_name_and_number(const void *a, const void *b)
{
    const tensor_entry *x = a, *y = b;
    return strverscmp(x->about.name, y->about.name);
}

static tec_status list_weights(tec_tensor_file *file, hid_t weights)
{
    char *name;
    tec_status status = TEC_OK;
    for (int i = 0; status == TEC_OK && (name = tec_h5_member(weights, i)); i++) {
        hid_t dataset = H5Dopen2(weights, name, H5P_DEFAULT);
        if (dataset >= 0) {
            status = add_dataset(file, dataset, name);
            H5Dclose(dataset);
        } else {
            status = tec_fail(TEC_USER_ERROR, "%s: weights/%s is not a dataset, or damaged", file->path, name);
        }
        free(name);
    }
    if (status == TEC_OK)
        qsort(file->entry, (size_t)file->count, sizeof *file->entry, by_name_and_number);
    return status;
}

tec_status tec_tensor_h5_open(tec_tensor_file *file)
{
    TEC_H5_ALONE;
    h5_file *h5 = tec_allocate_zeroed(1, sizeof *h5);
    tec_model_kind kind;
    char format[32];
    h5->file = h5->weights = H5I_INVALID_HID;
    file->data = h5;
    file->format = &checkpoint;
    tec_status status = tec_checkpoint_open(file->path, &h5->file, &kind);
    if (status != TEC_OK) {
        h5->file = H5I_INVALID_HID;
        return status;
    }
    TEC_TRY(tec_h5_get_text(h5->file, file->path, "format", format, sizeof format));
    if (strcmp(format, TEC_CHECKPOINT_FORMAT) != 0)
        file->format = &fixture;
    h5->weights = tec_h5_has(h5->file, "weights") ? H5Gopen2(h5->file, "weights", H5P_DEFAULT) : -1;
    if (h5->weights < 0)
        return tec_fail(TEC_USER_ERROR, "%s: the group /weights is missing", file->path);
    TEC_TRY(list_weights(file, h5->weights));
    tec_tensor_h5_add_notes(file, h5->file);
    return TEC_OK;
}
