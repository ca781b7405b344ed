/* Writing HDF5 without HDF5 touching the disk: see tec/h5.h. */
#include "tec/h5.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char in_memory[] = "HDF5 file in memory";

static tec_status not_created(const char *name)
{
    return tec_fail(TEC_SYSTEM_ERROR, "%s: %s cannot be created", in_memory, name);
}

tec_status tec_h5_draft_open(tec_h5_draft *draft)
{
    char path[64];
    tec_h5_start();
    draft->file = -1;
    draft->memory = memfd_create("tec-draft", MFD_CLOEXEC);
    if (draft->memory < 0)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: memfd_create: %s", in_memory, strerror(errno));
    snprintf(path, sizeof path, "/proc/self/fd/%d", draft->memory);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    /* The default driver resolves links, and this one leads to no path. */
    if (H5Pset_fapl_stdio(access) >= 0)
        draft->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    if (draft->file >= 0)
        return TEC_OK;
    tec_status status = tec_h5_fail(TEC_SYSTEM_ERROR, in_memory, "cannot be created");
    tec_h5_draft_close(draft);
    return status;
}

void tec_h5_draft_close(tec_h5_draft *draft)
{
    if (draft->file >= 0)
        H5Fclose(draft->file);
    if (draft->memory >= 0)
        close(draft->memory);
    draft->file = -1;
    draft->memory = -1;
}

tec_status tec_h5_draft_group(tec_h5_draft *draft, const char *name)
{
    hid_t group = H5Gcreate2(draft->file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0 || H5Gclose(group) < 0)
        return not_created(name);
    return TEC_OK;
}

static bool write_attribute(hid_t object, const char *name, hid_t type, hid_t space, const void *value)
{
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool written = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
    if (attribute >= 0)
        written &= H5Aclose(attribute) >= 0;
    return written;
}

tec_status tec_h5_draft_put_numbers(tec_h5_draft *draft, const char *object, const char *name, hid_t type, int count,
                                    const void *value)
{
    hsize_t dim = (hsize_t)count;
    hid_t owner = H5Oopen(draft->file, object, H5P_DEFAULT);
    hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dim, NULL);
    bool written = owner >= 0 && write_attribute(owner, name, type, space, value);
    H5Sclose(space);
    if (owner >= 0)
        H5Oclose(owner);
    return written ? TEC_OK : not_created(name);
}

static hid_t text_type(const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

tec_status tec_h5_draft_put_text(tec_h5_draft *draft, const char *object, const char *name, const char *text)
{
    hid_t owner = H5Oopen(draft->file, object, H5P_DEFAULT), space = H5Screate(H5S_SCALAR), type = text_type(text);
    bool written = owner >= 0 && write_attribute(owner, name, type, space, text);
    H5Tclose(type);
    H5Sclose(space);
    if (owner >= 0)
        H5Oclose(owner);
    return written ? TEC_OK : not_created(name);
}

/* Early allocation without fill values: the dataset gets its place in the file and nothing is written there. No
 * timestamps, so that equal contents make equal files. */
static hid_t create_dataset(hid_t file, const char *name, hid_t type, hid_t space)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), link = H5Pcreate(H5P_LINK_CREATE), dataset = -1;
    if (H5Pset_layout(create, H5D_CONTIGUOUS) >= 0 && H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY) >= 0 &&
        H5Pset_fill_time(create, H5D_FILL_TIME_NEVER) >= 0 && H5Pset_obj_track_times(create, false) >= 0 &&
        H5Pset_create_intermediate_group(link, 1) >= 0)
        dataset = H5Dcreate2(file, name, type, space, link, create, H5P_DEFAULT);
    H5Pclose(link);
    H5Pclose(create);
    return dataset;
}

tec_status tec_h5_draft_dataset(tec_h5_draft *draft, const char *name, hid_t type, int dims, const hsize_t *dim,
                                const uint32_t *crc, int64_t *offset)
{
    hid_t space = H5Screate_simple(dims, dim, NULL), scalar = H5Screate(H5S_SCALAR);
    hid_t dataset = create_dataset(draft->file, name, type, space);
    haddr_t place = dataset >= 0 ? H5Dget_offset(dataset) : HADDR_UNDEF;
    bool made = place != HADDR_UNDEF && (!crc || write_attribute(dataset, "crc32c", H5T_NATIVE_UINT32, scalar, crc));
    if (dataset >= 0)
        made &= H5Dclose(dataset) >= 0;
    H5Sclose(scalar);
    H5Sclose(space);
    *offset = (int64_t)place;
    return made ? TEC_OK : not_created(name);
}

tec_status tec_h5_draft_text(tec_h5_draft *draft, const char *name, const char *text)
{
    hid_t space = H5Screate(H5S_SCALAR), type = text_type(text);
    hid_t dataset = create_dataset(draft->file, name, type, space);
    bool written = dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
    if (dataset >= 0)
        written &= H5Dclose(dataset) >= 0;
    H5Tclose(type);
    H5Sclose(space);
    return written ? TEC_OK : not_created(name);
}

/* Copies the draft without its holes, which are the places of the data. */
static tec_status copy_tables(int memory, int fd, const char *path)
{
    enum { BLOCK = 1 << 16 };
    char *block = tec_allocate(BLOCK);
    tec_status status = TEC_OK;
    off_t end = 0, start;
    while (status == TEC_OK && (start = lseek(memory, end, SEEK_DATA)) >= 0) {
        end = lseek(memory, start, SEEK_HOLE);
        while (status == TEC_OK && start < end) {
            size_t bytes = (size_t)tec_min_int64(end - start, BLOCK);
            status = tec_file_get(memory, in_memory, block, bytes, start);
            if (status == TEC_OK)
                status = tec_file_put(fd, path, block, bytes, start);
            start += (off_t)bytes;
        }
    }
    free(block);
    return status;
}

tec_status tec_h5_draft_save(tec_h5_draft *draft, const char *path, int *fd, int64_t *bytes)
{
    tec_status status = TEC_OK;
    *fd = -1;
    /* It gets its full size now, in memory, but it is the file that is too large, if it is. */
    errno = 0;
    if (H5Fclose(draft->file) < 0)
        status = errno ? tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", tec_temporary_path(path),
                                  tec_file_reason(errno))
                       : tec_h5_fail(TEC_SYSTEM_ERROR, tec_temporary_path(path), "cannot be written");
    draft->file = -1;
    *bytes = lseek(draft->memory, 0, SEEK_END);
    if (status == TEC_OK)
        status = tec_file_create(path, *bytes, fd);
    if (status == TEC_OK) {
        status = copy_tables(draft->memory, *fd, path);
        if (status != TEC_OK) {
            close(*fd);
            unlink(path);
            *fd = -1;
        }
    }
    tec_h5_draft_close(draft);
    return status;
}
