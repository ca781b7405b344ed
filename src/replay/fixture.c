/* Reads datasets and attributes of a fixture, with messages that name what is missing. */
#include "tec/fixture.h"

#include "tec/h5.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

/* Of a dataset. Fixtures are small cases: a file with more is damaged, or something else. */
#define MOST_NUMBERS (1 << 30)

struct tec_fixture {
    hid_t file;
    char *path;
};

tec_status tec_fixture_open(tec_fixture **out, const char *path)
{
    char format[32];
    tec_fixture *f = tec_allocate_zeroed(1, sizeof *f);
    f->file = H5I_INVALID_HID;
    f->path = tec_string_copy(path);
    *out = NULL;
    tec_status status = tec_h5_open(path, &f->file);
    if (status == TEC_OK)
        status = tec_h5_get_text(f->file, path, "format", format, sizeof format);
    if (status == TEC_OK && strcmp(format, "tec-fixture") != 0)
        status = tec_fail(TEC_USER_ERROR, "%s: its format is \"%s\"; expected a golden fixture (\"tec-fixture\")", path,
                          format);
    if (status != TEC_OK) {
        tec_fixture_close(f);
        return status;
    }
    *out = f;
    return TEC_OK;
}

void tec_fixture_close(tec_fixture *f)
{
    if (!f)
        return;
    if (f->file >= 0)
        H5Fclose(f->file);
    free(f->path);
    free(f);
}

const char *tec_fixture_path(const tec_fixture *f)
{
    return f->path;
}

/* HDF5 can only say whether a path exists where its parents do: checks these first, one by one. */
bool tec_fixture_has(const tec_fixture *f, const char *name)
{
    char part[128];
    for (const char *end = name; end; end = *end ? end + 1 : NULL) {
        end = strchrnul(end, '/');
        size_t length = (size_t)(end - name);
        if (length >= sizeof part)
            return false;
        memcpy(part, name, length);
        part[length] = 0;
        if (!tec_h5_has(f->file, part))
            return false;
    }
    return true;
}

static tec_status open_dataset(const tec_fixture *f, const char *name, hid_t *dataset, size_t *count,
                               hsize_t dim[H5S_MAX_RANK])
{
    memset(dim, 0, H5S_MAX_RANK * sizeof *dim);
    if (!tec_fixture_has(f, name) || (*dataset = H5Dopen2(f->file, name, H5P_DEFAULT)) < 0)
        return tec_fail(TEC_USER_ERROR, "%s: no dataset %s: the fixture is not complete", f->path, name);
    hid_t space = H5Dget_space(*dataset);
    int dims = H5Sget_simple_extent_dims(space, dim, NULL);
    hssize_t points = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    if (dims < 0 || points < 0 || points > MOST_NUMBERS) {
        H5Dclose(*dataset);
        return tec_fail(TEC_USER_ERROR, "%s: %s has a shape that cannot be read", f->path, name);
    }
    *count = (size_t)points;
    return TEC_OK;
}

static tec_status read_numbers(const tec_fixture *f, const char *name, hid_t type, size_t bytes, size_t count,
                               void **out)
{
    hid_t dataset;
    size_t found;
    hsize_t dim[H5S_MAX_RANK];
    *out = NULL;
    TEC_TRY(open_dataset(f, name, &dataset, &found, dim));
    tec_status status = TEC_OK;
    if (found != count)
        status = tec_fail(TEC_USER_ERROR, "%s: %s holds %zu numbers where the configuration asks for %zu", f->path,
                          name, found, count);
    if (status == TEC_OK) {
        *out = tec_allocate(count * bytes);
        if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0) {
            status = tec_h5_fail(TEC_USER_ERROR, f->path, name);
            free(*out);
            *out = NULL;
        }
    }
    H5Dclose(dataset);
    return status;
}

tec_status tec_fixture_dimension(const tec_fixture *f, const char *name, int axis, int *size)
{
    hid_t dataset;
    size_t count;
    hsize_t dim[H5S_MAX_RANK];
    TEC_TRY(open_dataset(f, name, &dataset, &count, dim));
    *size = (int)dim[axis];
    H5Dclose(dataset);
    return TEC_OK;
}

tec_status tec_fixture_reals(const tec_fixture *f, const char *name, size_t count, real **out)
{
    void *numbers;
    hid_t type = TEC_REAL_IS_DOUBLE ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT;
    tec_status status = read_numbers(f, name, type, sizeof(real), count, &numbers);
    *out = numbers;
    return status;
}

tec_status tec_fixture_ints(const tec_fixture *f, const char *name, size_t count, int **out)
{
    void *numbers;
    tec_status status = read_numbers(f, name, H5T_NATIVE_INT, sizeof(int), count, &numbers);
    *out = numbers;
    return status;
}

tec_status tec_fixture_double(const tec_fixture *f, const char *name, double *out)
{
    void *value;
    tec_status status = read_numbers(f, name, H5T_NATIVE_DOUBLE, sizeof(double), 1, &value);
    if (status == TEC_OK)
        *out = *(double *)value;
    free(value);
    return status;
}

tec_status tec_fixture_attribute(const tec_fixture *f, const char *group, const char *name, double *out)
{
    if (!tec_fixture_has(f, group))
        return tec_fail(TEC_USER_ERROR, "%s: no group %s: the fixture is not complete", f->path, group);
    hid_t object = H5Gopen2(f->file, group, H5P_DEFAULT);
    if (object < 0)
        return tec_h5_fail(TEC_USER_ERROR, f->path, group);
    tec_status status = tec_h5_get_numbers(object, f->path, name, H5T_NATIVE_DOUBLE, 1, out);
    H5Gclose(object);
    return status;
}
