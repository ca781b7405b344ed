/* Files of features: written and read again, of both types, with and without labels; damaged ones are refused; NumPy's
 * form. */
#include "folder.h"

#include "tec/augment.h"
#include "tec/feature_file.h"
#include "tec/files.h"
#include "tec/frozen.h"
#include "tec/h5.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What HDF5 itself forgets when it cannot open or close a damaged file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

enum { ROWS = 5, WIDTH = 3, PATH = 4 };

static const tec_feature_spec spec = {.model_hash = 0xfedcba9876543210u,
                                      .data_hash = UINT64_MAX,
                                      .images = 7,
                                      .batch = 2,
                                      .width = WIDTH,
                                      .tokens = TEC_POOL_MEAN,
                                      .layer = 2,
                                      .norm = true,
                                      .image_size = {28, 28},
                                      .channels = 1,
                                      .mean = {0.5, 0.5, 0.5},
                                      .std = {0.25, 0.25, 0.25},
                                      .resize = TEC_RESIZE_WHOLE,
                                      .crop_pct = 0.875,
                                      .interpolation = TEC_FILTER_LANCZOS};
static const char *const classes[] = {"a", "b, \"c\""}, *const left_out[] = {"x/4.png", "x"};
static const int32_t labels[ROWS] = {0, 1, 1, 0, 1};
static const int64_t samples[ROWS] = {0, 1, 2, 5, 6};
static const uint64_t contents[ROWS] = {1, UINT64_MAX, 3, 4, 5};
static const char paths[ROWS][PATH] = {"a", "bcde", "f,g", "h", "i"}; /* "bcde" has no 0 behind it */

static real value_at(int i)
{
    return (real)(i % 2 ? -0.125 * i : 0.25 * i); /* exact in float16 */
}

/* Writes ROWS rows in two pieces, of `patches` patches each. */
static void write_table(const char *path, tec_feature_type type, int patches, bool labelled)
{
    tec_feature_spec s = spec;
    s.type = (int)type;
    s.patches = patches;
    tec_feature_writer *w;
    const tec_feature_table table = {.spec = &s,
                                     .model = "m.h5",
                                     .data = "images",
                                     .trained = {12345678901, 2.5},
                                     .rows = ROWS,
                                     .path_bytes = PATH,
                                     .classes = labelled ? 2 : 0,
                                     .class_name = classes,
                                     .left_out = 2,
                                     .left_out_name = left_out};
    const size_t row = tec_feature_row_numbers(&s);
    assert_int_equal(tec_feature_writer_open(&w, path, &table), TEC_OK);
    for (int first = 0; first < ROWS; first += 3) {
        const int count = first ? ROWS - 3 : 3;
        real value[3 * 2 * WIDTH];
        char stored[sizeof value];
        for (size_t i = 0; i < (size_t)count * row; i++)
            value[i] = value_at((int)((size_t)first * row + i));
        tec_feature_encode(type, value, (size_t)count * row, stored);
        assert_int_equal(tec_feature_writer_rows(w, stored, count), TEC_OK);
        const tec_feature_names names = {.count = count,
                                         .path = paths[first],
                                         .label = labels + first,
                                         .sample = samples + first,
                                         .content = contents + first};
        assert_int_equal(tec_feature_writer_names(w, &names), TEC_OK);
        assert_false(tec_file_exists(path)); /* not before it is whole */
    }
    assert_int_equal(tec_feature_writer_commit(w), TEC_OK);
}

static void check_names(const tec_feature_file *f, bool labelled)
{
    char name[3][PATH + 1];
    int32_t label[3];
    int64_t sample[3];
    uint64_t content[3];
    assert_int_equal(tec_feature_file_name_bytes(f), PATH + 1);
    assert_int_equal(tec_feature_file_names(f, 1, 3, name[0]), TEC_OK);
    assert_string_equal(name[0], "bcde");
    assert_string_equal(name[1], "f,g");
    assert_string_equal(name[2], "h");
    assert_int_equal(tec_feature_file_samples(f, 1, 3, sample), TEC_OK);
    assert_memory_equal(sample, samples + 1, sizeof sample);
    assert_int_equal(tec_feature_file_contents(f, 1, 3, content), TEC_OK);
    assert_memory_equal(content, contents + 1, sizeof content);
    assert_int_equal(tec_feature_file_classes(f), labelled ? 2 : 0);
    assert_int_equal(tec_feature_file_labels(f, 1, 3, label), labelled ? TEC_OK : TEC_USER_ERROR);
    if (labelled) {
        assert_memory_equal(label, labels + 1, sizeof label);
        assert_string_equal(tec_feature_file_class(f, 1), classes[1]);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        const bool labelled = kind & 1;
        const int patches = kind & 2 ? 2 : 0;
        const tec_feature_type type = kind & 4 ? TEC_FEATURE_FLOAT16 : TEC_FEATURE_FLOAT32;
        const char *path = folder_at("t.h5");
        tec_feature_file *f;
        tec_feature_difference d;
        real value[ROWS * 2 * WIDTH];
        unlink(path);
        write_table(path, type, patches, labelled);
        assert_true(tec_feature_file_is(path));
        assert_int_equal(tec_feature_file_open(&f, path), TEC_OK);
        tec_feature_spec want = spec;
        want.type = (int)type;
        want.patches = patches;
        assert_false(tec_feature_spec_differ(tec_feature_file_spec(f), &want, false, &d));
        assert_int_equal(tec_feature_file_rows(f), ROWS);
        assert_string_equal(tec_feature_file_model(f), "m.h5");
        assert_string_equal(tec_feature_file_data(f), "images");
        assert_true(tec_feature_file_trained(f).steps == 12345678901 && tec_feature_file_trained(f).epochs == 2.5);
        const int row = (int)tec_feature_row_numbers(&want);
        assert_int_equal(tec_feature_file_read(f, 1, ROWS - 1, value), TEC_OK);
        for (int i = 0; i < (ROWS - 1) * row; i++)
            assert_true(value[i] == value_at(row + i));
        check_names(f, labelled);
        tec_feature_file_close(f);
    }
}

static void test_differences(void **state)
{
    (void)state;
    tec_feature_difference d;
    tec_feature_spec other = spec;
    other.images = 8;
    other.data_hash = 1;
    other.batch = 3;
    other.type = TEC_FEATURE_FLOAT16;
    assert_false(tec_feature_spec_differ(&spec, &other, true, &d));
    assert_true(tec_feature_spec_differ(&spec, &other, false, &d));
    assert_string_equal(d.setting, "features.type");
    other.resize = TEC_RESIZE_SQUASH;
    assert_true(tec_feature_spec_differ(&spec, &other, true, &d));
    assert_string_equal(d.setting, "eval.resize");
    assert_string_equal(d.a, "whole");
    assert_string_equal(d.b, "squash");
}

/* The words of an attribute are those of its setting. */
static void assert_words(const tec_feature_spec *a, const tec_feature_spec *b, const char *word)
{
    tec_feature_difference d;
    assert_true(tec_feature_spec_differ(a, b, true, &d));
    assert_string_equal(d.b, word);
}

static void test_words(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        tec_feature_spec a = spec, b = spec;
        a.tokens = (i + 1) % 3;
        b.tokens = i % 3;
        assert_words(&a, &b, tec_pooling_name((tec_pooling)b.tokens));
        a = b = spec;
        a.resize = (i + 1) % 4;
        b.resize = i;
        assert_words(&a, &b, tec_resize_name((tec_resize)i));
        a = b = spec;
        a.interpolation = (i + 1) % 4;
        b.interpolation = i;
        assert_words(&a, &b, tec_filter_name((tec_filter)i));
    }
}

static bool has_attribute(const char *path, const char *name)
{
    hid_t file;
    assert_int_equal(tec_h5_open(path, &file), TEC_OK);
    bool has = tec_h5_has_attribute(file, name);
    H5Fclose(file);
    return has;
}

static void test_specification_alone(void **state)
{
    (void)state;
    const char *path = folder_at("spec.h5");
    tec_feature_spec got;
    tec_feature_difference d;
    int64_t number;
    assert_int_equal(tec_feature_spec_write(path, &spec, 1234567890123), TEC_OK);
    assert_int_equal(tec_feature_spec_read(path, &got, &number), TEC_OK);
    assert_true(number == 1234567890123 && !tec_feature_spec_differ(&spec, &got, false, &d));
    assert_false(has_attribute(path, "range") || has_attribute(path, "bands")); /* as in files of earlier programs */
    tec_feature_spec banded = spec;
    strcpy(banded.range, "0,3000.5");
    strcpy(banded.bands, "4,3,2");
    assert_int_equal(tec_feature_spec_write(folder_at("banded.h5"), &banded, 1), TEC_OK);
    assert_int_equal(tec_feature_spec_read(folder_at("banded.h5"), &got, &number), TEC_OK);
    assert_false(tec_feature_spec_differ(&banded, &got, false, &d));
    assert_true(tec_feature_spec_differ(&spec, &got, true, &d));
    assert_string_equal(d.setting, "data.range");
    assert_string_equal(d.a, "bytes");
    assert_string_equal(d.b, "0,3000.5");
    strcpy(banded.bands, "");
    assert_true(tec_feature_spec_differ(&got, &banded, true, &d));
    assert_string_equal(d.setting, "data.bands");
    assert_string_equal(d.b, "all");
    tec_feature_file *f;
    assert_int_equal(tec_feature_file_open(&f, path), TEC_USER_ERROR); /* no rows */
    assert_non_null(strstr(tec_error_message(), "attribute model is missing"));
}

/* Without flushing it to the disk. */
static void write_bytes(const char *path, const char *data, size_t bytes)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fwrite(data, 1, bytes, out) == bytes && fclose(out) == 0);
}

/* A file cut short anywhere, or with a changed byte, is refused or gives rows, but nothing else happens. */
static void test_damaged(void **state)
{
    (void)state;
    const char *path = folder_at("whole.h5"), *cut = folder_at("cut.h5");
    char *data;
    size_t bytes;
    write_table(path, TEC_FEATURE_FLOAT32, 0, true);
    assert_int_equal(tec_file_read(path, 1 << 20, &data, &bytes), TEC_OK);
    for (size_t i = 0; i < 2 * bytes; i += i < bytes ? 41 : 17) {
        tec_feature_file *f;
        const bool flip = i >= bytes;
        if (flip)
            data[i - bytes] = (char)(data[i - bytes] ^ 0x55);
        write_bytes(cut, data, flip ? bytes : i);
        tec_status status = tec_feature_file_open(&f, cut);
        if (!flip)
            assert_int_equal(status, TEC_USER_ERROR);
        real value[ROWS * WIDTH];
        int32_t label[ROWS];
        if (status == TEC_OK && tec_feature_file_rows(f) == ROWS && tec_feature_file_spec(f)->width == WIDTH) {
            tec_feature_file_read(f, 0, ROWS, value);
            if (tec_feature_file_labels(f, 0, ROWS, label) == TEC_OK)
                tec_feature_file_class(f, label[ROWS - 1]);
        }
        tec_feature_file_close(f);
        if (flip)
            data[i - bytes] = (char)(data[i - bytes] ^ 0x55);
    }
    free(data);
}

/* Finds numbers as they are in a file, and writes others in their place. */
static void replace(const char *path, const void *from, const void *to, size_t length)
{
    char *data;
    size_t bytes, at = 0;
    assert_int_equal(tec_file_read(path, 1 << 20, &data, &bytes), TEC_OK);
    while (at + length <= bytes && memcmp(data + at, from, length) != 0)
        at++;
    assert_true(at + length <= bytes);
    memcpy(data + at, to, length);
    write_bytes(path, data, bytes);
    free(data);
}

/* How many of the ranks that open it together are told that it is damaged. */
static int shares_that_fail(const char *path, int ranks)
{
    int failed = 0;
    for (int rank = 0; rank < ranks; rank++) {
        tec_feature_file *f;
        failed += tec_feature_file_open_share(&f, path, rank, ranks) != TEC_OK;
        tec_feature_file_close(f);
    }
    return failed;
}

/* Rows that are not in the order of the images, twice there, or of images that there are not. */
static void test_order(void **state)
{
    (void)state;
    static const int64_t wrong[][ROWS] = {{0, 2, 1, 5, 6}, {0, 1, 1, 5, 6}, {0, 1, 2, 5, 7}, {-1, 1, 2, 5, 6}};
    const char *path = folder_at("order.h5");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tec_feature_file *f;
        write_table(path, TEC_FEATURE_FLOAT32, 0, true);
        replace(path, samples, wrong[i], sizeof samples);
        assert_int_equal(tec_feature_file_open(&f, path), TEC_USER_ERROR);
        assert_non_null(
            strstr(tec_error_message(), "but images rise from row to row, and there are 7: the file is damaged"));
        for (int ranks = 1; ranks <= ROWS + 1; ranks++)
            assert_int_equal(shares_that_fail(path, ranks), 1);
        unlink(path);
    }
}

static void test_others_refused(void **state)
{
    (void)state;
    tec_feature_file *f;
    const char *path = folder_at("other.h5");
    tec_h5_draft draft;
    int fd;
    int64_t bytes;
    assert_int_equal(tec_h5_draft_open(&draft), TEC_OK);
    assert_int_equal(tec_h5_draft_put_text(&draft, "/", "format", "tec checkpoint"), TEC_OK);
    assert_int_equal(tec_h5_draft_save(&draft, path, &fd, &bytes), TEC_OK);
    close(fd);
    assert_false(tec_feature_file_is(path));
    assert_int_equal(tec_feature_file_open(&f, path), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "is no file of features: `tec features MODEL IMAGES -o OUT.h5`"));
    assert_int_equal(tec_feature_file_open(&f, folder_at("t.npy")), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "does not say how its features were made"));
    assert_int_equal(tec_feature_path_check("a.txt"), TEC_USER_ERROR);
    assert_int_equal(tec_feature_path_check("a.hdf5"), TEC_OK);
}

static void test_numpy(void **state)
{
    (void)state;
    const char *path = folder_at("n.npy"), *names = folder_at("n.csv");
    static const char header[] = "{'descr': '<f2', 'fortran_order': False, 'shape': (5, 2, 3), }";
    char *data;
    size_t bytes;
    write_table(path, TEC_FEATURE_FLOAT16, 2, true);
    assert_int_equal(tec_file_read(path, 1 << 20, &data, &bytes), TEC_OK);
    const size_t before = 10 + (size_t)(unsigned char)data[8] + 256 * (size_t)(unsigned char)data[9];
    assert_memory_equal(data, "\x93NUMPY\x01\x00", 8);
    assert_true(before % 64 == 0 && data[before - 1] == '\n' && bytes == before + 2 * ROWS * 2 * WIDTH);
    assert_memory_equal(data + 10, header, sizeof header - 1);
    free(data);
    assert_int_equal(tec_file_read(names, 1 << 20, &data, &bytes), TEC_OK);
    assert_string_equal(data, "path,label,class\n"
                              "a,0,a\n"
                              "bcde,1,\"b, \"\"c\"\"\"\n"
                              "\"f,g\",1,\"b, \"\"c\"\"\"\n"
                              "h,0,a\n"
                              "i,1,\"b, \"\"c\"\"\"\n");
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_differences),
        cmocka_unit_test(test_words),      cmocka_unit_test(test_specification_alone),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_others_refused),
        cmocka_unit_test(test_numpy),      cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
