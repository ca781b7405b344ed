/* Reading a table of features: HDF5 says where its columns are, and rows are read from there without it. */
#include "feature_parts.h"

#include "tec/files.h"
#include "tec/finite.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_TEXT = 1 << 16, MOST_CLASSES = 1 << 24 };

struct tec_feature_file {
    char *path, model[4096], data[4096];
    tec_feature_spec spec;
    tec_trained trained;
    int64_t rows;
    int path_bytes;
    int64_t place[COLUMNS]; /* -1: there is no such column */
    int classes;
    char *names;             /* [classes] each ended by a 0 */
    const char **class_name; /* [classes] */
    int fd;
};

/* A dataset of the file: its place, and its dimensions and type as far as they are as we write them. */
typedef struct found {
    int64_t place;
    int dims;
    hsize_t dim[3];
    hid_t type; /* closed by the caller */
} found;

static tec_status damaged(const tec_feature_file *f, const char *name)
{
    return tec_fail(TEC_USER_ERROR,
                    "%s: %s is not as `tec features` writes it: the file is damaged, or another program has written it",
                    f->path, name);
}

static tec_status find(const tec_feature_file *f, hid_t file, const char *name, found *out)
{
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = set >= 0 ? H5Dget_space(set) : -1;
    *out = (found){.place = -1, .type = -1};
    if (space >= 0 && H5Sget_simple_extent_ndims(space) <= 3) {
        out->dims = H5Sget_simple_extent_dims(space, out->dim, NULL);
        haddr_t place = H5Dget_offset(set);
        out->place = place == HADDR_UNDEF || out->dims < 1 ? -1 : (int64_t)place;
        out->type = H5Dget_type(set);
    }
    if (space >= 0)
        H5Sclose(space);
    if (set >= 0)
        H5Dclose(set);
    if (out->place >= 0 && out->type >= 0)
        return TEC_OK;
    if (out->type >= 0)
        H5Tclose(out->type);
    return damaged(f, name);
}

/* Does `bytes` bytes from `place` on lie within the file? */
static bool within(const tec_feature_file *f, int64_t place, int64_t count, size_t bytes)
{
    struct stat info;
    return fstat(f->fd, &info) == 0 && place <= info.st_size && count <= (info.st_size - place) / (int64_t)bytes;
}

static bool right_shape(const tec_feature_file *f, feature_column c, const found *d)
{
    const tec_feature_spec *s = &f->spec;
    if (c != COLUMN_FEATURES)
        return d->dims == 1 && (int64_t)d->dim[0] == f->rows;
    if (s->patches == 0)
        return d->dims == 2 && d->dim[1] == (hsize_t)s->width;
    return d->dims == 3 && d->dim[1] == (hsize_t)s->patches && d->dim[2] == (hsize_t)s->width;
}

/* Strings of the file are padded with 0, ours or h5py's. */
static bool right_type(const tec_feature_file *f, feature_column c, hid_t type)
{
    if (c == COLUMN_PATH)
        return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) <= 0;
    hid_t ours = tec_feature_column_type(c, &f->spec, 1);
    bool same = ours >= 0 && H5Tequal(type, ours) > 0;
    H5Tclose(ours);
    return same;
}

static tec_status open_column(tec_feature_file *f, hid_t file, feature_column c)
{
    found d;
    TEC_TRY(find(f, file, tec_feature_column_names[c], &d));
    bool right = right_type(f, c, d.type);
    const size_t text = H5Tget_size(d.type);
    H5Tclose(d.type);
    if (c == COLUMN_FEATURES)
        f->rows = (int64_t)d.dim[0];
    if (c == COLUMN_PATH && right && text <= MOST_TEXT)
        f->path_bytes = (int)text;
    right = right && right_shape(f, c, &d) && f->rows >= 1 && (c != COLUMN_PATH || text <= MOST_TEXT) &&
            within(f, d.place, f->rows, tec_feature_column_bytes(c, &f->spec, f->path_bytes));
    if (!right)
        return damaged(f, tec_feature_column_names[c]);
    f->place[c] = d.place;
    return TEC_OK;
}

static tec_status read_classes(tec_feature_file *f, hid_t file)
{
    found d;
    if (!tec_h5_has(file, "class_names"))
        return TEC_OK;
    TEC_TRY(find(f, file, "class_names", &d));
    const size_t bytes = H5Tget_size(d.type);
    bool right = H5Tget_class(d.type) == H5T_STRING && H5Tis_variable_str(d.type) <= 0 && bytes <= MOST_TEXT &&
                 d.dims == 1 && d.dim[0] >= 1 && d.dim[0] <= MOST_CLASSES &&
                 within(f, d.place, (int64_t)d.dim[0], bytes);
    H5Tclose(d.type);
    if (!right)
        return damaged(f, "class_names");
    f->classes = (int)d.dim[0];
    f->names = tec_allocate_zeroed((size_t)f->classes, bytes + 1);
    f->class_name = tec_allocate((size_t)f->classes * sizeof *f->class_name);
    for (int c = 0; c < f->classes; c++) {
        char *name = f->names + (size_t)c * (bytes + 1);
        f->class_name[c] = name;
        TEC_TRY(tec_file_get(f->fd, f->path, name, bytes, d.place + c * (int64_t)bytes));
    }
    return TEC_OK;
}

/* Only files of checkpoints of runs have them. */
static tec_status read_trained(tec_feature_file *f, hid_t file)
{
    f->trained = (tec_trained){-1, -1};
    if (tec_h5_has_attribute(file, "step"))
        TEC_TRY(tec_h5_get_numbers(file, f->path, "step", H5T_NATIVE_INT64, 1, &f->trained.steps));
    if (tec_h5_has_attribute(file, "epoch"))
        TEC_TRY(tec_h5_get_numbers(file, f->path, "epoch", H5T_NATIVE_DOUBLE, 1, &f->trained.epochs));
    return isfinite(f->trained.epochs) ? TEC_OK : damaged(f, "epoch");
}

static tec_status read_tables(tec_feature_file *f, hid_t file)
{
    TEC_TRY(tec_feature_get_spec(file, f->path, &f->spec));
    TEC_TRY(tec_h5_get_text(file, f->path, "model", f->model, sizeof f->model));
    TEC_TRY(tec_h5_get_text(file, f->path, "data", f->data, sizeof f->data));
    TEC_TRY(read_trained(f, file));
    for (feature_column c = 0; c < COLUMNS; c++) {
        f->place[c] = -1;
        if (c != COLUMN_LABEL || tec_h5_has(file, "label"))
            TEC_TRY(open_column(f, file, c));
    }
    return f->place[COLUMN_LABEL] >= 0 ? read_classes(f, file) : TEC_OK;
}

/* Rows stand in the order of the images, each once. Looks at those of a share, and at the one before them. */
static tec_status check_samples(const tec_feature_file *f, int rank, int ranks)
{
    enum { PIECE = 8192 };
    const int64_t begin = f->rows * rank / ranks, end = f->rows * (rank + 1) / ranks;
    int64_t sample[PIECE], last = -1;
    if (begin > 0)
        TEC_TRY(tec_feature_file_samples(f, begin - 1, 1, &last));
    for (int64_t first = begin; first < end; first += PIECE) {
        const int64_t count = tec_min_int64(PIECE, end - first);
        TEC_TRY(tec_feature_file_samples(f, first, count, sample));
        for (int64_t i = 0; i < count; last = sample[i++])
            if (sample[i] <= last || sample[i] >= f->spec.images)
                return tec_fail(
                    TEC_USER_ERROR,
                    "%s: row %lld is of image %lld, but images rise from row to row, and there are %lld: the "
                    "file is damaged; write it again with `tec features`",
                    f->path, (long long)first + (long long)i, (long long)sample[i], (long long)f->spec.images);
    }
    return TEC_OK;
}

tec_status tec_feature_file_open(tec_feature_file **out, const char *path)
{
    return tec_feature_file_open_share(out, path, 0, 1);
}

tec_status tec_feature_file_open_share(tec_feature_file **out, const char *path, int rank, int ranks)
{
    TEC_H5_ALONE;
    hid_t file;
    *out = NULL;
    if (tec_string_ends_with(path, ".npy"))
        return tec_fail(TEC_USER_ERROR,
                        "%s does not say how its features were made: give the HDF5 file (.h5) that `tec features` "
                        "writes",
                        path);
    TEC_TRY(tec_h5_open(path, &file));
    tec_feature_file *f = tec_allocate_zeroed(1, sizeof *f);
    f->path = tec_string_copy(path);
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    tec_status status =
        f->fd >= 0 ? read_tables(f, file) : tec_fail(TEC_SYSTEM_ERROR, "%s: %s", path, tec_file_reason(errno));
    H5Fclose(file);
    if (status == TEC_OK)
        status = check_samples(f, rank, ranks);
    if (status == TEC_OK) {
        *out = f;
        return TEC_OK;
    }
    tec_feature_file_close(f);
    return status;
}

void tec_feature_file_close(tec_feature_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f->names);
    free(f->class_name);
    free(f->path);
    free(f);
}

bool tec_feature_file_is(const char *path)
{
    TEC_H5_ALONE;
    hid_t file;
    char format[32];
    if (tec_h5_open(path, &file) != TEC_OK)
        return false;
    bool is = tec_h5_has_attribute(file, "format") &&
              tec_h5_get_text(file, path, "format", format, sizeof format) == TEC_OK &&
              strcmp(format, FEATURE_FORMAT) == 0;
    H5Fclose(file);
    return is;
}

const tec_feature_spec *tec_feature_file_spec(const tec_feature_file *f)
{
    return &f->spec;
}

const char *tec_feature_file_path(const tec_feature_file *f)
{
    return f->path;
}

const char *tec_feature_file_model(const tec_feature_file *f)
{
    return f->model;
}

const char *tec_feature_file_data(const tec_feature_file *f)
{
    return f->data;
}

tec_trained tec_feature_file_trained(const tec_feature_file *f)
{
    return f->trained;
}

int64_t tec_feature_file_rows(const tec_feature_file *f)
{
    return f->rows;
}

int tec_feature_file_classes(const tec_feature_file *f)
{
    return f->classes;
}

const char *tec_feature_file_class(const tec_feature_file *f, int label)
{
    return f->class_name[label];
}

int tec_feature_file_name_bytes(const tec_feature_file *f)
{
    return f->path_bytes + 1;
}

/* -- rows -- */

static tec_status get_column(const tec_feature_file *f, feature_column c, int64_t first, int64_t count, void *out)
{
    const size_t bytes = tec_feature_column_bytes(c, &f->spec, f->path_bytes);
    return tec_file_get(f->fd, f->path, out, (size_t)count * bytes, f->place[c] + first * (int64_t)bytes);
}

/* A number that is none would pass through comparisons and sums unseen. */
static tec_status check_finite(const tec_feature_file *f, int64_t first, int64_t rows, size_t numbers,
                               const real *value)
{
    const int64_t i = tec_finite_find_other(value, rows * (int64_t)numbers);
    if (i >= 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s: row %lld of the features holds a number that is not finite: the file is damaged; write "
                        "it again with `tec features`",
                        f->path, (long long)first + (long long)i / (long long)numbers);
    return TEC_OK;
}

tec_status tec_feature_file_read(const tec_feature_file *f, int64_t first, int64_t count, real *value)
{
    const size_t numbers = tec_feature_row_numbers(&f->spec), bytes = tec_feature_row_bytes(&f->spec);
    const int64_t piece = (int64_t)((size_t)(1 << 20) / bytes) + 1;
    void *stored = tec_allocate((size_t)piece * bytes);
    tec_status status = TEC_OK;
    for (int64_t i = 0; i < count && status == TEC_OK; i += piece) {
        const int64_t n = count - i < piece ? count - i : piece;
        status = get_column(f, COLUMN_FEATURES, first + i, n, stored);
        if (status == TEC_OK) {
            real *rows = value + (size_t)i * numbers;
            tec_feature_decode((tec_feature_type)f->spec.type, stored, (size_t)n * numbers, rows);
            status = check_finite(f, first + i, n, numbers, rows);
        }
    }
    free(stored);
    return status;
}

tec_status tec_feature_file_labels(const tec_feature_file *f, int64_t first, int64_t count, int32_t *label)
{
    if (f->place[COLUMN_LABEL] < 0)
        return tec_fail(TEC_USER_ERROR, "%s has no labels", f->path);
    TEC_TRY(get_column(f, COLUMN_LABEL, first, count, label));
    for (int64_t i = 0; i < count; i++)
        if (label[i] < 0 || label[i] >= f->classes)
            return tec_fail(TEC_USER_ERROR, "%s: the label of row %lld is %d, but there are %d classes", f->path,
                            (long long)first + (long long)i, label[i], f->classes);
    return TEC_OK;
}

tec_status tec_feature_file_samples(const tec_feature_file *f, int64_t first, int64_t count, int64_t *sample)
{
    return get_column(f, COLUMN_SAMPLE, first, count, sample);
}

tec_status tec_feature_file_contents(const tec_feature_file *f, int64_t first, int64_t count, uint64_t *content)
{
    return get_column(f, COLUMN_CONTENT, first, count, content);
}

tec_status tec_feature_file_names(const tec_feature_file *f, int64_t first, int64_t count, char *name)
{
    const size_t bytes = (size_t)f->path_bytes;
    TEC_TRY(get_column(f, COLUMN_PATH, first, count, name));
    for (int64_t i = count - 1; i >= 0; i--) { /* from the last: each moves behind where it was */
        memmove(name + (size_t)i * (bytes + 1), name + (size_t)i * bytes, bytes);
        name[(size_t)i * (bytes + 1) + bytes] = 0;
    }
    return TEC_OK;
}
