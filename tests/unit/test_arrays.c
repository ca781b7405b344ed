/* Arrays as data sets: NumPy, HDF5 and CIFAR in every form give the same images, which arrays are taken, and what is
 * refused. */
#include "tec/array_file.h"
#include "tec/dataset_array.h"
#include "tec/dataset_kept.h"
#include "tec/files.h"
#include "tec/half.h"
#include "tec/memory.h"
#include "tec/text.h"

#include "folder.h"

#include <fcntl.h>
#include <glob.h>
#include <hdf5.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zip.h>

enum { N = 20, H = 5, W = 4, C = 3, IMAGE = H * W * C, CLASSES = 4 };

static uint8_t pixels[N][H][W][C], planes[N][C][H][W], grey[N][H][W], label[N];

static void fill(void)
{
    for (int n = 0; n < N; n++) {
        label[n] = (uint8_t)(n % CLASSES);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                for (int c = 0; c < C; c++) {
                    pixels[n][y][x][c] = (uint8_t)(n * 37 + y * 11 + x * 5 + c * 101 + n * x * c);
                    planes[n][c][y][x] = pixels[n][y][x][c];
                    grey[n][y][x] = pixels[n][y][x][0];
                }
    }
}

/* ---- writing ---- */

typedef struct bytes {
    char *data;
    size_t count;
} bytes;

/* A .npy with this header, padded. The caller frees the data. */
static bytes npy(const char *header, const void *data, size_t count)
{
    enum { BEFORE = 10, SIZE = 128 };
    bytes b = {.data = tec_allocate(SIZE + count), .count = SIZE + count};
    memcpy(b.data, "\x93NUMPY\1\0", 8);
    b.data[8] = (char)(SIZE - BEFORE);
    b.data[9] = 0;
    memset(b.data + BEFORE, ' ', SIZE - BEFORE);
    memcpy(b.data + BEFORE, header, strlen(header));
    b.data[SIZE - 1] = '\n';
    memcpy(b.data + SIZE, data, count);
    return b;
}

/* Without waiting for the disk, as tec_file_write does, and ext4 where a file is truncated. */
static void write_file(const char *path, const void *data, size_t count)
{
    unlink(path);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(data, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *name, const void *data, size_t count)
{
    char *path = tec_string_copy(folder_at(name)), *folder = tec_path_directory(path);
    assert_int_equal(tec_directory_make(folder), TEC_OK);
    write_file(path, data, count);
    free(folder);
    free(path);
}

static void put_npy(const char *name, const char *header, const void *data, size_t count)
{
    bytes b = npy(header, data, count);
    put(name, b.data, b.count);
    free(b.data);
}

#define HEADER(type_, shape_) "{'descr': '" type_ "', 'fortran_order': False, 'shape': (" shape_ "), }"
#define IMAGES_HEADER HEADER("|u1", "20, 5, 4, 3")
#define PLANES_HEADER HEADER("|u1", "20, 3, 5, 4")
#define LABELS_HEADER HEADER("|u1", "20,")

typedef struct member {
    const char *name, *header;
    const void *data;
    size_t count;
} member;

static void put_npz(const char *name, const member *members, int count, zip_int32_t method)
{
    int error;
    char *held[8];
    unlink(folder_at(name));
    zip_t *zip = zip_open(folder_at(name), ZIP_CREATE, &error);
    for (int i = 0; i < count; i++) {
        bytes b = npy(members[i].header, members[i].data, members[i].count);
        held[i] = b.data;
        zip_int64_t index =
            zip_file_add(zip, members[i].name, zip_source_buffer(zip, b.data, b.count, 0), ZIP_FL_OVERWRITE);
        assert_true(index >= 0);
        assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, method, 0), 0);
    }
    assert_int_equal(zip_close(zip), 0);
    for (int i = 0; i < count; i++)
        free(held[i]);
}

typedef struct h5_set {
    const char *name;
    const void *data;
    int dims;
    hsize_t dim[4];
    hsize_t chunk[4]; /* 0: not chunked */
    bool gzip, compact;
} h5_set;

static void put_h5(const char *name, const h5_set *sets, int count)
{
    hid_t file = H5Fcreate(folder_at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < count; i++) {
        const h5_set *s = &sets[i];
        hid_t space = H5Screate_simple(s->dims, s->dim, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
        if (s->chunk[0])
            H5Pset_chunk(how, s->dims, s->chunk);
        if (s->gzip)
            H5Pset_deflate(how, 3);
        if (s->compact)
            H5Pset_layout(how, H5D_COMPACT);
        hid_t set = H5Dcreate2(file, s->name, H5T_NATIVE_UINT8, space, H5P_DEFAULT, how, H5P_DEFAULT);
        if (s->data)
            assert_true(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, s->data) >= 0);
        H5Dclose(set);
        H5Pclose(how);
        H5Sclose(space);
    }
    H5Fclose(file);
}

/* ---- opening ---- */

/* role: "train", "val"; NULL: none */
static tec_status open_as(tec_dataset **set, const char *name, const char *role, tec_label_mode labels, int channels)
{
    tec_list_request request = {.path = folder_at(name), .labels = labels, .name = role, .dir = {"", ""}};
    tec_listed found;
    *set = NULL;
    tec_status status =
        role ? tec_dataset_list(&request, &found) : tec_dataset_scan(request.path, labels, &found.list, &found.bytes);
    return status == TEC_OK ? tec_dataset_open_taking(set, found.list, found.bytes, NULL, channels, 0) : status;
}

static tec_dataset *open_set(const char *name, const char *role, int channels)
{
    tec_dataset *set;
    if (open_as(&set, name, role, TEC_LABELS_AUTO, channels) != TEC_OK)
        fail_msg("%s", tec_error_message());
    return set;
}

static void assert_refused_as(const char *name, const char *role, const char *what)
{
    tec_dataset *set;
    assert_int_equal(open_as(&set, name, role, TEC_LABELS_AUTO, 3), TEC_USER_ERROR);
    if (!strstr(tec_error_message(), folder_top) || !strstr(tec_error_message(), what))
        fail_msg("\"%s\" does not name the file and \"%s\"", tec_error_message(), what);
}

static void assert_refused(const char *name, const char *what)
{
    assert_refused_as(name, "train", what);
}

static bool is_image(const tec_dataset *set, int64_t i, const void *expected, size_t count)
{
    tec_image image;
    bool same = tec_dataset_read(set, i, &image) == TEC_OK && image.height == H && image.width == W &&
                !memcmp(image.pixels, expected, count);
    tec_image_free(&image);
    return same;
}

/* ---- forms ---- */

#define COLOUR .dims = 4, .dim = {N, H, W, C}
#define PLANAR .dims = 4, .dim = {N, C, H, W}
#define LABELS .dims = 1, .dim = {N}

static void make_forms(void)
{
    static const member stored[] = {{"images.npy", IMAGES_HEADER, pixels, sizeof pixels},
                                    {"labels.npy", LABELS_HEADER, label, sizeof label},
                                    {"readme.txt", "{}", "", 0}};
    static const member packed[] = {{"x_train.npy", PLANES_HEADER, planes, sizeof planes},
                                    {"y_train.npy", LABELS_HEADER, label, sizeof label}};
    put_npy("x.npy", IMAGES_HEADER, pixels, sizeof pixels);
    put_npy("y.npy", LABELS_HEADER, label, sizeof label);
    put_npy("planes.npy", PLANES_HEADER, planes, sizeof planes);
    put_npy("classes.npy", HEADER("|u1", "20, 1"), label, sizeof label);
    put_npz("stored.npz", stored, 3, ZIP_CM_STORE);
    put_npz("packed.npz", packed, 2, ZIP_CM_DEFLATE);
    put_h5("plain.h5", (h5_set[]){{"images", pixels, COLOUR}, {"ans", label, LABELS}}, 2);
    put_h5("chunks.h5",
           (h5_set[]){{"data", planes, PLANAR, .chunk = {7, 2, 3, 4}, .gzip = true},
                      {"labels", label, LABELS, .chunk = {6}}},
           2);
    put_h5("compact.h5", (h5_set[]){{"x", pixels, COLOUR, .compact = true}, {"y", label, LABELS, .compact = true}}, 2);
    put_h5("s_x.h5", (h5_set[]){{"x", pixels, COLOUR, .chunk = {1, H, W, C}}}, 1);
    put_h5("s_y.h5", (h5_set[]){{"y", label, .dims = 4, .dim = {N, 1, 1, 1}}}, 1);
}

static const char *const forms[] = {
    "x.npy",     "planes.npy:classes.npy",  "stored.npz", "packed.npz", "plain.h5",       "plain.h5:images:ans",
    "chunks.h5", "chunks.h5:/data:/labels", "compact.h5", "s_x.h5",     "s_x.h5:x:s_y.h5"};
enum { FORMS = sizeof forms / sizeof *forms };

static void test_forms(void **state)
{
    (void)state;
    uint64_t fingerprint = 0;
    make_forms();
    for (int f = 0; f < FORMS; f++) {
        tec_dataset *set = open_set(forms[f], "train", 3);
        assert_int_equal(tec_dataset_size(set), N);
        assert_int_equal(tec_dataset_classes(set), CLASSES);
        assert_string_equal(tec_dataset_class_name(set, 3), "3");
        assert_true(tec_dataset_one_size(set));
        for (int i = N - 1; i >= 0; i--) {
            if (!is_image(set, i, pixels[i], IMAGE))
                fail_msg("%s: image %d: %s", forms[f], i, tec_error_message());
            assert_int_equal(tec_dataset_label(set, i), label[i]);
        }
        fingerprint = f ? fingerprint : tec_dataset_fingerprint(set);
        assert_true(tec_dataset_fingerprint(set) == fingerprint);
        tec_dataset_close(set);
    }
}

/* A file of links into others, which it is shorter than. */
static void put_links(const char *name)
{
    static const char *const link[][3] = {{"images", "plain.h5", "images"}, {"labels", "chunks.h5", "labels"}};
    hid_t file = H5Fcreate(folder_at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < 2; i++)
        assert_true(H5Lcreate_external(link[i][1], link[i][2], file, link[i][0], H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
}

static void test_external_links(void **state)
{
    (void)state;
    make_forms();
    put_links("links.h5");
    tec_dataset *set = open_set("links.h5", "train", 3), *plain = open_set("plain.h5", "train", 3);
    for (int i = 0; i < N; i++) {
        if (!is_image(set, i, pixels[i], IMAGE))
            fail_msg("image %d behind a link: %s", i, tec_error_message());
        assert_int_equal(tec_dataset_label(set, i), label[i]);
    }
    assert_true(tec_dataset_fingerprint(set) == tec_dataset_fingerprint(plain));
    tec_dataset_close(plain);
    tec_dataset_close(set);
}

/* ---- types ---- */

enum { BANDS = 5, TALL = 6, WIDE = 7, FEW = 3, VALUES = FEW * TALL * WIDE * BANDS };

static const double *values(void)
{
    static double value[VALUES];
    for (int i = 0; i < VALUES; i++)
        value[i] = i * 37 % 101 + i % 26;
    return value;
}

/* The values as this type, in either order of bytes; planar: [FEW, BANDS, TALL, WIDE]. Returns the bytes. */
static size_t encode(char kind, int size, bool big, bool planar, uint8_t *out)
{
    const double *value = values();
    for (int i = 0; i < VALUES; i++) {
        const int band = i % BANDS, pixel = i / BANDS % (TALL * WIDE), image = i / (BANDS * TALL * WIDE);
        uint8_t *at = out + size * (planar ? (image * BANDS + band) * TALL * WIDE + pixel : i);
        const int64_t whole = (int64_t)value[i];
        const float single = (float)value[i];
        uint16_t half;
        tec_half_from_float(&single, 1, &half);
        memcpy(at,
               kind != 'f' ? (const void *)&whole
               : size == 2 ? (const void *)&half
               : size == 4 ? (const void *)&single
                           : &value[i],
               (size_t)size);
        for (int k = 0; big && k < size / 2; k++) {
            const uint8_t byte = at[k];
            at[k] = at[size - 1 - k];
            at[size - 1 - k] = byte;
        }
    }
    return VALUES * (size_t)size;
}

static const tec_bands as_it_is = {.scaling = TEC_SCALING_GIVEN, .low = 0, .high = 1};

/* Opens it without a range, which is refused but for bytes, and with one, and compares all values. */
static uint64_t assert_values(const char *name, bool eight)
{
    const tec_bands none = {0};
    tec_dataset *set = open_set(name, "train", BANDS);
    assert_int_equal(tec_dataset_take_bands(set, &none), eight ? TEC_OK : TEC_USER_ERROR);
    if (!eight && !strstr(tec_error_message(), ", and data.range is bytes: set data.range="))
        fail_msg("%s: \"%s\" does not ask for data.range", name, tec_error_message());
    assert_int_equal(tec_dataset_take_bands(set, &as_it_is), TEC_OK);
    for (int n = 0; n < FEW; n++) {
        tec_image image;
        assert_int_equal(tec_dataset_read(set, n, &image), TEC_OK);
        assert_true(image.height == TALL && image.width == WIDE && image.channels == BANDS && !image.pixels);
        for (int i = 0; i < TALL * WIDE * BANDS; i++)
            if ((double)image.values[i] != values()[n * TALL * WIDE * BANDS + i])
                fail_msg("%s: value %d of image %d is %g", name, i, n, (double)image.values[i]);
        tec_image_free(&image);
    }
    uint64_t fingerprint = tec_dataset_fingerprint(set);
    tec_dataset_close(set);
    return fingerprint;
}

static void put_typed_h5(const char *name, hid_t type, const void *data, bool planar)
{
    const hsize_t dim[] = {FEW, planar ? BANDS : TALL, planar ? TALL : WIDE, planar ? WIDE : BANDS},
                  chunk[] = {2, 4, 4, 3};
    hid_t file = H5Fcreate(folder_at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(4, dim, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
    if (planar) {
        H5Pset_chunk(how, 4, chunk);
        H5Pset_shuffle(how);
        H5Pset_deflate(how, 3);
    }
    hid_t set = H5Dcreate2(file, "images", type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Pclose(how);
    H5Sclose(space);
    H5Fclose(file);
}

/* H5T_IEEE_F32LE made as h5py makes float16. */
static hid_t half_type(bool big)
{
    hid_t type = H5Tcopy(big ? H5T_IEEE_F32BE : H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

/* All types, orders of bytes and of axes, and files, have the same values and, of a type, one fingerprint. */
static void test_types(void **state)
{
    (void)state;
    static uint8_t data[VALUES * sizeof(double)];
    const struct {
        char kind;
        int size;
        hid_t type[2];
    } types[] = {
        {'u', 1, {H5T_STD_U8LE, H5T_STD_U8BE}},        {'u', 2, {H5T_STD_U16LE, H5T_STD_U16BE}},
        {'u', 4, {H5T_STD_U32LE, H5T_STD_U32BE}},      {'i', 1, {H5T_STD_I8LE, H5T_STD_I8BE}},
        {'i', 2, {H5T_STD_I16LE, H5T_STD_I16BE}},      {'i', 4, {H5T_STD_I32LE, H5T_STD_I32BE}},
        {'f', 2, {half_type(false), half_type(true)}}, {'f', 4, {H5T_IEEE_F32LE, H5T_IEEE_F32BE}},
        {'f', 8, {H5T_IEEE_F64LE, H5T_IEEE_F64BE}},
    };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        uint64_t fingerprint[4][3];
        const bool eight = types[t].kind == 'u' && types[t].size == 1;
        for (int form = 0; form < 4; form++) {
            const bool big = form & 1, planar = form & 2;
            char header[128];
            snprintf(header, sizeof header, "{'descr': '%c%c%d', 'fortran_order': False, 'shape': (%s), }",
                     big ? '>' : '<', types[t].kind, types[t].size, planar ? "3, 5, 6, 7" : "3, 6, 7, 5");
            const size_t count = encode(types[t].kind, types[t].size, big, planar, data);
            put_npy("t.npy", header, data, count);
            put_npz("t.npz", &(member){"images.npy", header, data, count}, 1, big ? ZIP_CM_DEFLATE : ZIP_CM_STORE);
            put_typed_h5("t.h5", types[t].type[big], data, planar);
            fingerprint[form][0] = assert_values("t.npy", eight);
            fingerprint[form][1] = assert_values("t.npz", eight);
            fingerprint[form][2] = assert_values("t.h5", eight);
            for (int file = 0; file < 3; file++)
                assert_true(fingerprint[form][file] == fingerprint[0][0]);
        }
    }
}

/* What of a value is no number is an error of that image; bands may be chosen; bfloat16 is no float16. */
static void test_values(void **state)
{
    (void)state;
    static uint8_t data[VALUES * sizeof(double)];
    tec_image image;
    const tec_bands chosen = {.scaling = TEC_SCALING_TYPE, .chosen = 2, .band = {4, 1}};
    size_t count = encode('f', 4, false, false, data);
    memset(data + (TALL * WIDE * BANDS + 8) * sizeof(float), 0xff, sizeof(float));
    put_npy("nan.npy", HEADER("<f4", "3, 6, 7, 5"), data, count);
    tec_dataset *set = open_set("nan.npy", "train", BANDS);
    assert_int_equal(tec_dataset_take_bands(set, &as_it_is), TEC_OK);
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_OK);
    tec_image_free(&image);
    assert_int_equal(tec_dataset_read(set, 1, &image), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(),
                        "nan.npy[1]: band 4 has no number (NaN) at row 0, column 1: fill such pixels");
    assert_int_equal(tec_dataset_take_bands(set, &(tec_bands){.scaling = TEC_SCALING_TYPE}), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "values of 32-bit float have no largest"));
    tec_dataset_close(set);
    put_npy("u16.npy", HEADER(">u2", "3, 5, 6, 7"), data, encode('u', 2, true, true, data));
    set = open_set("u16.npy", "train", 2);
    assert_int_equal(tec_dataset_take_bands(set, &chosen), TEC_OK);
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_OK);
    for (int i = 0; i < TALL * WIDE; i++)
        for (int c = 0; c < 2; c++)
            assert_true(image.values[2 * i + c] == (float)(values()[i * BANDS + (c ? 1 : 4)] / 65535));
    tec_image_free(&image);
    tec_dataset_close(set);
    hid_t brain = half_type(false);
    H5Tset_fields(brain, 15, 7, 8, 0, 7);
    H5Tset_ebias(brain, 127);
    put_typed_h5("brain.h5", brain, data, false);
    assert_refused("brain.h5", "of another type, but images are whole numbers");
}

/* Four bands are no CMYK, and any number of bytes is taken as it is. */
static void test_bands(void **state)
{
    (void)state;
    tec_image image;
    put_npy("four.npy", HEADER("|u1", "3, 5, 5, 16"), pixels, 1200);
    tec_dataset *set = open_set("four.npy", "train", 16);
    assert_int_equal(tec_dataset_take_bands(set, &(tec_bands){0}), TEC_OK);
    assert_int_equal(tec_dataset_read(set, 2, &image), TEC_OK);
    assert_memory_equal(image.pixels, &pixels[0][0][0][0] + 800, 400);
    tec_image_free(&image);
    tec_dataset_close(set);
    put_npy("four.npy", HEADER("|u1", "12, 5, 5, 4"), pixels, 1200);
    set = open_set("four.npy", "train", 3);
    assert_int_equal(tec_dataset_take_bands(set, &(tec_bands){0}), TEC_USER_ERROR);
    assert_non_null(
        strstr(tec_error_message(), "4 bands, but data.channels is 3: set data.channels=4, or let data.bands"));
    assert_int_equal(tec_dataset_read(set, 0, &image), TEC_USER_ERROR);
    tec_dataset_close(set);
}

static void test_names(void **state)
{
    (void)state;
    char text[64];
    make_forms();
    tec_dataset *set = open_set("x.npy", NULL, 3);
    assert_string_equal(tec_dataset_name(set, 7, text, sizeof text), "x.npy[7]");
    tec_dataset_close(set);
    set = open_set("packed.npz", NULL, 3);
    assert_string_equal(tec_dataset_name(set, 7, text, sizeof text), "packed.npz:x_train[7]");
    assert_true(tec_dataset_memory(set) >= (int64_t)sizeof pixels);
    tec_dataset_close(set);
}

static void test_channels(void **state)
{
    (void)state;
    put_npy("x.npy", IMAGES_HEADER, pixels, sizeof pixels);
    put_npy("grey.npy", HEADER("|u1", "20, 5, 4"), grey, sizeof grey);
    put_npy("grey1.npy", HEADER("|u1", "20, 5, 4, 1"), grey, sizeof grey);
    tec_dataset *set = open_set("grey.npy", NULL, 1), *one = open_set("grey1.npy", NULL, 1);
    assert_true(tec_dataset_fingerprint(set) == tec_dataset_fingerprint(one));
    assert_true(is_image(set, 3, grey[3], H * W) && is_image(one, 3, grey[3], H * W));
    tec_dataset_close(one);
    tec_dataset_close(set);
    uint8_t wide[H * W * C], narrow[H * W];
    const uint8_t *rgb = &pixels[3][0][0][0], *g = &grey[3][0][0];
    for (int i = 0; i < H * W; i++) {
        wide[3 * i] = wide[3 * i + 1] = wide[3 * i + 2] = g[i];
        narrow[i] = (uint8_t)((19595u * rgb[3 * i] + 38470u * rgb[3 * i + 1] + 7471u * rgb[3 * i + 2] + 0x8000u) >> 16);
    }
    set = open_set("grey.npy", NULL, 3);
    assert_true(is_image(set, 3, wide, sizeof wide));
    tec_dataset_close(set);
    set = open_set("x.npy", NULL, 1);
    assert_true(is_image(set, 3, narrow, sizeof narrow));
    tec_dataset_close(set);
}

static void *read_all(void *context)
{
    const tec_dataset *set = context;
    intptr_t wrong = 0;
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < N; i++)
            wrong += !is_image(set, (i * 7 + round) % N, pixels[(i * 7 + round) % N], IMAGE);
    return (void *)wrong;
}

static void test_threads(void **state)
{
    (void)state;
    make_forms();
    for (int f = 0; f < FORMS; f++) {
        enum { THREADS = 4 };
        pthread_t thread[THREADS];
        void *wrong;
        tec_dataset *set = open_set(forms[f], "train", 3);
        for (int t = 0; t < THREADS; t++)
            assert_int_equal(pthread_create(&thread[t], NULL, read_all, set), 0);
        for (int t = 0; t < THREADS; t++) {
            pthread_join(thread[t], &wrong);
            assert_null(wrong);
        }
        tec_dataset_close(set);
    }
}

/* ---- a change ---- */

static void flip(const char *name, off_t at)
{
    uint8_t byte;
    int fd = open(folder_at(name), O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_changes(void **state)
{
    (void)state;
    tec_image image;
    make_forms();
    tec_dataset *set = open_set("x.npy", NULL, 3);
    flip("x.npy", 128 + 2 * IMAGE);
    assert_true(is_image(set, 1, pixels[1], IMAGE));
    assert_int_equal(tec_dataset_read(set, 2, &image), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "x.npy[2] has other pixels than when it was listed"));
    tec_dataset *changed = open_set("x.npy", NULL, 3);
    assert_true(tec_dataset_fingerprint(changed) != tec_dataset_fingerprint(set));
    tec_dataset_close(changed);
    flip("x.npy", 128 + 2 * IMAGE);
    label[0]++;
    put_npy("y.npy", LABELS_HEADER, label, sizeof label);
    label[0]--;
    changed = open_set("x.npy", NULL, 3);
    assert_true(tec_dataset_fingerprint(changed) != tec_dataset_fingerprint(set));
    tec_dataset_close(changed);
    tec_dataset_close(set);
}

/* ---- which arrays ---- */

static void assert_first(const char *name, const char *role, int first)
{
    tec_dataset *set = open_set(name, role, 3);
    assert_true(is_image(set, 0, pixels[first], IMAGE));
    assert_int_equal(tec_dataset_label(set, 0), label[first]);
    tec_dataset_close(set);
}

static void test_roles(void **state)
{
    (void)state;
    const size_t all = sizeof pixels, half = all / 2;
    const member parts[] = {{"train_images.npy", IMAGES_HEADER, pixels, all},
                            {"train_labels.npy", LABELS_HEADER, label, N},
                            {"test_images.npy", HEADER("|u1", "10, 5, 4, 3"), pixels[5], half},
                            {"test_labels.npy", HEADER("|u1", "10,"), label + 5, N / 2},
                            {"val_images.npy", HEADER("|u1", "10, 5, 4, 3"), pixels[3], half},
                            {"val_labels.npy", HEADER("|u1", "10,"), label + 3, N / 2}};
    put_npz("all.npz", parts, 6, ZIP_CM_DEFLATE);
    put_npz("two.npz", parts, 4, ZIP_CM_DEFLATE);
    assert_first("all.npz", "train", 0);
    assert_first("all.npz", "val", 3);
    assert_first("all.npz:test_images", "val", 5);
    assert_first("two.npz", "val", 5);
    assert_refused_as("all.npz", NULL, "all.npz holds several arrays of images for a data set (train_images, ");
    assert_refused("all.npz:images", "holds no array images, but train_images, train_labels, ");
    assert_refused("all.npz:train_images:ids", "there are no labels ids, neither an array in it nor a file beside it");
    put_npz("rest.npz", parts + 2, 4, ZIP_CM_DEFLATE);
    assert_refused("rest.npz",
                   "rest.npz holds no array of images for data.train (test_images, val_images): name the array, as ");
    put_npz("labels.npz", (member[]){parts[1], parts[3]}, 2, ZIP_CM_STORE);
    assert_refused("labels.npz", "holds no images, which are arrays of three or four dimensions, but train_labels, ");
    put_h5(
        "masks.h5",
        (h5_set[]){{"images", pixels, COLOUR}, {"labels", label, LABELS}, {"masks", grey, .dims = 3, .dim = {N, H, W}}},
        3);
    assert_first("masks.h5", "train", 0);
}

static void test_unlabelled(void **state)
{
    (void)state;
    tec_dataset *set;
    make_forms();
    put_npy("alone.npy", IMAGES_HEADER, pixels, sizeof pixels);
    set = open_set("alone.npy", "train", 3);
    assert_int_equal(tec_dataset_classes(set), 0);
    assert_int_equal(tec_dataset_label(set, 0), -1);
    tec_dataset_close(set);
    assert_int_equal(open_as(&set, "x.npy", "train", TEC_LABELS_NONE, 3), TEC_OK);
    assert_int_equal(tec_dataset_classes(set), 0);
    tec_dataset_close(set);
    assert_int_equal(open_as(&set, "x.npy", "train", TEC_LABELS_FOLDERS, 3), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "holds arrays, but labels by folder were requested"));
}

/* ---- what is refused ---- */

static void test_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *header, *what;
    } bad[] = {
        {HEADER(">i8", "5, 5, 2, 3"),
         "of big-endian int64, but images are whole numbers of 8, 16 or 32 bits or floats"},
        {HEADER("<c8", "5, 5, 2, 3"), "of <c8, but images are whole numbers of 8, 16 or 32 bits or floats of 16, 32"},
        {HEADER("<f16", "5, 5, 2, 3"), "of float128, but images are whole numbers"},
        {HEADER("|b1", "20, 5, 4, 3"), "of bool, but images are whole numbers"},
        {HEADER("|O", "20, 5, 4, 3"), "of |O, but images are whole numbers"},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (20, 5, 4, 3), }", "in Fortran's order"},
        {"{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (20, 5, 4, 3), }", "of a structure, but"},
        {HEADER("|u1", "20, 60"), "[20, 60] of uint8, but [N, H, W], [N, H, W, C] or [N, C, H, W] is expected"},
        {HEADER("|u1", "20, 5, 3, 4"), "[20, 5, 3, 4] of uint8, but [N, H, W]"},
        {HEADER("|u1", "20, 65, 66, 66"), "with 1 to 64 channels C, fewer than pixels in a row or a column"},
        {HEADER("|u1", "20, 5, 5, 5"), "both the second and the last size may be the channels"},
        {HEADER("<u2", "20, 8, 2, 9"), "with 1 to 64 channels C, fewer than"},
        {HEADER("|u1", "20, 1, 20, 3"), "both the second and the last size may be the channels"},
        {HEADER("|u1", "0, 5, 4, 3"), "which holds no image"},
        {HEADER("|u1", "20, 0, 4, 3"), "which holds no image"},
        {HEADER("|u1", "2, 70000, 4"), "more than there can be"},
        {HEADER("|u1", "21, 5, 4, 3"),
         "truncated, or its header is damaged: it needs 1388 bytes, but the file has 1328"},
        {HEADER("|u1", "19, 5, 4, 3"), "holds 60 bytes more than its header promises"},
        {HEADER("|u1", "900000000000, 13000, 13000, 3"), "its header is damaged: no file holds so much"},
        {HEADER("|u1", "1, 65000, 65000"), "with more than 178956970 pixels an image, the most that are supported"},
        {HEADER("|u1", "99999999999999999999, 5, 4, 3"), "the header of the array is damaged"},
        {HEADER("|u1", "-20, 5, 4, 3"), "the header of the array is damaged"},
        {"{'descr': '|u1', 'shape': (20, 5, 4, 3), }", "the header of the array is damaged"},
        {"{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (20,)}",
         "the header of the array is damaged"},
        {"", "the header of the array is damaged"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_npy("bad.npy", bad[i].header, pixels, sizeof pixels);
        assert_refused("bad.npy", bad[i].what);
    }
}

static void test_labels(void **state)
{
    (void)state;
    static uint8_t gaps[N], doubles[8 * N];
    static int64_t wide[N];
    for (int i = 0; i < N; i++) {
        gaps[i] = (uint8_t)(i % 2 ? 5 : 0);
        wide[i] = (int64_t)__builtin_bswap64((uint64_t)(i % CLASSES));
    }
    put_npy("x.npy", IMAGES_HEADER, pixels, sizeof pixels);
    put_npy("y.npy", HEADER(">i8", "20,"), wide, sizeof wide);
    tec_dataset *set = open_set("x.npy", "train", 3);
    assert_int_equal(tec_dataset_label(set, 6), 2);
    assert_int_equal(tec_dataset_classes(set), CLASSES);
    tec_dataset_close(set);
    put_npy("y.npy", LABELS_HEADER, gaps, sizeof gaps);
    assert_refused("x.npy", "y.npy: no image has class 1, but there are labels up to 5: number the classes from 0");
    set = open_set("x.npy", "val", 3);
    assert_int_equal(tec_dataset_classes(set), 6);
    tec_dataset_close(set);
    wide[4] = -1;
    put_npy("y.npy", HEADER("<i8", "20,"), wide, sizeof wide);
    assert_refused("x.npy", "y.npy: image 1 has label 72057594037927936, which is no number of a class");
    put_npy("y.npy", HEADER("<i1", "20,"), memset(doubles, 0xff, N), N);
    assert_refused("x.npy", "y.npy: image 0 has label -1, which is no number of a class");
    put_npy("y.npy", HEADER("|u1", "19,"), label, N - 1);
    assert_refused("x.npy", "y.npy: 19 labels for the 20 images of ");
    put_npy("y.npy", HEADER("<f8", "20,"), doubles, sizeof doubles);
    assert_refused("x.npy", "y.npy: labels are [20] of float64, but integers are expected");
    put_npy("y.npy", HEADER("|u1", "20, 2"), doubles, 2 * N);
    assert_refused("x.npy", "y.npy: labels are [20, 2] of uint8, but one number an image is expected");
    put_npy("y.npy", HEADER("|u1", "20,"), label, N - 1);
    assert_refused("x.npy", "y.npy: truncated");
}

static void test_h5_refused(void **state)
{
    (void)state;
    static uint8_t none;
    put_h5("later.h5", (h5_set[]){{"images", NULL, COLOUR}}, 1);
    assert_refused("later.h5", "later.h5:/images: nothing has been written to it");
    put_h5("much.h5", (h5_set[]){{"images", NULL, .dims = 3, .dim = {1u << 30, 1000, 1000}, .chunk = {1, 1000, 1000}}},
           1);
    assert_refused("much.h5", "much.h5:/images: truncated, or its header is damaged: it, unpacked, needs");
    put_h5("empty.h5", (h5_set[]){{"images", &none, .dims = 3, .dim = {0, 4, 4}}}, 1);
    assert_refused("empty.h5", "which holds no image");
    put("text.h5", "\x89HDF\r\n\x1a\n and no more", 20);
    assert_refused("text.h5", "text.h5");
}

/* ---- damage ---- */

/* Tries a file with `count` bytes of it, under another name, so that nothing that lies beside it counts. sealed: a
 * checksum is over the pixels, which are right if they are there. */
static tec_status try_bytes(const char *as, const char *data, size_t count, bool sealed)
{
    tec_dataset *set;
    tec_image image;
    write_file(folder_at(as), data, count);
    tec_status status = open_as(&set, as, "train", TEC_LABELS_AUTO, 3);
    if (status != TEC_OK)
        assert_non_null(strstr(tec_error_message(), as));
    for (int64_t i = 0; set && i < tec_dataset_size(set); i++) {
        if (tec_dataset_read(set, i, &image) != TEC_OK) /* a flipped bit makes another type, or other channels */
            assert_true(strstr(tec_error_message(), "set data.range=") || strstr(tec_error_message(), "data.channels"));
        assert_true(!sealed || !memcmp(image.pixels, pixels[i], IMAGE));
        tec_image_free(&image);
    }
    tec_dataset_close(set);
    return status;
}

static void check_damage(const char *name, const char *as, bool sealed)
{
    char *data;
    size_t count;
    assert_int_equal(tec_file_read(folder_at(name), 1 << 20, &data, &count), TEC_OK);
    assert_int_equal(try_bytes(as, data, count, sealed), TEC_OK);
    for (size_t length = 0; length < count; length += length < 300 || length + 300 > count ? 1 : 7)
        assert_int_equal(try_bytes(as, data, length, sealed), TEC_USER_ERROR);
    int taken = 0;
    for (size_t at = 0; at < count; at += at < 300 || at + 300 > count ? 1 : 11) {
        data[at] ^= (char)(1 << at % 8);
        tec_status status = try_bytes(as, data, count, sealed);
        assert_true(status == TEC_OK || status == TEC_USER_ERROR);
        taken += status == TEC_OK;
        data[at] ^= (char)(1 << at % 8);
    }
    assert_true(taken > 0 || sealed); /* pixels of a plain file */
    free(data);
}

static void test_damage(void **state)
{
    (void)state;
    make_forms();
    check_damage("x.npy", "broken.npy", false);
    check_damage("stored.npz", "broken.npz", false);
    check_damage("packed.npz", "other.npz", true);
}

static void test_damaged_h5(void **state)
{
    (void)state;
    char *data;
    size_t count;
    make_forms();
    for (int f = 0; f < 2; f++) {
        assert_int_equal(tec_file_read(folder_at(f ? "chunks.h5" : "plain.h5"), 1 << 20, &data, &count), TEC_OK);
        for (size_t length = 0; length + 1 < count; length += 97)
            assert_int_equal(try_bytes("broken.h5", data, length, false), TEC_USER_ERROR);
        free(data);
    }
}

/* ---- CIFAR ---- */

enum { RECORD = 3073, RECORDS = 2 };

static uint8_t batch[RECORDS * RECORD];

static void put_batches(const char *folder)
{
    for (int b = 1; b <= 6; b++) {
        char name[64];
        for (int i = 0; i < RECORDS * RECORD; i++)
            batch[i] = (uint8_t)(i * 7 + b * 13 + i / 256);
        batch[0] = (uint8_t)(b % 3);
        batch[RECORD] = 2;
        snprintf(name, sizeof name, "%s/%s", folder, b < 6 ? "data_batch_0.bin" : "test_batch.bin");
        if (b < 6)
            name[strlen(name) - 5] = (char)('0' + b);
        put(name, batch, sizeof batch);
    }
}

static void test_cifar(void **state)
{
    (void)state;
    tec_image image;
    char text[64];
    put_batches("c10");
    put("c10/batches.meta.txt", "cat\ndog\ncow\nape\n\n", 17);
    tec_dataset *set = open_set("c10", "train", 3);
    assert_int_equal(tec_dataset_size(set), 5 * RECORDS);
    assert_int_equal(tec_dataset_classes(set), 4);
    assert_string_equal(tec_dataset_class_name(set, 2), "cow");
    assert_int_equal(tec_dataset_label(set, 2), 2);
    assert_int_equal(tec_dataset_label(set, 4), 0);
    assert_string_equal(tec_dataset_name(set, 9, text, sizeof text), "c10:train_images[9]");
    tec_dataset_close(set);
    set = open_set("c10", "val", 3);
    assert_int_equal(tec_dataset_size(set), RECORDS);
    assert_int_equal(tec_dataset_read(set, 1, &image), TEC_OK);
    for (int i = 0; i < 1024; i++)
        for (int c = 0; c < 3; c++)
            assert_int_equal(image.pixels[3 * i + c], batch[RECORD + 1 + 1024 * c + i]);
    tec_image_free(&image);
    tec_dataset_close(set);
    set = open_set("c10/data_batch_3.bin", "train", 1);
    assert_int_equal(tec_dataset_size(set), RECORDS);
    tec_dataset_close(set);
}

static void test_cifar_100(void **state)
{
    (void)state;
    static uint8_t records[2 * (RECORD + 1)];
    records[0] = 1;
    records[RECORD + 2] = 1;
    put("c100/train.bin", records, sizeof records);
    put("c100/test.bin", records, sizeof records);
    put("c100/fine_label_names.txt", "ant\nbee\n", 8);
    put("c100/coarse_label_names.txt", "wasps\nothers\nnone\n", 18);
    tec_dataset *set = open_set("c100", "train", 3);
    assert_int_equal(tec_dataset_label(set, 0), 0);
    assert_int_equal(tec_dataset_label(set, 1), 1);
    assert_string_equal(tec_dataset_class_name(set, 1), "bee");
    tec_dataset_close(set);
    set = open_set("c100:train_images:train_coarse_labels", "train", 3);
    assert_int_equal(tec_dataset_classes(set), 3);
    assert_int_equal(tec_dataset_label(set, 0), 1);
    tec_dataset_close(set);
    records[1] = 9;
    put("c100/train.bin", records, sizeof records);
    assert_refused("c100", "c100:train_labels: has label 9, but names of 2 classes are beside it");
}

static void test_cifar_refused(void **state)
{
    (void)state;
    put_batches("c10");
    put("c10/data_batch_2.bin", batch, sizeof batch - 1);
    assert_refused(
        "c10",
        "data_batch_2.bin: truncated, or not of CIFAR: it has 6145 bytes, which is no multiple of a record's 3073");
    unlink(folder_at("c10/data_batch_2.bin"));
    assert_refused("c10", "c10: has data_batch_3.bin, but not data_batch_2.bin: fetch the set again");
    put("py/data_batch_1", "\x80\2}", 3);
    put("py/batches.meta", "\x80\2}", 3);
    assert_refused("py", "py: CIFAR as pickles of Python");
    assert_refused("py/data_batch_1", "data_batch_1: CIFAR as pickles of Python");
    put("set.parquet", "PAR1....", 8);
    assert_refused("set.parquet", "set.parquet: Parquet, which is not read: python3 -c");
}

/* ---- what a file holds ---- */

static void test_describe(void **state)
{
    (void)state;
    char *text;
    make_forms();
    assert_int_equal(tec_dataset_arrays(folder_at("stored.npz"), true, &text), TEC_OK);
    assert_non_null(strstr(text, "format: NumPy (.npz)\narrays: 2\n"));
    assert_non_null(strstr(text, "20 images of 4 x 5, colour: data.train="));
    free(text);
    assert_int_equal(tec_dataset_arrays(folder_at("y.npy"), true, &text), TEC_OK);
    assert_null(text);
    assert_int_equal(tec_dataset_arrays(folder_at("y.npy"), false, &text), TEC_OK);
    assert_non_null(strstr(text, "[20] of uint8"));
    free(text);
}

/* What fuzzing found interesting, by the form that it has. */
static void test_corpus(void **state)
{
    (void)state;
    glob_t found;
    int good = 0;
    assert_int_equal(glob("tests/fuzz/corpus-arrays/*", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *data;
        size_t count;
        assert_int_equal(tec_file_read(found.gl_pathv[i], 1 << 20, &data, &count), TEC_OK);
        const char *as = data[0] == 'P' ? "a.npz" : data[0] == '\x93' ? "a.npy" : "test_batch.bin";
        good += try_bytes(as, data, count, false) == TEC_OK;
        free(data);
    }
    assert_in_range(good, 1, found.gl_pathc - 1);
    globfree(&found);
}

#define WITH_FOLDER(test_) cmocka_unit_test_setup_teardown(test_, folder_setup, folder_teardown)

int main(void)
{
    fill();
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_forms),      WITH_FOLDER(test_types),     WITH_FOLDER(test_values),
        WITH_FOLDER(test_bands),      WITH_FOLDER(test_names),     WITH_FOLDER(test_channels),
        WITH_FOLDER(test_threads),    WITH_FOLDER(test_changes),   WITH_FOLDER(test_roles),
        WITH_FOLDER(test_unlabelled), WITH_FOLDER(test_shapes),    WITH_FOLDER(test_labels),
        WITH_FOLDER(test_h5_refused), WITH_FOLDER(test_damage),    WITH_FOLDER(test_damaged_h5),
        WITH_FOLDER(test_cifar),      WITH_FOLDER(test_cifar_100), WITH_FOLDER(test_cifar_refused),
        WITH_FOLDER(test_describe),   WITH_FOLDER(test_corpus),    WITH_FOLDER(test_external_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
