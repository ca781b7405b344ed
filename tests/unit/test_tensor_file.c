/* What all formats share: telling the format, the list, strides, conversion; shards and our own HDF5 files. */
#include "folder.h"

#include "src/formats/tensor_source.h"
#include "tec/checkpoint.h"
#include "tec/files.h"
#include "tec/fixture.h"
#include "tec/h5.h"
#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/tensor_write.h"
#include "tec/text.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What HDF5 itself forgets when it cannot open a damaged file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

static char dir[2048], path[2200];

static int make_dir(void **state)
{
    (void)state;
    return !folder_make(dir, sizeof dir);
}

static int remove_dir(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static const char *in_dir(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *data, size_t bytes)
{
    FILE *file = fopen(in_dir(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void assert_refused(const char *name, const char *part)
{
    tec_tensor_file *file = (tec_tensor_file *)dir;
    tec_status status = tec_tensor_file_open(&file, in_dir(name));
    if (status != TEC_USER_ERROR || !strstr(tec_error_message(), part) || !strstr(tec_error_message(), dir))
        fail_msg("wanted \"%s\", status %d: \"%s\"", part, status, tec_error_message());
    assert_null(file);
}

static tec_tensor_file *open_file(const char *name)
{
    tec_tensor_file *file;
    if (tec_tensor_file_open(&file, in_dir(name)) != TEC_OK)
        fail_msg("%s", tec_error_message());
    return file;
}

/* -- telling the format -- */

static void test_other_files(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t bytes;
        const char *message;
    } other[] = {
        {"", 0, "is empty"},
        {"x", 1, "not a model file of a known format"},
        {"model: vit\n", 11, "not a model file of a known format"},
        {"version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull"},
        {"<!DOCTYPE html>", 15, "a web page"},
        {"\x1f\x8b\x08", 3, "gzip: unpack it first"},
        {"GGUF\3\0\0\0", 8, "a GGUF file"},
        {"\x93NUMPY\1\0", 8, "a NumPy array"},
        {"\x89PNG\r\n\x1a\n", 8, "an image"},
        {"{}", 2, "not an index of a model's shards"},
        {" \n{\"weight_map\": 3}", 19, "not an index of a model's shards"},
        {"{\"weight_map\"", 13, "other:1:13"},
        {"\x89HDF\r\n\x1a\n", 8, "other"},
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        put("other", other[i].data, other[i].bytes);
        assert_refused("other", other[i].message);
    }
    put("other.safetensors", "x", 1);
    assert_refused("other.safetensors", "too few for a .safetensors file");
    char tar[512] = "name";
    memcpy(tar + 257, "ustar", 5);
    put("tar", tar, sizeof tar);
    assert_refused("tar", "tar archive");
    assert_refused("absent", "No such file");
    assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
    assert_refused("pipe", "is not a file");
}

/* -- list, strides, conversion -- */

static const float numbers[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static tec_status read_memory(tec_tensor_file *file, const tensor_entry *entry, void *out, size_t bytes)
{
    (void)file;
    assert_true(entry->offset >= 0 && (size_t)entry->offset + bytes <= sizeof numbers);
    memcpy(out, (const char *)numbers + entry->offset, bytes);
    return TEC_OK;
}

static const tensor_format memory = {.name = "memory", .read = read_memory};

static tec_tensor_file *make_file(void)
{
    tec_tensor_file *file = tec_allocate_zeroed(1, sizeof *file);
    file->path = tec_string_format("memory");
    file->fd = -1;
    file->bytes = sizeof numbers;
    file->format = &memory;
    return file;
}

static tec_status add(tec_tensor_file *file, const char *name, int first, int dims, const int64_t *dim,
                      const int64_t *stride)
{
    return tec_tensor_file_add(file, name,
                               &(tensor_place){.type = TENSOR_F32,
                                               .dims = dims,
                                               .dim = dim,
                                               .stride = stride,
                                               .offset = 4 * first,
                                               .room = (int64_t)sizeof numbers - 4 * first});
}

static void test_strides(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int first, dims;
        int64_t dim[3], stride[3];
        int count;
        real value[12];
    } view[] = {
        {"whole", 0, 2, {3, 4}, {4, 1}, 12, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
        {"transposed", 0, 2, {4, 3}, {1, 4}, 12, {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},
        {"column", 2, 1, {3}, {4}, 3, {2, 6, 10}},
        {"expanded", 1, 2, {2, 3}, {0, 1}, 6, {1, 2, 3, 1, 2, 3}},
        {"odd strides of ones", 3, 3, {1, 2, 1}, {99, 1, 77}, 2, {3, 4}},
        {"scalar", 11, 0, {0}, {0}, 1, {11}},
        {"empty", 0, 2, {0, 4}, {4, 1}, 0, {0}},
        {"box", 1, 3, {2, 2, 2}, {6, 1, 2}, 8, {1, 3, 2, 4, 7, 9, 8, 10}},
    };
    tec_tensor_file *file = make_file();
    for (size_t i = 0; i < sizeof view / sizeof *view; i++)
        assert_int_equal(add(file, view[i].name, view[i].first, view[i].dims, view[i].dim, view[i].stride), TEC_OK);
    tec_tensor_file_sort(file);
    for (size_t i = 0; i < sizeof view / sizeof *view; i++) {
        real got[12];
        int index = tec_tensor_file_find(file, view[i].name);
        assert_int_equal(index, i);
        assert_int_equal(tec_tensor_file_get(file, index)->count, view[i].count);
        assert_int_equal(tec_tensor_file_read(file, index, got), TEC_OK);
        assert_memory_equal(got, view[i].value, (size_t)view[i].count * sizeof *got);
    }
    tec_tensor_file_close(file);
}

static void assert_not_added(const int64_t *dim, const int64_t *stride, const char *part)
{
    tec_tensor_file *file = make_file();
    assert_int_equal(add(file, "bad", 0, 2, dim, stride), TEC_USER_ERROR);
    if (!strstr(tec_error_message(), part) || !strstr(tec_error_message(), "memory: tensor bad"))
        fail_msg("wanted \"%s\": \"%s\"", part, tec_error_message());
    assert_int_equal(tec_tensor_file_count(file), 0);
    tec_tensor_file_close(file);
}

#define DIM(...) ((const int64_t[]){__VA_ARGS__})

static void test_refused_shapes(void **state)
{
    (void)state;
    assert_not_added(DIM(-1, 2), NULL, "negative size");
    assert_not_added(DIM(2, 2), DIM(2, -1), "negative size or stride");
    assert_not_added(DIM(INT64_MAX, 2), NULL, "does not fit into 64 bits");
    assert_not_added(DIM(INT64_MAX, INT64_MAX), DIM(0, 0), "does not fit into 64 bits");
    assert_not_added(DIM(3, 2), DIM(INT64_MAX, 1), "does not fit into 64 bits");
    assert_not_added(DIM(INT64_MAX / 8, 1), DIM(1, 1), "does not fit into 64 bits");
    assert_not_added(DIM(13, 1), NULL, "beyond the end of its data");
    assert_not_added(DIM(2, 2), DIM(11, 1), "beyond the end of its data");
    assert_not_added(DIM(1LL << 40, 2), DIM(0, 1), "far more elements than the file has bytes");
}

static void test_equal_names(void **state)
{
    (void)state;
    static const char *const given[] = {"b", "a", "b", "b!", "b"}, *const want[] = {"b", "a", "b#2", "b!", "b#3"};
    tec_tensor_file *file = make_file();
    for (int i = 0; i < 5; i++)
        assert_int_equal(add(file, given[i], i, 0, NULL, NULL), TEC_OK);
    tec_tensor_file_sort(file);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(tec_tensor_file_get(file, i)->name, want[i]);
        assert_int_equal(tec_tensor_file_find(file, want[i]), i);
    }
    assert_int_equal(tec_tensor_file_find(file, "a#2"), -1);
    tec_tensor_file_close(file);
}

static void test_types(void **state)
{
    (void)state;
    for (int i = 0; i < TENSOR_TYPES; i++) {
        const tensor_type_about *type = &tec_tensor_types[i];
        assert_int_equal(tec_tensor_type_of_name(type->name), i);
        if (type->safetensors)
            assert_int_equal(tec_tensor_type_of_safetensors(type->safetensors), i);
        if (type->storage)
            assert_int_equal(tec_tensor_type_of_storage(type->storage), i);
    }
    assert_int_equal(tec_tensor_type_of_storage("float32"), TENSOR_TYPES);
}

/* More than one of the chunks that conversion works in, and an odd end. */
static void test_conversion(void **state)
{
    (void)state;
    enum { COUNT = 2500 };
    double wide[COUNT];
    uint16_t upper[COUNT];
    real *got = tec_allocate(COUNT * sizeof *got);
    for (int i = 0; i < COUNT; i++) {
        wide[i] = i / 7.0 - 100;
        upper[i] = (uint16_t)(0x3f80 + i % 128); /* 1 + k / 128 */
    }
    tec_tensor_convert(TENSOR_F64, wide, COUNT, got);
    for (int i = 0; i < COUNT; i++)
        assert_true(got[i] == (real)wide[i]);
    tec_tensor_convert(TENSOR_BF16, upper, COUNT, got);
    for (int i = 0; i < COUNT; i++)
        assert_true(got[i] == (real)(1 + i % 128 / 128.0));
    free(got);
}

/* -- shards -- */

static void put_shard(const char *name, const char *first, const char *second, const real *value)
{
    const tec_tensor_out tensor[] = {{.name = first, .dims = 2, .dim = {2, 3}, .value = value},
                                     {.name = second, .dims = 1, .dim = {2}, .value = value + 6}};
    assert_int_equal(tec_safetensors_write(in_dir(name), tensor, 2, NULL), TEC_OK);
}

static void put_index(const char *map)
{
    char *text = tec_string_format("{\"metadata\": {\"total_size\": 64}, \"weight_map\": {%s}}", map);
    put("m.safetensors.index.json", text, strlen(text));
    free(text);
}

static void test_shards(void **state)
{
    (void)state;
    const real value[16] = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18};
    put_shard("m-1.safetensors", "a", "b", value);
    put_shard("m-2.safetensors", "c", "d", value + 8);
    put_index("\"d\": \"m-2.safetensors\", \"a\": \"m-1.safetensors\", \"b\": \"m-1.safetensors\"");
    tec_tensor_file *file = open_file("m.safetensors.index.json");
    static const char *const names[] = {"d", "a", "b"};
    static const int start[] = {14, 0, 6};
    assert_int_equal(tec_tensor_file_count(file), 3);
    for (int i = 0; i < 3; i++) {
        real got[6];
        const tec_tensor *tensor = tec_tensor_file_get(file, i);
        assert_string_equal(tensor->name, names[i]);
        assert_int_equal(tec_tensor_file_read(file, i, got), TEC_OK);
        assert_memory_equal(got, value + start[i], (size_t)tensor->count * sizeof *got);
    }
    assert_int_equal(tec_tensor_file_notes(file), 2);
    assert_non_null(strstr(tec_tensor_file_note(file, 0)->text, "2 tensors, some of them not in the index"));
    assert_string_equal(tec_tensor_file_note(file, 1)->text, "safetensors, 2 tensors");
    tec_tensor_file_close(file);
}

static void test_refused_shards(void **state)
{
    (void)state;
    const real value[8] = {0};
    const char *index = "m.safetensors.index.json";
    put_shard("m-1.safetensors", "a", "b", value);
    put_index("\"a\": \"m-3.safetensors\"");
    assert_refused(index, "m-3.safetensors cannot be opened: No such file");
    put_index("\"a\": \"m-1.safetensors\", \"x\": \"m-1.safetensors\"");
    assert_refused(index, "tensor x is not in its shard");
    put_index("\"a\": \"../m-1.safetensors\"");
    assert_refused(index, "`../m-1.safetensors` is not the name of a file beside the index");
    put_index("\"a\": \"/etc/passwd\"");
    assert_refused(index, "is not the name of a file beside the index");
    put_index("\"a\": \"..\"");
    assert_refused(index, "is not the name of a file beside the index");
    put_index("\"a\": 3");
    assert_refused(index, "names no file for tensor a");
    put_index("\"a\": \"m-1.safetensors\", \"a\": \"m-1.safetensors\"");
    assert_refused(index, "duplicate");
    put_index("\"a\": \"m.safetensors.index.json\"");
    assert_refused(index, "is JSON, not a file of tensors");
}

static void test_directory(void **state)
{
    (void)state;
    const real value[8] = {1};
    assert_int_equal(mkdir(in_dir("published"), 0700), 0);
    assert_refused("published", "is a directory without model.safetensors");
    put_shard("published/model.safetensors", "a", "b", value);
    tec_tensor_file *file = open_file("published");
    assert_int_equal(tec_tensor_file_count(file), 2);
    assert_string_equal(tec_tensor_file_path(file), in_dir("published/model.safetensors"));

    char raw[16];
    assert_int_equal(tec_tensor_file_bytes(file, raw, 16, file->bytes - 16), TEC_OK);
    assert_int_equal(tec_tensor_file_bytes(file, raw, 16, file->bytes - 15), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "is cut short"));
    assert_int_equal(tec_tensor_file_bytes(file, raw, SIZE_MAX, 1), TEC_USER_ERROR);
    assert_int_equal(tec_tensor_file_bytes(file, raw, 1, -1), TEC_USER_ERROR);
    tec_tensor_file_close(file);
}

/* -- our own -- */

static const char *note(const tec_tensor_file *file, const char *name)
{
    for (int i = 0; i < tec_tensor_file_notes(file); i++)
        if (strcmp(tec_tensor_file_note(file, i)->name, name) == 0)
            return tec_tensor_file_note(file, i)->text;
    fail_msg("there is no note %s", name);
    return NULL;
}

static void register_tensors(tec_params *params)
{
    *params = (tec_params){0};
    tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, 1, 12}, "cls_token");
    tec_params_add(params, TEC_INIT_XAVIER, (int[4]){12, 3, 4, 4}, "patch_embed.proj.weight");
    tec_params_add(params, TEC_INIT_XAVIER, (int[4]){12}, "blocks.10.norm1.bias");
    tec_params_add(params, TEC_INIT_XAVIER, (int[4]){12}, "blocks.2.norm1.bias");
    tec_params_allocate(params, true);
    tec_philox random = tec_philox_start(1, TEC_STREAM_TEST, 0, 0, 0);
    for (size_t i = 0; i < params->total; i++)
        params->weight[i] = (real)tec_philox_normal(&random);
}

static void test_checkpoint(void **state)
{
    (void)state;
    const tec_model_config config = {.kind = TEC_MODEL_MAE,
                                     .image_size = {16, 16},
                                     .patch = 4,
                                     .channels = 3,
                                     .width = 12,
                                     .depth = 1,
                                     .heads = 3,
                                     .mlp_ratio = 4.5,
                                     .decoder_width = 8,
                                     .decoder_depth = 1,
                                     .decoder_heads = 2};
    const tec_run_state run = {.step = 77, .epoch = 3, .dataset = 0xfedcba9876543210u, .loss_sum = {0.5, 2}};
    tec_params params;
    register_tensors(&params);
    assert_int_equal(tec_checkpoint_write(in_dir("model.h5"), &config, &params,
                                          &(tec_checkpoint_run){params.grad, params.grad, NULL, &run},
                                          &(tec_checkpoint_texts){.settings = "a: 1\nb: 2\n"}, NULL, NULL),
                     TEC_OK);
    tec_tensor_file *file = open_file("model.h5");
    assert_string_equal(tec_tensor_file_format(file), "tec checkpoint");
    assert_int_equal(tec_tensor_file_count(file), params.count);
    static const int order[] = {3, 2, 0, 1};
    for (int i = 0; i < params.count; i++) {
        const tec_param *param = &params.param[order[i]];
        real got[1000];
        assert_int_equal(tec_tensor_file_find(file, param->name), i);
        const tec_tensor *tensor = tec_tensor_file_get(file, i);
        assert_string_equal(tensor->type_name, TEC_REAL_IS_DOUBLE ? "float64" : "float32");
        assert_int_equal(tensor->dims, param->dims);
        assert_int_equal(tensor->count, param->count);
        assert_int_equal(tec_tensor_file_read(file, i, got), TEC_OK);
        assert_memory_equal(got, tec_params_weight(&params, order[i]), param->count * sizeof *got);
    }
    assert_string_equal(note(file, "kind"), "mae");
    assert_string_equal(note(file, "config.img"), "16");
    assert_string_equal(note(file, "config.mlp_ratio"), "4.5");
    assert_string_equal(note(file, "run.step"), "77");
    assert_string_equal(note(file, "run.dataset"), "fedcba9876543210");
    assert_string_equal(note(file, "run.loss_sum"), "[0.5, 2]");
    assert_string_equal(note(file, "run.settings"), "text of 10 bytes");
    assert_string_equal(note(file, "optimizer.m"), "4 members");
    assert_non_null(strstr(note(file, "run.software"), "tec "));
    tec_tensor_file_close(file);

    /* A bit of a tensor: its checksum tells. */
    char *data;
    size_t bytes;
    assert_int_equal(tec_file_read(in_dir("model.h5"), 1 << 20, &data, &bytes), TEC_OK);
    char *place = memmem(data, bytes, params.weight + params.param[1].offset, 64);
    assert_non_null(place);
    *place ^= 1;
    put("damaged.h5", data, bytes);
    free(data);
    real got[1000];
    file = open_file("damaged.h5");
    assert_int_equal(tec_tensor_file_read(file, 0, got), TEC_OK);
    assert_int_equal(tec_tensor_file_read(file, 3, got), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "tensor weights/patch_embed.proj.weight has the checksum"));
    tec_tensor_file_close(file);
    tec_params_free(&params);
}

/* An int32 of 65535 bits: HDF5 would write them all over the stack. */
static void test_damaged_type(void **state)
{
    (void)state;
    static const char int32[] = "\x10\x08\0\0\4\0\0\0\0\0\x20";
    tec_model_config config = {.kind = TEC_MODEL_VIT, .mlp_ratio = 4};
    tec_params params;
    char *data;
    size_t bytes;
    register_tensors(&params);
    assert_int_equal(tec_checkpoint_write(in_dir("type.h5"), &config, &params, NULL, NULL, NULL, NULL), TEC_OK);
    tec_params_free(&params);
    assert_int_equal(tec_file_read(path, 1 << 20, &data, &bytes), TEC_OK);
    char *name = memmem(data, bytes, "depth", 6);
    char *type = name ? memmem(name, 64, int32, sizeof int32) : NULL;
    assert_non_null(type);
    memset(type + 10, 0xff, 2);
    put("type.h5", data, bytes);
    free(data);
    assert_int_equal(tec_checkpoint_read_config(in_dir("type.h5"), &config), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "attribute depth is not a number"));
    tec_tensor_file *file = open_file("type.h5");
    assert_string_equal(note(file, "config.depth"), "not read");
    tec_tensor_file_close(file);
}

static void test_fixture(void **state)
{
    (void)state;
    static const char name[] = "tests/fixtures/mae_small.h5";
    tec_tensor_file *file;
    tec_fixture *fixture;
    real *want;
    assert_int_equal(tec_tensor_file_open(&file, name), TEC_OK);
    assert_int_equal(tec_fixture_open(&fixture, name), TEC_OK);
    assert_string_equal(tec_tensor_file_format(file), "tec fixture");
    int index = tec_tensor_file_find(file, "patch_embed.proj.weight");
    assert_true(index >= 0);
    size_t count = (size_t)tec_tensor_file_get(file, index)->count;
    assert_int_equal(tec_fixture_reals(fixture, "weights/patch_embed.proj.weight", count, &want), TEC_OK);
    real *got = tec_allocate(count * sizeof *got);
    assert_int_equal(tec_tensor_file_read(file, index, got), TEC_OK);
    assert_memory_equal(got, want, count * sizeof *got);
    assert_string_equal(note(file, "format"), "tec-fixture");
    assert_non_null(strstr(note(file, "inputs.images"), "float32 ["));
    free(got);
    free(want);
    tec_fixture_close(fixture);
    tec_tensor_file_close(file);
}

/* A model file in HDF5 with tensors of other types than ours has: float16, big-endian, compressed, whole numbers. */
static void test_other_h5_types(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    float *value = tec_allocate_zeroed(COUNT, sizeof *value);
    real *got = tec_allocate(COUNT * sizeof *got);
    tec_params params;
    const tec_model_config config = {.kind = TEC_MODEL_VIT,
                                     .image_size = {16, 16},
                                     .patch = 4,
                                     .channels = 3,
                                     .width = 12,
                                     .depth = 1,
                                     .heads = 3,
                                     .mlp_ratio = 4};
    register_tensors(&params);
    assert_int_equal(tec_checkpoint_write(in_dir("types.h5"), &config, &params, NULL, NULL, NULL, NULL), TEC_OK);
    tec_params_free(&params);
    for (int i = 0; i < COUNT; i++)
        value[i] = (float)(i % 100) / 8;
    hid_t half = tec_h5_half_type(), opened = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT),
          packed = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, (hsize_t[]){COUNT}, NULL);
    const hid_t type[] = {half, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_STD_I16LE};
    static const char *const name[] = {"half", "big", "packed", "whole"}, *const listed[] = {"float16", "float32",
                                                                                             "float64", "int16"};
    H5Pset_chunk(packed, 1, (hsize_t[]){COUNT});
    H5Pset_deflate(packed, 9);
    for (int i = 0; i < 4; i++) {
        char full[40];
        snprintf(full, sizeof full, "weights/%s", name[i]);
        hid_t dataset =
            H5Dcreate2(opened, full, type[i], space, H5P_DEFAULT, i == 2 ? packed : H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
        H5Dclose(dataset);
    }
    H5Sclose(space);
    H5Pclose(packed);
    H5Tclose(half);
    H5Fclose(opened);

    tec_tensor_file *file = open_file("types.h5");
    assert_int_equal(tec_tensor_file_count(file), 8);
    for (int i = 0; i < 4; i++) {
        int index = tec_tensor_file_find(file, name[i]);
        assert_string_equal(tec_tensor_file_get(file, index)->type_name, listed[i]);
        assert_int_equal(tec_tensor_file_read(file, index, got), i == 3 ? TEC_USER_ERROR : TEC_OK);
        for (int k = 0; i < 3 && k < COUNT; k++)
            assert_true(got[k] == (real)value[k]);
    }
    tec_tensor_file_close(file);
    free(got);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_files),    cmocka_unit_test(test_strides),
        cmocka_unit_test(test_refused_shapes), cmocka_unit_test(test_equal_names),
        cmocka_unit_test(test_types),          cmocka_unit_test(test_conversion),
        cmocka_unit_test(test_shards),         cmocka_unit_test(test_refused_shards),
        cmocka_unit_test(test_directory),      cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_fixture),        cmocka_unit_test(test_damaged_type),
        cmocka_unit_test(test_other_h5_types),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
