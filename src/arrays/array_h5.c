/* HDF5: contiguous data sets are read where they lie, without HDF5; chunked ones by rows of chunks, once for all
 * images in them, which are kept as far as a budget goes. HDF5 may be built without thread safety: see TEC_H5_ALONE. */
#include "array_parts.h"

#include "h5_chunk.h"
#include "tec/h5.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT ((int64_t)256 << 20) /* bytes of unpacked chunks: no row of them may have more */
#define MOST_RATIO 1032           /* by which the strongest of HDF5's filters shrinks data */

enum { MOST_DEPTH = 8, MOST_ARRAYS = 10000 };

#define TO_CONTIGUOUS "h5repack -l CONTI -f NONE IN.h5 OUT.h5"

typedef struct h5_data {
    hid_t file;
} h5_data;

/* ---- listing ---- */

/* Is it a float as IEEE 754 lays it out? Those of 16 bits that machine learning uses are not. */
static bool is_ieee(hid_t type)
{
    static const struct {
        size_t bytes, exponent_bits, fraction_bits;
    } known[] = {{2, 5, 10}, {4, 8, 23}, {8, 11, 52}};
    size_t sign, exponent, exponent_bits, fraction, fraction_bits;
    if (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &fraction, &fraction_bits) < 0)
        return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].bytes == H5Tget_size(type))
            return exponent_bits == known[i].exponent_bits && fraction_bits == known[i].fraction_bits &&
                   H5Tget_ebias(type) == ((size_t)1 << (exponent_bits - 1)) - 1 && fraction == 0 &&
                   exponent == fraction_bits && sign == 8 * known[i].bytes - 1;
    return false;
}

/* Fills type_name of all; of what is no plain number only that. */
static void describe_type(hid_t type, tec_array *out)
{
    const H5T_class_t class = H5Tget_class(type);
    const size_t bytes = H5Tget_size(type);
    out->kind = TEC_ARRAY_OTHER;
    out->bytes = (int)tec_min_size(tec_max_size(bytes, 1), 1 << 20);
    snprintf(out->type_name, sizeof out->type_name, "%s",
             class == H5T_STRING     ? "text"
             : class == H5T_COMPOUND ? "a structure"
             : class == H5T_VLEN     ? "rows of varying length"
                                     : "another type");
    if (class == H5T_ENUM && bytes == 1) /* h5py's way to write bool */
        out->kind = TEC_ARRAY_BOOL;
    else if ((class == H5T_INTEGER || class == H5T_FLOAT) && tec_h5_is_number(type) && bytes <= 16 &&
             H5Tget_precision(type) == 8 * bytes && (class == H5T_INTEGER || is_ieee(type)))
        out->kind = class == H5T_FLOAT               ? TEC_ARRAY_FLOAT
                    : H5Tget_sign(type) == H5T_SGN_2 ? TEC_ARRAY_SIGNED
                                                     : TEC_ARRAY_UNSIGNED;
    out->big_endian = out->kind != TEC_ARRAY_OTHER && bytes > 1 && H5Tget_order(type) == H5T_ORDER_BE;
    tec_array_name_type(out);
}

/* The name of the file that an object is in; the caller frees it. */
static char *file_of(hid_t object)
{
    const ssize_t length = H5Fget_name(object, NULL, 0);
    char *name = tec_allocate_zeroed((size_t)(length > 0 ? length : 0) + 1, 1);
    if (length > 0)
        H5Fget_name(object, name, (size_t)length + 1);
    return name;
}

/* Which file of the set holds a data set: an external link leads to another one, which is added. */
static tec_status find_part(tec_array_file *file, hid_t dataset, int *part)
{
    const h5_data *data = file->data;
    char *own = file_of(data->file), *name = file_of(dataset);
    tec_status status = TEC_OK;
    *part = 0;
    if (strcmp(own, name) != 0)
        for (*part = 1; *part < (int)file->parts && strcmp(file->part[*part].path, name) != 0;)
            ++*part;
    if (*part >= (int)file->parts)
        status = tec_array_add_part(file, name);
    free(name);
    free(own);
    return status;
}

static tec_status add_dataset(tec_array_file *file, hid_t dataset, const char *name)
{
    int part;
    TEC_TRY(find_part(file, dataset, &part));
    hsize_t dim[H5S_MAX_RANK];
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    int dims = H5Sget_simple_extent_dims(space, dim, NULL);
    if (dims >= 0 && dims <= TEC_ARRAY_DIMS && type >= 0) {
        array_entry *entry = tec_array_add(file, tec_string_copy(name));
        entry->storage = ARRAY_H5;
        entry->part = part;
        describe_type(type, &entry->about);
        entry->about.dims = dims;
        for (int i = 0; i < dims; i++)
            entry->about.dim[i] = dim[i] > INT64_MAX ? INT64_MAX : (int64_t)dim[i];
    }
    H5Tclose(type);
    H5Sclose(space);
    return TEC_OK;
}

static tec_status list_group(tec_array_file *file, hid_t group, const char *above, int depth)
{
    char *name;
    tec_status status = TEC_OK;
    for (int i = 0; status == TEC_OK && file->count < MOST_ARRAYS && (name = tec_h5_member(group, i)); i++) {
        char *path = tec_string_format("%s/%s", above, name);
        hid_t object = H5Oopen(group, name, H5P_DEFAULT);
        H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
        tec_phase_tick();
        if (object < 0)
            tec_warn("%s: %s cannot be opened (a link that leads nowhere?) and is passed over", file->path, path);
        if (type == H5I_DATASET)
            status = add_dataset(file, object, path);
        else if (type == H5I_GROUP && depth < MOST_DEPTH)
            status = list_group(file, object, path, depth + 1);
        if (object >= 0)
            H5Oclose(object);
        free(path);
        free(name);
    }
    return status;
}

static bool matches(const char *path, const struct stat *info, const uint8_t *start, size_t bytes)
{
    (void)path;
    (void)info;
    return bytes >= 8 && !memcmp(start, "\x89HDF\r\n\x1a\n", 8);
}

static tec_status list(tec_array_file *file)
{
    TEC_H5_ALONE;
    hid_t opened;
    TEC_TRY(tec_h5_open(file->path, &opened));
    h5_data *data = file->data = tec_allocate(sizeof *data);
    data->file = opened;
    TEC_TRY(list_group(file, opened, "", 0));
    return file->count ? TEC_OK : tec_fail(TEC_USER_ERROR, "%s holds no data set", file->path);
}

static void close_file(void *own)
{
    TEC_H5_ALONE;
    h5_data *data = own;
    H5Fclose(data->file);
    free(data);
}

/* ---- chunks ---- */

typedef struct slot {
    int64_t chunk; /* -1: nothing */
    uint64_t used; /* when, by the count of uses */
    char *data;
} slot;

struct array_chunks {
    pthread_mutex_t lock;
    hid_t dataset, type;
    int64_t rows; /* in a row of chunks */
    int slots;
    uint64_t uses;
    slot *slot; /* [slots] */
    int dims;
    hsize_t dim[TEC_ARRAY_DIMS];
    int64_t row_bytes;
    bool trusted; /* as of tec_array_rows_trust */
};

int64_t tec_array_chunks_rows(const array_chunks *c)
{
    return c->rows;
}

int64_t tec_array_chunks_bytes(const array_chunks *c)
{
    return c->slots * c->rows * c->row_bytes;
}

void tec_array_chunks_trust(array_chunks *c)
{
    c->trusted = true;
}

void tec_array_chunks_close(array_chunks *c)
{
    TEC_H5_ALONE;
    H5Tclose(c->type);
    H5Dclose(c->dataset);
    for (int i = 0; i < c->slots; i++)
        free(c->slot[i].data);
    pthread_mutex_destroy(&c->lock);
    free(c->slot);
    free(c);
}

static bool read_rows(const array_chunks *c, int64_t first, int64_t count, char *out)
{
    hsize_t start[TEC_ARRAY_DIMS] = {(hsize_t)first}, size[TEC_ARRAY_DIMS];
    memcpy(size, c->dim, sizeof size);
    size[0] = (hsize_t)count;
    hid_t file = H5Dget_space(c->dataset), memory = H5Screate_simple(c->dims, size, NULL);
    bool good = file >= 0 && memory >= 0 && H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, size, NULL) >= 0 &&
                H5Dread(c->dataset, c->type, memory, file, H5P_DEFAULT, out) >= 0;
    H5Sclose(memory);
    H5Sclose(file);
    return good;
}

static tec_status check_chunk(const array_chunks *c, const tec_array_rows *rows, int64_t first)
{
    if (c->trusted)
        return TEC_OK;
    char *place = tec_string_format("%s:%s", rows->file->path, rows->entry->about.name);
    tec_status status = tec_h5_chunk_check(c->dataset, first, place);
    free(place);
    return status;
}

/* Under the lock: the row of chunks of that number, in memory. */
static tec_status take_chunk(array_chunks *c, const tec_array_rows *rows, int64_t chunk, const char **out)
{
    slot *oldest = c->slot;
    for (int i = 0; i < c->slots; i++) {
        slot *s = &c->slot[i];
        if (s->chunk == chunk) {
            s->used = ++c->uses;
            *out = s->data;
            return TEC_OK;
        }
        if (s->used < oldest->used)
            oldest = s;
    }
    TEC_H5_ALONE;
    tec_h5_start();
    const int64_t first = chunk * c->rows, count = tec_min_int64(c->rows, (int64_t)c->dim[0] - first);
    oldest->chunk = -1;
    TEC_TRY(check_chunk(c, rows, first));
    oldest->data = oldest->data ? oldest->data : tec_allocate((size_t)(c->rows * c->row_bytes));
    if (!read_rows(c, first, count, oldest->data)) {
        char *what = tec_string_format("rows %lld to %lld of %s cannot be unpacked, fetch the file again",
                                       (long long)first, (long long)(first + count - 1), rows->entry->about.name);
        tec_status status = tec_h5_fail(TEC_USER_ERROR, rows->file->path, what);
        free(what);
        return status;
    }
    oldest->chunk = chunk;
    oldest->used = ++c->uses;
    *out = oldest->data;
    return TEC_OK;
}

tec_status tec_array_chunks_read(const tec_array_rows *rows, int64_t first, int64_t count, char *out)
{
    array_chunks *c = rows->chunks;
    tec_status status = TEC_OK;
    while (count > 0 && status == TEC_OK) {
        const int64_t chunk = first / c->rows, skip = first - chunk * c->rows,
                      now = tec_min_int64(count, c->rows - skip);
        const char *data = NULL;
        pthread_mutex_lock(&c->lock);
        status = take_chunk(c, rows, chunk, &data);
        if (status == TEC_OK)
            memcpy(out, data + skip * c->row_bytes, (size_t)(now * c->row_bytes));
        pthread_mutex_unlock(&c->lock);
        out += now * c->row_bytes;
        first += now;
        count -= now;
    }
    return status;
}

/* ---- making ready ---- */

static tec_status check_filters(hid_t plist, const char *place)
{
    int filters = H5Pget_nfilters(plist), deflated = 0;
    for (int i = 0; i < filters; i++) {
        unsigned flags, config;
        size_t values = 0;
        char name[64] = "";
        H5Z_filter_t id = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, sizeof name, name, &config);
        if (id < 0 || H5Zfilter_avail(id) <= 0)
            return tec_fail(TEC_USER_ERROR,
                            "%s: compressed by the filter %s (number %d), which this HDF5 lacks: write it with "
                            "compression=\"gzip\", or without",
                            place, name[0] ? tec_string_printable(name) : "without a name", (int)id);
        deflated += id == H5Z_FILTER_DEFLATE;
    }
    if (deflated > 1)
        return tec_fail(TEC_USER_ERROR,
                        "%s: compressed by gzip twice, which is not read: write it with compression=\"gzip\"", place);
    return TEC_OK;
}

static void make_chunks(tec_array_rows *rows, hid_t dataset, hid_t type, int64_t piece)
{
    const tec_array *about = &rows->entry->about;
    array_chunks *c = rows->chunks = tec_allocate_zeroed(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    H5Iinc_ref(dataset);
    c->dataset = dataset;
    c->type = H5Tcopy(type);
    c->rows = piece;
    c->row_bytes = rows->row_bytes;
    c->dims = about->dims;
    for (int i = 0; i < about->dims; i++)
        c->dim[i] = (hsize_t)about->dim[i];
    const int64_t bytes = tec_max_int64(1, piece * rows->row_bytes), pieces = (rows->total + piece - 1) / piece;
    c->slots = (int)tec_max_int64(1, tec_min_int64(pieces, KEPT / bytes));
    c->slot = tec_allocate_zeroed((size_t)c->slots, sizeof *c->slot);
    for (int i = 0; i < c->slots; i++)
        c->slot[i].chunk = -1;
}

static tec_status prepare_chunked(tec_array_rows *rows, hid_t dataset, hid_t type, hid_t plist, const char *place)
{
    hsize_t chunk[H5S_MAX_RANK] = {0};
    const int64_t bytes = rows->total * rows->row_bytes;
    if (H5Pget_chunk(plist, H5S_MAX_RANK, chunk) != rows->entry->about.dims || !chunk[0])
        return tec_h5_fail(TEC_USER_ERROR, place, "its chunks are not described");
    int64_t stored =
        (int64_t)tec_min_int64(rows->file->part[rows->entry->part].bytes, (int64_t)H5Dget_storage_size(dataset));
    if ((double)stored * MOST_RATIO < (double)bytes)
        return tec_array_truncated(place, "it, unpacked,", bytes, stored);
    const int64_t piece = (int64_t)tec_min_int64((int64_t)chunk[0], tec_max_int64(1, rows->total));
    if ((double)piece * (double)rows->row_bytes > (double)KEPT)
        return tec_fail(
            TEC_USER_ERROR,
            "%s: its chunks hold %lld images each, %lld MB unpacked, but a rank keeps at most %lld MB of unpacked chunks: "
            "write it with chunks of fewer images, or without any: " TO_CONTIGUOUS,
            place, (long long)piece, (long long)(piece * rows->row_bytes >> 20), (long long)(KEPT >> 20));
    TEC_TRY(check_filters(plist, place));
    make_chunks(rows, dataset, type, piece);
    return TEC_OK;
}

static tec_status prepare_contiguous(tec_array_rows *rows, hid_t dataset, hid_t plist, const char *place)
{
    if (H5Pget_external_count(plist) > 0)
        return tec_fail(TEC_USER_ERROR, "%s: its numbers are in another file, which is not read: " TO_CONTIGUOUS,
                        place);
    haddr_t at = H5Dget_offset(dataset);
    if (at == HADDR_UNDEF || at > INT64_MAX / 2)
        return tec_fail(TEC_USER_ERROR, "%s: nothing has been written to it: it was not finished", place);
    rows->offset = (int64_t)at;
    return TEC_OK;
}

static tec_status prepare_compact(tec_array_rows *rows, hid_t dataset, hid_t type, const char *place)
{
    enum { MOST = 65536 };
    const int64_t bytes = rows->total * rows->row_bytes;
    if (bytes > MOST)
        return tec_array_truncated(place, "it", bytes, MOST);
    rows->memory = rows->block = tec_allocate((size_t)bytes);
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows->memory) < 0)
        return tec_h5_fail(TEC_USER_ERROR, place, "it cannot be read");
    return TEC_OK;
}

static tec_status prepare_layout(tec_array_rows *rows, hid_t dataset, hid_t type, hid_t plist, const char *place)
{
    switch (H5Pget_layout(plist)) {
    case H5D_CHUNKED:
        return prepare_chunked(rows, dataset, type, plist, place);
    case H5D_CONTIGUOUS:
        return prepare_contiguous(rows, dataset, plist, place);
    case H5D_COMPACT:
        return prepare_compact(rows, dataset, type, place);
    default:
        return tec_fail(TEC_USER_ERROR, "%s is a virtual data set, over other files, which is not read: " TO_CONTIGUOUS,
                        place);
    }
}

static tec_status prepare(tec_array_rows *rows)
{
    TEC_H5_ALONE;
    tec_h5_start();
    const h5_data *data = rows->file->data;
    char *place = tec_string_format("%s:%s", rows->file->path, rows->entry->about.name);
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, 1, 0, 1); /* what is unpacked is kept here, not there as well */
    hid_t dataset = H5Dopen2(data->file, rows->entry->about.name, access);
    hid_t plist = dataset < 0 ? -1 : H5Dget_create_plist(dataset), type = dataset < 0 ? -1 : H5Dget_type(dataset);
    tec_status status = plist >= 0 && type >= 0 ? prepare_layout(rows, dataset, type, plist, place)
                                                : tec_h5_fail(TEC_USER_ERROR, place, "it cannot be opened");
    H5Tclose(type);
    H5Pclose(plist);
    H5Dclose(dataset);
    H5Pclose(access);
    free(place);
    return status;
}

const array_format tec_array_h5 = {
    .name = "HDF5", .matches = matches, .list = list, .prepare = prepare, .close = close_file};
