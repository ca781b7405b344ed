/* safetensors files: values, damaged headers and lengths, what is written, failing writes. */
#include "file_limit.h"
#include "folder.h"

#include "tec/files.h"
#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/tensor_file.h"
#include "tec/tensor_write.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[2048], path[2100];

static int make_dir(void **state)
{
    (void)state;
    if (!folder_make(dir, sizeof dir))
        return -1;
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static void put(const char *name, const void *data, size_t bytes)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Length, header and data, as the format's description says. */
static void put_parts(uint64_t length, const char *header, const void *data, size_t bytes)
{
    size_t header_bytes = strlen(header);
    unsigned char *whole = calloc(1, 8 + header_bytes + bytes);
    for (int i = 0; i < 8; i++)
        whole[i] = (unsigned char)(length >> 8 * i);
    memcpy(whole + 8, header, header_bytes);
    if (data)
        memcpy(whole + 8 + header_bytes, data, bytes);
    put(path, whole, 8 + header_bytes + bytes);
    free(whole);
}

static void assert_refused(const char *part)
{
    tec_tensor_file *file = (tec_tensor_file *)dir;
    tec_status status = tec_tensor_file_open(&file, path);
    if (status != TEC_USER_ERROR || !strstr(tec_error_message(), part) || !strstr(tec_error_message(), path))
        fail_msg("wanted \"%s\", status %d: \"%s\"", part, status, tec_error_message());
    assert_null(file);
}

static void assert_values(tec_tensor_file *file, const char *name, const double *want, int count)
{
    real got[16];
    int index = tec_tensor_file_find(file, name);
    assert_in_range(index, 0, 100);
    assert_int_equal(tec_tensor_file_get(file, index)->count, count);
    assert_int_equal(tec_tensor_file_read(file, index, got), TEC_OK);
    for (int i = 0; i < count; i++) {
        real right = (real)want[i];
        assert_true(isnan(right) ? isnan(got[i]) : got[i] == right && signbit(got[i]) == signbit(right));
    }
}

/* Every floating-point type, with the bit patterns of IEEE 754 written out by hand. */
static void test_values(void **state)
{
    (void)state;
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\",\"who\":\"\\u00e9\"},"
                                 "\"a.f64\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"
                                 "\"a.f32\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[16,32]},"
                                 "\"a.f16\":{\"data_offsets\":[38,48],\"shape\":[5],\"dtype\":\"F16\"},"
                                 "\"a.bf16\":{\"dtype\":\"BF16\",\"shape\":[3,1],\"data_offsets\":[32,38]},"
                                 "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[48,56]},"
                                 "\"none\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[56,56]}}   ";
    static const unsigned char data[] = {0x18, 0x2d, 0x44, 0x54, 0xfb, 0x21, 0x09, 0x40, /* pi */
                                         0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0xbf, /* -0.1 */
                                         0x00, 0x00, 0x80, 0x3f,                         /* 1 */
                                         0x00, 0x00, 0x00, 0x80,                         /* -0 */
                                         0x01, 0x00, 0x00, 0x00,                         /* 2^-149 */
                                         0xff, 0xff, 0x7f, 0xff,                         /* -(2 - 2^-23) 2^127 */
                                         0x49, 0x40,                                     /* 3.140625 */
                                         0x80, 0xbf,                                     /* -1 */
                                         0x80, 0x7f,                                     /* infinity */
                                         0x00, 0x3c,                                     /* 1 */
                                         0x01, 0x00,                                     /* 2^-24 */
                                         0xff, 0xfb,                                     /* -65504 */
                                         0x00, 0x7e,                                     /* NaN */
                                         0x00, 0xfc,                                     /* -infinity */
                                         1,    2,    3,    4,    5,    6,    7,    8};
    tec_tensor_file *file;
    put_parts(strlen(header), header, data, sizeof data);
    assert_int_equal(tec_tensor_file_open(&file, path), TEC_OK);
    assert_string_equal(tec_tensor_file_format(file), "safetensors");
    assert_string_equal(tec_tensor_file_path(file), path);
    assert_int_equal(tec_tensor_file_count(file), 6);
    static const char *const order[] = {"a.f64", "a.f32", "a.f16", "a.bf16", "n", "none"};
    for (int i = 0; i < 6; i++)
        assert_string_equal(tec_tensor_file_get(file, i)->name, order[i]);
    assert_values(file, "a.f64", (double[]){0x1.921fb54442d18p+1, -0.1}, 2);
    assert_values(file, "a.f32", (double[]){1, -0.0, 0x1p-149, -0x1.fffffep127}, 4);
    assert_values(file, "a.bf16", (double[]){3.140625, -1, INFINITY}, 3);
    assert_values(file, "a.f16", (double[]){1, 0x1p-24, -65504, NAN, -INFINITY}, 5);
    assert_values(file, "none", NULL, 0);
    const tec_tensor *tensor = tec_tensor_file_get(file, 3);
    assert_int_equal(tensor->dims, 2);
    assert_int_equal(tensor->dim[0], 3);
    assert_int_equal(tensor->dim[1], 1);
    assert_string_equal(tensor->type_name, "bfloat16");
    assert_true(tensor->is_float);
    assert_int_equal(tec_tensor_file_find(file, "a"), -1);

    real value;
    assert_false(tec_tensor_file_get(file, 4)->is_float);
    assert_int_equal(tec_tensor_file_read(file, 4, &value), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "tensor n holds int64"));
    assert_int_equal(tec_tensor_file_notes(file), 2);
    assert_string_equal(tec_tensor_file_note(file, 0)->name, "__metadata__.format");
    assert_string_equal(tec_tensor_file_note(file, 0)->text, "pt");
    assert_string_equal(tec_tensor_file_note(file, 1)->text, "\xc3\xa9");
    tec_tensor_file_close(file);
}

/* -- damaged headers -- */

#define T(name, dtype, shape, from, to)                                                                                \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static const struct {
    const char *header;
    int bytes; /* of the data behind it */
    const char *message;
} refused[] = {
    {"", 0, "1 bytes, too few"}, /* the length is cut to a byte */
    {"[]", 0, "does not start with {"},
    {"{\"a\":", 0, "header, byte"},
    {"{} x", 0, "header, byte"},
    {"{" T("a", "F32", "[1]", 0, 4) "," T("a", "F32", "[1]", 4, 8) "}", 8, "duplicate"},
    {"{\"a\":1}", 0, "tensor a: dtype is missing"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "tensor a: shape is missing"},
    {"{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype is missing or not a string"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0]}}", 4, "data_offsets is missing or not a pair"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4.0]}}", 4, "data_offsets is missing or not a pair"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4,8]}}", 8, "data_offsets is missing or not a pair"},
    {"{" T("a", "F32", "[]", -4, 0) "}", 0, "data_offsets is missing or not a pair"},
    {"{" T("a", "Q4_K", "[4]", 0, 4) "}", 4, "unknown dtype Q4_K"},
    {"{" T("a", "f32", "[1]", 0, 4) "}", 4, "unknown dtype f32"},
    {"{" T("a", "F32", "[-1]", 0, 4) "}", 4, "shape is missing or not an array of sizes"},
    {"{" T("a", "F32", "[true]", 0, 4) "}", 4, "shape is missing or not an array of sizes"},
    {"{" T("a", "F32", "4", 0, 4) "}", 4, "shape is missing or not an array of sizes"},
    {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4, "more dimensions than the 8"},
    {"{" T("a", "F32", "[99999999999999999999]", 0, 4) "}", 4, "too big integer"},
    {"{" T("a", "F32", "[4294967296,4294967296]", 0, 4) "}", 4, "does not fit into 64 bits"},
    {"{" T("a", "F32", "[0,4294967296,4294967296]", 0, 0) "}", 0, "does not fit into 64 bits"},
    {"{" T("a", "F32", "[4611686018427387904]", 0, 0) "}", 0, "does not fit into 64 bits"},
    {"{" T("a", "F32", "[288230376151711744]", 0, 4) "}", 4, "reaches beyond the end of its data"},
    {"{" T("a", "F32", "[2]", 0, 4) "}", 4, "reaches beyond the end of its data"},
    {"{" T("a", "F32", "[1]", 0, 8) "}", 8, "has 8 bytes, but its shape and dtype F32 call for 4"},
    {"{" T("a", "F32", "[1]", 4, 0) "}", 4, "end before they start"},
    {"{" T("a", "F32", "[2]", 0, 8) "}", 4, "ends at byte 8 of the data, but the file has only 4"},
    {"{" T("a", "F32", "[1]", 9223372036854775803, 9223372036854775807) "}", 4, "but the file has only 4"},
    {"{" T("a", "F32", "[1]", 0, 4) "," T("b", "F32", "[1]", 2, 6) "}", 6, "the tensors a and b overlap"},
    {"{" T("a", "F32", "[1]", 0, 4) "," T("b", "F32", "[1]", 0, 4) "}", 4, "the tensors a and b overlap"},
    {"{" T("b", "F32", "[1]", 6, 10) "," T("a", "F32", "[1]", 0, 4) "}", 10, "2 bytes before tensor b belong to no"},
    {"{" T("a", "F32", "[1]", 0, 4) "}", 7, "3 bytes at its end belong to no tensor"},
    {"{}", 1, "1 bytes at its end belong to no tensor"},
    {"{\"__metadata__\":[]}", 0, "is not an object of strings"},
    {"{\"__metadata__\":{\"epoch\":3}}", 0, "__metadata__.epoch of the header is not a string"},
    {"{\"a\\u0000b\":{}}", 0, "header, byte"},
    {"{\"\xff\":{}}", 0, "header, byte"},
};

static void test_damaged_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (refused[i].header[0])
            put_parts(strlen(refused[i].header), refused[i].header, NULL, (size_t)refused[i].bytes);
        else
            put(path, "x", 1);
        assert_refused(refused[i].message);
    }
}

static void test_damaged_lengths(void **state)
{
    (void)state;
    put_parts(3, "{}", NULL, 0);
    assert_refused("a header of 3 bytes is declared, but the file has only 10: is it cut short?");
    put_parts(0, "{}", NULL, 0);
    assert_refused("does not start with {");
    put_parts(100000001, "{}", NULL, 0);
    assert_refused("100000001 bytes is declared, more than the 100000000 that .safetensors allows");
    put_parts(UINT64_MAX, "{}", NULL, 0);
    assert_refused("18446744073709551615 bytes is declared");
    put_parts((uint64_t)1 << 63, "{}", NULL, 0);
    assert_refused("9223372036854775808 bytes is declared");
    put_parts(100000000, "{}", NULL, 0);
    assert_refused("is it cut short?");
}

/* Deeply nested JSON must not overrun the stack. */
static void test_deep_header(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    char *header = malloc(DEEP + 6);
    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', DEEP);
    header[DEEP + 5] = 0;
    put_parts(DEEP + 5, header, NULL, 0);
    assert_refused("maximum parsing depth reached");
    free(header);
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    static const char header[] = "{" T("a", "F32", "[3]", 0, 12) "," T("b", "F16", "[2]", 12, 16) "}";
    char whole[8 + sizeof header - 1 + 16] = {(char)(sizeof header - 1)};
    memcpy(whole + 8, header, sizeof header - 1);
    for (size_t bytes = 0; bytes < sizeof whole; bytes++) {
        put(path, whole, bytes);
        assert_refused("");
    }
    tec_tensor_file *file;
    put(path, whole, sizeof whole);
    assert_int_equal(tec_tensor_file_open(&file, path), TEC_OK);

    /* Cut while it is open. */
    real value[3];
    assert_int_equal(tec_tensor_file_read(file, 0, value), TEC_OK);
    assert_int_equal(truncate(path, (off_t)sizeof whole - 10), 0);
    assert_int_equal(tec_tensor_file_read(file, 0, value), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "ends at byte"));
    tec_tensor_file_close(file);
}

/* -- writing -- */

static void make_tensors(tec_tensor_out tensor[4], real *value)
{
    tec_philox random = tec_philox_start(3, TEC_STREAM_TEST, 0, 0, 0);
    for (int i = 0; i < 1000; i++)
        value[i] = (real)(float)tec_philox_normal(&random);
    value[5] = (real)NAN;
    value[6] = (real)-0.0;
    tensor[0] = (tec_tensor_out){.name = "z.weight", .dims = 3, .dim = {5, 10, 4}, .value = value};
    tensor[1] = (tec_tensor_out){.name = "scalar", .value = value + 200};
    tensor[2] = (tec_tensor_out){.name = "none \"quoted\"", .dims = 2, .dim = {0, 4}, .value = value};
    tensor[3] = (tec_tensor_out){.name = "a.bias", .dims = 1, .dim = {799}, .value = value + 201};
}

static void test_write_and_read(void **state)
{
    (void)state;
    static const char *const metadata[] = {"format", "pt", "tec", "line\n\"two\"", NULL};
    real value[1000], got[1000];
    tec_tensor_out tensor[4];
    tec_tensor_file *file;
    make_tensors(tensor, value);
    assert_int_equal(tec_safetensors_write(path, tensor, 4, metadata), TEC_OK);
    assert_int_equal(tec_tensor_file_open(&file, path), TEC_OK);
    assert_int_equal(tec_tensor_file_count(file), 4);
    for (int i = 0; i < 4; i++) {
        const tec_tensor *is = tec_tensor_file_get(file, i);
        assert_string_equal(is->name, tensor[i].name);
        assert_string_equal(is->type_name, "float32");
        assert_int_equal(is->dims, tensor[i].dims);
        for (int d = 0; d < is->dims; d++)
            assert_int_equal(is->dim[d], tensor[i].dim[d]);
        assert_int_equal(tec_tensor_file_read(file, i, got), TEC_OK);
        assert_memory_equal(got, tensor[i].value, (size_t)is->count * sizeof *got);
    }
    assert_int_equal(tec_tensor_file_notes(file), 2);
    assert_string_equal(tec_tensor_file_note(file, 1)->text, metadata[3]);
    tec_tensor_file_close(file);
}

/* The bytes themselves: the data begins at a multiple of 8, the order is the given one. */
static void test_written_bytes(void **state)
{
    (void)state;
    static const char header[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]}}";
    const size_t filled = (sizeof header - 1 + 7) / 8 * 8;
    const real value[] = {1, (real)-2.5};
    const tec_tensor_out tensor[] = {{.name = "b", .dims = 1, .dim = {1}, .value = value},
                                     {.name = "a", .value = value + 1}};
    char *data;
    size_t bytes;
    assert_int_not_equal(filled, sizeof header - 1);
    assert_int_equal(tec_safetensors_write(path, tensor, 2, NULL), TEC_OK);
    assert_int_equal(tec_file_read(path, 1000, &data, &bytes), TEC_OK);
    assert_int_equal(bytes, 8 + filled + 8);
    assert_int_equal((unsigned char)data[0], filled);
    assert_memory_equal(data + 1, "\0\0\0\0\0\0\0", 7);
    assert_memory_equal(data + 8, header, sizeof header - 1);
    for (size_t i = 8 + sizeof header - 1; i < 8 + filled; i++)
        assert_int_equal(data[i], ' ');
    assert_memory_equal(data + 8 + filled, "\0\0\x80\x3f\0\0\x20\xc0", 8);
    free(data);
}

static int files_in_dir(void)
{
    DIR *list = opendir(dir);
    int count = 0;
    while (readdir(list))
        count++;
    closedir(list);
    return count - 2;
}

static void test_write_failures(void **state)
{
    (void)state;
    const real value[2000] = {0};
    tec_tensor_out tensor[] = {{.name = "a", .dims = 1, .dim = {2000}, .value = value}, {.name = "a", .value = value}};
    assert_int_equal(tec_safetensors_write(path, tensor, 2, NULL), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "two tensors a"));
    tensor[1].name = "\xff";
    assert_int_equal(tec_safetensors_write(path, tensor, 2, NULL), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "not UTF-8"));
    assert_int_equal(tec_safetensors_write(path, tensor, 1, (const char *const[]){"k", "\xff", NULL}), TEC_USER_ERROR);

    /* A disk that is full: what was there stays, nothing is left behind. */
    put(path, "old", 3);
    limit_files(4000);
    tec_status status = tec_safetensors_write(path, tensor, 1, NULL);
    limit_files(RLIM_INFINITY);
    assert_int_equal(status, TEC_SYSTEM_ERROR);
    char *data;
    size_t bytes;
    assert_int_equal(tec_file_read(path, 10, &data, &bytes), TEC_OK);
    assert_string_equal(data, "old");
    free(data);
    assert_int_equal(files_in_dir(), 1);
}

/* -- what fuzzing came upon -- */

static void read_all(const char *name)
{
    tec_tensor_file *file;
    if (tec_tensor_file_open(&file, name) != TEC_OK) {
        assert_non_null(strstr(tec_error_message(), name));
        return;
    }
    for (int i = 0; i < tec_tensor_file_count(file); i++) {
        const tec_tensor *tensor = tec_tensor_file_get(file, i);
        assert_int_equal(tec_tensor_file_find(file, tensor->name), i);
        real *value = tec_allocate((size_t)tensor->count * sizeof *value);
        assert_int_equal(tec_tensor_file_read(file, i, value), tensor->is_float ? TEC_OK : TEC_USER_ERROR);
        free(value);
    }
    tec_tensor_file_close(file);
}

static void test_corpus(void **state)
{
    (void)state;
    static const char corpus[] = "tests/fuzz/corpus-safetensors";
    DIR *list = opendir(corpus);
    int count = 0;
    assert_non_null(list);
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_name[0] == '.')
            continue;
        char *name = tec_path_join(corpus, entry->d_name);
        read_all(name);
        free(name);
        count++;
    }
    closedir(list);
    assert_in_range(count, 5, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),          cmocka_unit_test(test_damaged_headers),
        cmocka_unit_test(test_damaged_lengths), cmocka_unit_test(test_deep_header),
        cmocka_unit_test(test_cut_anywhere),    cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_written_bytes),   cmocka_unit_test(test_write_failures),
        cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
