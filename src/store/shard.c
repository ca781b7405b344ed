/* An existing shard: is it the right one, where are its datasets, what do its columns say? */
#include "store_parts.h"

#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *tec_store_shard_name(int64_t shard)
{
    return tec_string_format("shard-%05lld.h5", (long long)shard);
}

char *tec_store_shard_path(const char *dir, int64_t shard)
{
    char *name = tec_store_shard_name(shard), *path = tec_path_join(dir, name);
    free(name);
    return path;
}

/* -- attributes -- */

tec_status tec_store_shard_read_spec(hid_t file, const char *path, tec_store_spec *spec)
{
    char format[32] = "";
    int version;
    memset(spec, 0, sizeof *spec);
    if (!tec_h5_has_attribute(file, "format") ||
        tec_h5_get_text(file, path, "format", format, sizeof format) != TEC_OK || strcmp(format, STORE_FORMAT) != 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s is not a shard of a target store (its root has no attribute format = \"%s\")", path,
                        STORE_FORMAT);
    TEC_TRY(tec_h5_get_numbers(file, path, "version", H5T_NATIVE_INT, 1, &version));
    TEC_TRY(tec_store_version_known(version, path));
    for (const spec_field *f = tec_store_spec_fields; f->h5.name; f++)
        if (!f->exception || tec_h5_has_attribute(file, f->h5.name))
            TEC_TRY(tec_h5_get_field(file, path, &f->h5, spec));
    return tec_store_version_check(version, spec, path);
}

static tec_status check_attributes(hid_t file, const char *path, const tec_store_spec *want, int64_t shard)
{
    tec_store_spec have;
    int64_t number;
    TEC_TRY(tec_store_shard_read_spec(file, path, &have));
    TEC_TRY(tec_store_spec_compare(&have, want, true, path));
    TEC_TRY(tec_h5_get_numbers(file, path, "shard", H5T_NATIVE_INT64, 1, &number));
    if (number != shard)
        return tec_fail(TEC_USER_ERROR, "%s is shard %lld of its store, not shard %lld: was it renamed?", path,
                        (long long)number, (long long)shard);
    return TEC_OK;
}

tec_status tec_store_shard_done(const char *dir, const tec_store_spec *spec, int64_t shard, bool *done)
{
    TEC_H5_ALONE;
    char *path = tec_store_shard_path(dir, shard);
    tec_status status = tec_file_look(path, done);
    hid_t file;
    if (*done) {
        status = tec_h5_open(path, &file);
        if (status == TEC_OK) {
            status = check_attributes(file, path, spec, shard);
            H5Fclose(file);
        } else {
            status = tec_fail(status, "%s; delete it, and it will be made again", tec_error_message());
        }
    }
    free(path);
    return status;
}

/* -- datasets -- */

static bool has_shape(hid_t dataset, const store_part *part, int64_t rows)
{
    hsize_t dim[H5S_MAX_RANK] = {0};
    hid_t space = H5Dget_space(dataset);
    int dims = H5Sget_simple_extent_dims(space, dim, NULL);
    H5Sclose(space);
    bool right = dims == 1 + part->dims && dim[0] == (hsize_t)rows;
    for (int d = 0; right && d < part->dims; d++)
        right = dim[1 + d] == (hsize_t)part->dim[d];
    return right;
}

static bool has_type(hid_t dataset, store_element element)
{
    hid_t have = H5Dget_type(dataset), want = tec_store_element_type(element);
    bool equal = H5Tequal(have, want) > 0;
    H5Tclose(want);
    H5Tclose(have);
    return equal;
}

static tec_status locate(hid_t file, const char *path, const store_part *part, const store_shard *out, int64_t *offset)
{
    hid_t dataset = tec_h5_has(file, part->name) ? H5Dopen2(file, part->name, H5P_DEFAULT) : -1;
    if (dataset < 0)
        return tec_fail(TEC_USER_ERROR, "%s: the dataset %s is missing", path, part->name);
    tec_status status = TEC_OK;
    haddr_t place = H5Dget_offset(dataset);
    if (!has_shape(dataset, part, out->rows) || !has_type(dataset, part->element))
        status = tec_fail(TEC_USER_ERROR, "%s: the shape or type of the dataset %s does not match the attributes", path,
                          part->name);
    else if (place == HADDR_UNDEF || place + (haddr_t)out->rows * part->bytes > (haddr_t)out->bytes)
        status =
            tec_fail(TEC_USER_ERROR, "%s: the dataset %s is not stored in one piece inside the file", path, part->name);
    *offset = (int64_t)place;
    H5Dclose(dataset);
    return status;
}

static tec_status read_column(hid_t file, const char *path, const char *name, hid_t type, int64_t count, void *out)
{
    hsize_t have = 0;
    hid_t dataset = tec_h5_has(file, name) ? H5Dopen2(file, name, H5P_DEFAULT) : -1, space = -1;
    tec_status status = TEC_OK;
    if (dataset < 0)
        return tec_fail(TEC_USER_ERROR, "%s: the dataset %s is missing", path, name);
    space = H5Dget_space(dataset);
    if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &have, NULL) != 1 ||
        have != (hsize_t)count)
        status =
            tec_fail(TEC_USER_ERROR, "%s: the dataset %s has another shape than [%lld]", path, name, (long long)count);
    else if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
        status = tec_h5_fail(TEC_USER_ERROR, path, "a dataset cannot be read");
    H5Sclose(space);
    H5Dclose(dataset);
    return status;
}

static tec_status read_columns(hid_t file, const char *path, store_shard *out)
{
    uint32_t *crc = tec_allocate((size_t)out->rows * sizeof *crc);
    int64_t *sample = tec_allocate((size_t)out->rows * sizeof *sample);
    tec_status status = read_column(file, path, "crc32c", H5T_NATIVE_UINT32, out->rows, crc);
    if (status == TEC_OK)
        status = read_column(file, path, "sample", H5T_NATIVE_INT64, out->rows, sample);
    if (status == TEC_OK)
        status = read_column(file, path, "storage_error", H5T_NATIVE_DOUBLE, 4, &out->error);
    if (status == TEC_OK) {
        out->crc = tec_crc32c(0, crc, (size_t)out->rows * sizeof *crc);
        out->void_row = tec_allocate((size_t)out->rows * sizeof *out->void_row);
        for (int64_t row = 0; row < out->rows; row++)
            if (sample[row] < 0)
                out->void_row[out->void_rows++] = row;
    }
    free(sample);
    free(crc);
    return status;
}

tec_status tec_store_shard_describe(const char *dir, const tec_store_spec *spec, int64_t shard, store_shard *out)
{
    TEC_H5_ALONE;
    char *path = tec_store_shard_path(dir, shard);
    store_layout layout = tec_store_layout_of(spec);
    struct stat info;
    hid_t file = -1;
    *out = (store_shard){.rows = tec_store_shard_row_count(spec, shard)};
    tec_status status = tec_h5_open(path, &file);
    if (status == TEC_OK && stat(path, &info) != 0)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: stat: %s", path, strerror(errno));
    if (status == TEC_OK) {
        out->bytes = info.st_size;
        status = check_attributes(file, path, spec, shard);
    }
    for (int i = 0; i < PARTS; i++) {
        out->offset[i] = -1;
        if (status == TEC_OK && layout.part[i].bytes > 0)
            status = locate(file, path, &layout.part[i], out, &out->offset[i]);
    }
    if (status == TEC_OK)
        status = read_columns(file, path, out);
    if (file >= 0)
        H5Fclose(file);
    free(path);
    return status;
}

tec_status tec_store_shard_locate(const char *path, const tec_store_spec *spec, int64_t shard, int64_t offset[PARTS],
                                  int64_t *error_offset)
{
    TEC_H5_ALONE;
    const store_layout layout = tec_store_layout_of(spec);
    const store_part error = {.name = "storage_error", .element = ELEMENT_F64, .bytes = sizeof(double)};
    store_shard size = {.rows = tec_store_shard_row_count(spec, shard)}, four = {.rows = 4};
    struct stat info;
    hid_t file;
    TEC_TRY(tec_h5_open(path, &file));
    tec_status status = check_attributes(file, path, spec, shard);
    if (status == TEC_OK && stat(path, &info) != 0)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: stat: %s", path, strerror(errno));
    else if (status == TEC_OK)
        size.bytes = four.bytes = info.st_size;
    for (int i = 0; i < PARTS && status == TEC_OK; i++)
        if (layout.part[i].bytes > 0)
            status = locate(file, path, &layout.part[i], &size, &offset[i]);
    if (status == TEC_OK)
        status = locate(file, path, &error, &four, error_offset);
    H5Fclose(file);
    return status;
}
