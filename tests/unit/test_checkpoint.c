/* Checkpoints: written and read again; what other files hold is refused; a failed write leaves the old one. */
#include "file_limit.h"
#include "folder.h"

#include "tec/checkpoint.h"
#include "tec/files.h"
#include "tec/h5.h"
#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What HDF5 itself forgets when it cannot open or close a damaged file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

static char dir[2048], path[2100];
static tec_params params;
static tec_model_config config;
static real *moment[2];

static const tec_run_state run = {.step = 12345678901,
                                  .epoch = 7,
                                  .epoch_step = 89,
                                  .seconds = 1.0 / 3,
                                  .ranks = 5,
                                  .threads = 3,
                                  .batch = 256,
                                  .dataset = 0xfedcba9876543210u,
                                  .seed = UINT64_MAX,
                                  .loss_sum = {0.1, 1e300},
                                  .images = 1LL << 40,
                                  .base = 0x123456789abcdef0u,
                                  .store = UINT64_MAX - 1,
                                  .finish_from = 12345678000,
                                  .finish_steps = 9876,
                                  .finish_lr = 1.0 / 7,
                                  .unclipped = 1e4 / 3};

static void fill(real *value, size_t count, uint64_t what)
{
    tec_philox random = tec_philox_start(11, TEC_STREAM_TEST, what, 0, 0);
    for (size_t i = 0; i < count; i++)
        value[i] = (real)tec_philox_normal(&random);
}

static void register_tensors(tec_params *p)
{
    *p = (tec_params){0};
    tec_params_add(p, TEC_INIT_TOKEN, (int[4]){1, 1, 12}, "cls_token");
    tec_params_add(p, TEC_INIT_FIXED, (int[4]){1, 17, 12}, "pos_embed");
    tec_params_add(p, TEC_INIT_XAVIER, (int[4]){12, 3, 4, 4}, "patch_embed.proj.weight");
    tec_params_add(p, TEC_INIT_ZERO, (int[4]){12}, "blocks.%d.norm1.bias", 0);
    tec_params_allocate(p, true);
}

static int make_all(void **state)
{
    (void)state;
    if (!folder_make(dir, sizeof dir))
        return -1;
    snprintf(path, sizeof path, "%s/model.h5", dir);
    register_tensors(&params);
    fill(params.weight, params.total, 1);
    config = (tec_model_config){TEC_MODEL_TEC, {16, 16}, 4,  3, 12,    1,   3,    4.5, 8,  1, 2,
                                false,         1,        24, 6, {{0}}, 1.8, true, 0,   {0}};
    for (int i = 0; i < 2; i++) {
        moment[i] = tec_allocate_zeroed(params.trained, sizeof(real));
        fill(moment[i], params.trained, 2 + (uint64_t)i);
    }
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    tec_params_free(&params);
    free(moment[0]);
    free(moment[1]);
    return folder_remove(dir);
}

static tec_status write_run(void)
{
    return tec_checkpoint_write(path, &config, &params, &(tec_checkpoint_run){moment[0], moment[1], NULL, &run},
                                &(tec_checkpoint_texts){.settings = "run:\n  seed: 1\n"}, NULL, NULL);
}

static void assert_same_tensors(const real *got, const real *want, bool all)
{
    for (int i = 0; i < params.count; i++)
        if (all || params.param[i].trained)
            assert_memory_equal(got + params.param[i].offset, want + params.param[i].offset,
                                params.param[i].count * sizeof(real));
}

static void assert_user_error(tec_status status, const char *part)
{
    assert_int_equal(status, TEC_USER_ERROR);
    if (!strstr(tec_error_message(), part))
        fail_msg("`%s` is not in the message: %s", part, tec_error_message());
    assert_non_null(strstr(tec_error_message(), path));
}

/* Reads all that the file holds; the first failure. */
static tec_status read_all(void)
{
    tec_params other;
    tec_model_config got;
    tec_run_state state;
    register_tensors(&other);
    real *m = tec_allocate_zeroed(2 * params.trained, sizeof(real));
    tec_status status = tec_checkpoint_read_config(path, &got);
    if (status == TEC_OK)
        status = tec_checkpoint_read_weights(path, &other);
    if (status == TEC_OK)
        status = tec_checkpoint_read_run(path, &other, m, m + params.trained, NULL, &state);
    free(m);
    tec_params_free(&other);
    return status;
}

static void test_round_trip(void **state)
{
    (void)state;
    tec_params other;
    tec_model_config got;
    tec_run_state state_got;
    register_tensors(&other);
    real *m = tec_allocate(params.trained * sizeof(real)), *v = tec_allocate(params.trained * sizeof(real));
    assert_int_equal(write_run(), TEC_OK);
    assert_int_equal(tec_checkpoint_read_config(path, &got), TEC_OK);
    assert_memory_equal(&got, &config, sizeof got);
    assert_int_equal(tec_checkpoint_read_weights(path, &other), TEC_OK);
    assert_same_tensors(other.weight, params.weight, true);
    assert_int_equal(tec_checkpoint_read_run(path, &other, m, v, NULL, &state_got), TEC_OK);
    assert_same_tensors(m, moment[0], false);
    assert_same_tensors(v, moment[1], false);
    assert_memory_equal(&state_got, &run, sizeof run);
    assert_true(tec_params_hash(&other) == tec_params_hash(&params));
    free(m);
    free(v);
    tec_params_free(&other);
}

static int version_of(const char *file)
{
    hid_t id;
    int version = 0;
    assert_int_equal(tec_h5_open(file, &id), TEC_OK);
    assert_int_equal(tec_h5_get_numbers(id, file, "version", H5T_NATIVE_INT, 1, &version), TEC_OK);
    H5Fclose(id);
    return version;
}

/* A version of its own, with the further base models and the sums of their losses. */
static void test_several_bases(void **state)
{
    (void)state;
    tec_params other;
    tec_model_config several = config, config_got;
    tec_run_state with = run, state_got;
    register_tensors(&other);
    real *m = tec_allocate(params.trained * sizeof(real)), *v = tec_allocate(params.trained * sizeof(real));
    several.more_base[0] = (tec_base_shape){30, 5};
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        with.loss_sum[i] = i + 0.5;
    const tec_checkpoint_run all = {moment[0], moment[1], NULL, &with};
    assert_int_equal(tec_checkpoint_write(path, &several, &params, &all, NULL, NULL, NULL), TEC_OK);
    assert_int_equal(version_of(path), 3);
    assert_int_equal(tec_checkpoint_read_config(path, &config_got), TEC_OK);
    assert_memory_equal(&config_got, &several, sizeof several);
    assert_int_equal(tec_checkpoint_read_run(path, &other, m, v, NULL, &state_got), TEC_OK);
    assert_memory_equal(&state_got, &with, sizeof with);
    several.more_base[0].heads = 4; /* does not divide the width */
    assert_int_equal(tec_checkpoint_write(path, &several, &params, &all, NULL, NULL, NULL), TEC_OK);
    assert_int_equal(tec_checkpoint_read_config(path, &config_got), TEC_USER_ERROR);
    free(m);
    free(v);
    tec_params_free(&other);
}

/* With a running mean of the weights that is what whoever reads the model gets; the run gets both. */
static void test_averaged(void **state)
{
    (void)state;
    tec_params other;
    tec_run_state state_got;
    register_tensors(&other);
    real *m = tec_allocate(params.trained * sizeof(real)), *v = tec_allocate(params.trained * sizeof(real));
    real *average = tec_allocate(params.total * sizeof(real)), *got = tec_allocate(params.total * sizeof(real));
    for (size_t i = 0; i < params.total; i++)
        average[i] = i < params.trained ? params.weight[i] + 1 : params.weight[i];
    for (int averaged = 0; averaged < 2; averaged++) {
        const tec_checkpoint_run all = {moment[0], moment[1], averaged ? average : NULL, &run};
        assert_int_equal(tec_checkpoint_write(path, &config, &params, &all, NULL, NULL, NULL), TEC_OK);
        assert_int_equal(tec_checkpoint_read_weights(path, &other), TEC_OK);
        assert_same_tensors(other.weight, averaged ? average : params.weight, true);
        assert_int_equal(tec_checkpoint_read_run(path, &other, m, v, got, &state_got), TEC_OK);
        assert_same_tensors(other.weight, params.weight, true);
        assert_same_tensors(got, averaged ? average : params.weight, true);
        assert_same_tensors(v, moment[1], false);
        assert_int_equal(tec_checkpoint_read_run(path, &other, m, v, NULL, &state_got), TEC_OK);
        assert_same_tensors(other.weight, params.weight, true);
        assert_int_equal(version_of(path), 1 + averaged); /* a program that does not know of it refuses the file */
    }
    free(got);
    free(average);
    free(m);
    free(v);
    tec_params_free(&other);
}

static void test_other_kinds(void **state)
{
    (void)state;
    tec_model_config got;
    tec_model_config mae = {.kind = TEC_MODEL_MAE,
                            .image_size = {16, 16},
                            .patch = 4,
                            .channels = 3,
                            .width = 12,
                            .depth = 1,
                            .heads = 3,
                            .mlp_ratio = 4,
                            .decoder_width = 8,
                            .decoder_depth = 1,
                            .decoder_heads = 2,
                            .norm_pix = true};
    tec_model_config vit = {.kind = TEC_MODEL_VIT,
                            .image_size = {16, 16},
                            .patch = 4,
                            .channels = 3,
                            .width = 12,
                            .depth = 1,
                            .heads = 3,
                            .mlp_ratio = 4};
    const tec_model_config *each[] = {&mae, &vit};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tec_checkpoint_write(path, each[i], &params, NULL, NULL, NULL, NULL), TEC_OK);
        assert_int_equal(tec_checkpoint_read_config(path, &got), TEC_OK);
        assert_memory_equal(&got, each[i], sizeof got);
    }
    assert_user_error(tec_checkpoint_read_run(path, &params, moment[0], moment[1], NULL, &(tec_run_state){0}),
                      "holds weights only");
}

static void test_previous_is_kept(void **state)
{
    (void)state;
    char *previous = tec_checkpoint_previous(path), *plain = tec_checkpoint_previous("a.b/c");
    assert_non_null(strstr(previous, "/model_prev.h5"));
    assert_string_equal(plain, "a.b/c_prev");
    real first = params.weight[0], second = first + 1;
    assert_int_equal(write_run(), TEC_OK);
    assert_false(tec_file_exists(previous));
    params.weight[0] = second;
    assert_int_equal(write_run(), TEC_OK);
    params.weight[0] = 0;
    assert_int_equal(tec_checkpoint_read_weights(path, &params), TEC_OK);
    assert_true(params.weight[0] == second);
    assert_int_equal(tec_checkpoint_read_weights(previous, &params), TEC_OK);
    assert_true(params.weight[0] == first);
    assert_int_equal(write_run(), TEC_OK); /* a third one replaces the first */
    assert_int_equal(tec_checkpoint_read_weights(previous, &params), TEC_OK);
    assert_true(params.weight[0] == second);
    free(previous);
    free(plain);
}

static void flip_byte(long at)
{
    FILE *file = fopen(path, "r+b");
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

static long place_of(const char *name)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), dataset = H5Dopen2(file, name, H5P_DEFAULT);
    long place = (long)H5Dget_offset(dataset);
    H5Dclose(dataset);
    H5Fclose(file);
    return place;
}

static void test_damage_is_found(void **state)
{
    (void)state;
    static const char *const name[] = {"weights/patch_embed.proj.weight", "optimizer/m/cls_token",
                                       "optimizer/v/blocks.0.norm1.bias"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write_run(), TEC_OK);
        assert_int_equal(read_all(), TEC_OK);
        flip_byte(place_of(name[i]) + 17);
        assert_user_error(read_all(), name[i]);
        assert_non_null(strstr(tec_error_message(), "checksum"));
    }
}

static void test_truncated_at_any_place(void **state)
{
    (void)state;
    assert_int_equal(write_run(), TEC_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    for (long bytes = info.st_size - 1; bytes >= 0; bytes -= 997) {
        assert_int_equal(truncate(path, bytes), 0);
        assert_int_equal(read_all(), TEC_USER_ERROR);
        assert_non_null(strstr(tec_error_message(), path));
    }
}

/* Whatever byte of the tables is damaged: an error or the right result, no crash. */
static void test_damaged_tables_do_no_harm(void **state)
{
    (void)state;
    assert_int_equal(write_run(), TEC_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    for (long at = 0; at < info.st_size; at += 131) {
        flip_byte(at);
        read_all();
        flip_byte(at);
    }
    assert_int_equal(read_all(), TEC_OK);
}

static void test_values_that_are_not_finite(void **state)
{
    (void)state;
    params.weight[params.param[2].offset + 5] = (real)NAN;
    assert_int_equal(write_run(), TEC_OK);
    assert_user_error(read_all(), "patch_embed.proj.weight holds a value that is not finite (nan at element 5)");
    params.weight[params.param[2].offset + 5] = (real)-INFINITY;
    assert_int_equal(write_run(), TEC_OK);
    assert_user_error(read_all(), "(-inf at element 5)");
}

static void test_tensors_that_do_not_fit(void **state)
{
    (void)state;
    tec_params other = {0};
    assert_int_equal(write_run(), TEC_OK);
    tec_params_add(&other, TEC_INIT_ZERO, (int[4]){12, 3, 2, 8}, "patch_embed.proj.weight");
    tec_params_allocate(&other, false);
    assert_user_error(tec_checkpoint_read_weights(path, &other),
                      "weights/patch_embed.proj.weight has the shape [12, 3, 4, 4] instead of [12, 3, 2, 8]");
    tec_params_free(&other);
    tec_params_add(&other, TEC_INIT_ZERO, (int[4]){12}, "norm.weight");
    tec_params_allocate(&other, false);
    assert_user_error(tec_checkpoint_read_weights(path, &other), "weights/norm.weight is missing");
    tec_params_free(&other);
}

static void test_files_of_another_kind(void **state)
{
    (void)state;
    assert_user_error(read_all(), "No such file");
    assert_int_equal(tec_file_write(path, "no HDF5 at all", 14), TEC_OK);
    assert_user_error(read_all(), "is not an HDF5 file");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_user_error(read_all(), "is not a model file of tec");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_user_error(read_all(), "is not a file");
    assert_int_equal(rmdir(path), 0);
}

static void test_promises_larger_than_the_file(void **state)
{
    (void)state;
    config.width = 12000;
    config.depth = 1000;
    assert_int_equal(write_run(), TEC_OK);
    assert_user_error(tec_checkpoint_read_config(path, &config), "too few for the");
    config.width = 1 << 20;
    assert_int_equal(write_run(), TEC_OK);
    assert_user_error(tec_checkpoint_read_config(path, &config), "out of range");
}

/* Numbers as other programs write them. */
static void test_numbers_of_any_type(void **state)
{
    (void)state;
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    hid_t truth = H5Tenum_create(H5T_NATIVE_INT8);
    int8_t yes = 1, no = 0;
    H5Tenum_insert(truth, "FALSE", &no);
    H5Tenum_insert(truth, "TRUE", &yes);
    const struct {
        const char *name;
        hid_t type;
        const void *value;
        int want; /* -1: refused */
    } each[] = {
        {"bool", truth, &yes, 1},
        {"byte", H5T_NATIVE_UINT8, &(uint8_t){200}, 200},
        {"long", H5T_NATIVE_INT64, &(int64_t){7}, 7},
        {"float", H5T_NATIVE_FLOAT, &(float){3}, 3},
        {"fraction", H5T_NATIVE_DOUBLE, &(double){3.5}, -1},
        {"large", H5T_NATIVE_INT64, &(int64_t){1LL << 40}, -1},
        {"nan", H5T_NATIVE_DOUBLE, &(double){NAN}, -1},
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        hid_t attribute = H5Acreate2(file, each[i].name, each[i].type, space, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Awrite(attribute, each[i].type, each[i].value) >= 0);
        H5Aclose(attribute);
        int got = -2;
        tec_status status = tec_h5_get_numbers(file, path, each[i].name, H5T_NATIVE_INT, 1, &got);
        assert_int_equal(status, each[i].want < 0 ? TEC_USER_ERROR : TEC_OK);
        if (each[i].want >= 0)
            assert_int_equal(got, each[i].want);
    }
    double number;
    assert_int_equal(tec_h5_get_numbers(file, path, "long", H5T_NATIVE_DOUBLE, 1, &number), TEC_OK);
    assert_true(number == 7);
    assert_user_error(tec_h5_get_numbers(file, path, "long", H5T_NATIVE_DOUBLE, 2, &number),
                      "holds 1 values instead of 2");
    assert_user_error(tec_h5_get_numbers(file, path, "none", H5T_NATIVE_DOUBLE, 1, &number),
                      "attribute none is missing");
    H5Tclose(truth);
    H5Sclose(space);
    H5Fclose(file);
}

/* Wherever the disk fills up. */
static void test_full_disk_keeps_the_old_one(void **state)
{
    (void)state;
    assert_int_equal(write_run(), TEC_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    for (long limit = 0; limit < info.st_size; limit += 1499) {
        limit_files((rlim_t)limit);
        tec_status status = write_run();
        limit_files(RLIM_INFINITY);
        assert_int_equal(status, TEC_SYSTEM_ERROR);
    }
    char *temporary = tec_string_format("%s.tmp", path);
    assert_false(tec_file_exists(temporary));
    assert_int_equal(read_all(), TEC_OK);
    free(temporary);
}

/* A real one, where this may be had. */
static void test_full_file_system(void **state)
{
    (void)state;
    for (int pages = 1; pages < 4; pages++) {
        char options[32];
        snprintf(options, sizeof options, "size=%dk", 4 * pages);
        if (mount("none", dir, "tmpfs", 0, options) != 0)
            skip();
        tec_status status = write_run();
        bool left = tec_file_exists(path);
        umount(dir);
        assert_int_equal(status, TEC_SYSTEM_ERROR);
        assert_non_null(strstr(tec_error_message(), "No space left on device"));
        assert_false(left);
    }
}

static void test_unwritable_directory(void **state)
{
    (void)state;
    assert_int_equal(tec_checkpoint_write("/nowhere/model.h5", &config, &params, NULL, NULL, NULL, NULL),
                     TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "/nowhere/model.h5: cannot be created: No such file"));
}

static void test_hash_sees_every_change(void **state)
{
    (void)state;
    uint64_t hash = tec_params_hash(&params);
    real *weight = &params.weight[params.param[1].offset], kept = *weight;
    *weight += 1;
    assert_true(tec_params_hash(&params) != hash);
    *weight = kept;
    assert_true(tec_params_hash(&params) == hash);
    params.param[0].name[0] = 'x';
    assert_true(tec_params_hash(&params) != hash);
    params.param[0].name[0] = 'c';
    assert_true(tec_params_hash(&params) == hash);
    params.param[2].dim[2] = 2;
    params.param[2].dim[3] = 8;
    assert_true(tec_params_hash(&params) != hash);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_all, remove_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_averaged),
        TEST(test_several_bases),
        TEST(test_other_kinds),
        TEST(test_previous_is_kept),
        TEST(test_damage_is_found),
        TEST(test_truncated_at_any_place),
        TEST(test_damaged_tables_do_no_harm),
        TEST(test_values_that_are_not_finite),
        TEST(test_tensors_that_do_not_fit),
        TEST(test_files_of_another_kind),
        TEST(test_promises_larger_than_the_file),
        TEST(test_numbers_of_any_type),
        TEST(test_full_disk_keeps_the_old_one),
        TEST(test_full_file_system),
        TEST(test_unwritable_directory),
        TEST(test_hash_sees_every_change),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
