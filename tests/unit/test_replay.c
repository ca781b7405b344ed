/* Golden fixtures replayed, and copies of them with one thing altered: the figure that it touches must show it, or the
 * message name it. */
#include "folder.h"

#include "tec/replay.h"

#include "tec/files.h"
#include "tec/h5.h"
#include "tec/real.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double tolerance = TEC_REAL_IS_DOUBLE ? 1e-6 : 1e-4;
static const char TRAINING[] = "pretrain_small.h5", TARGETS[] = "targets_small.h5",
                  TUNING[] = "finetune_small.h5"; /* which the cases below alter */

static char directory[256], *copy;

static int make_directory(void **state)
{
    (void)state;
    tec_h5_start();
    if (!folder_make(directory, sizeof directory))
        return -1;
    copy = tec_path_join(directory, "copy.h5");
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    free(copy);
    return folder_remove(directory);
}

static char *fixture_path(const char *name)
{
    const char *elsewhere = getenv("TEC_FIXTURES");
    return tec_path_join(elsewhere ? elsewhere : "tests/fixtures", name);
}

static void make_copy(const char *name)
{
    char *data, *path = fixture_path(name);
    size_t bytes;
    if (tec_file_read(path, (size_t)1 << 28, &data, &bytes) != TEC_OK)
        fail_msg("%s; run from the root of the repository, or name the folder in TEC_FIXTURES", tec_error_message());
    assert_int_equal(tec_file_write(copy, data, bytes), TEC_OK);
    free(data);
    free(path);
}

/* -- the figures of a replay -- */

static const tec_replay_figure *find_figure(const tec_replay_result *result, const char *name)
{
    for (int i = 0; i < result->count; i++)
        if (strcmp(result->figure[i].name, name) == 0)
            return &result->figure[i];
    fail_msg("no figure %s", name);
    return NULL;
}

static bool within(const tec_replay_figure *figure)
{
    return figure->error >= 0 && figure->error <= tolerance * figure->limit;
}

static void expect_golden(const char *name, const char *const *figures)
{
    tec_replay_result result;
    char *path = fixture_path(name);
    if (tec_replay(path, &result) != TEC_OK)
        fail_msg("%s", tec_error_message());
    int count = 0;
    for (; figures[count]; count++) {
        const tec_replay_figure *figure = find_figure(&result, figures[count]);
        if (!within(figure))
            fail_msg("%s: %s is off by %g (%s)", name, figure->name, figure->error, figure->where);
    }
    assert_int_equal(result.count, count);
    free(path);
}

static void test_golden(void **state)
{
    (void)state;
    expect_golden("pretrain_small.h5",
                  (const char *[]){"loss_fea", "loss_att", "gradient", "adamw_loss", "adamw_weights", NULL});
    expect_golden("pretrain_wide_base.h5", (const char *[]){"loss_fea", "loss_att", "gradient", NULL});
    expect_golden("pretrain_feature_only.h5", (const char *[]){"loss_fea", "loss_att", "gradient", NULL});
    expect_golden("mae_small.h5", (const char *[]){"loss", "gradient", "adamw_loss", "adamw_weights", NULL});
    expect_golden("finetune_small.h5",
                  (const char *[]){"logits", "loss", "gradient", "adamw_loss", "adamw_weights", NULL});
    expect_golden("finetune_deep.h5",
                  (const char *[]){"logits", "loss", "gradient", "adamw_loss", "adamw_weights", NULL});
    expect_golden("finetune_cls.h5", (const char *[]){"logits", "loss", "gradient", NULL});
    expect_golden("targets_small.h5", (const char *[]){"feature", "feature_normalized", "attention", "topk", NULL});
}

/* The copy replays, its figure `name` is not within limits and says where (NULL: whatever). */
static void expect_off(const char *name, const char *where)
{
    tec_replay_result result;
    if (tec_replay(copy, &result) != TEC_OK)
        fail_msg("%s", tec_error_message());
    const tec_replay_figure *figure = find_figure(&result, name);
    if (within(figure))
        fail_msg("%s is off by %g only", name, figure->error);
    if (where)
        assert_string_equal(figure->where, where);
}

static void expect_refused(const char *name)
{
    tec_replay_result result;
    assert_int_equal(tec_replay(copy, &result), TEC_USER_ERROR);
    if (!strstr(tec_error_message(), name) || !strstr(tec_error_message(), "copy.h5"))
        fail_msg("the message names neither file nor %s: %s", name, tec_error_message());
}

/* -- altering the copy -- */

static hid_t open_copy(void)
{
    hid_t file = H5Fopen(copy, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

/* number = number * factor + value */
static void alter(const char *dataset, size_t index, double factor, double value)
{
    hid_t file = open_copy(), set = H5Dopen2(file, dataset, H5P_DEFAULT), space = H5Dget_space(set);
    size_t count = (size_t)H5Sget_simple_extent_npoints(space);
    double *number = malloc(count * sizeof *number);
    assert_true(index < count && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, number) >= 0);
    number[index] = (factor != 0 ? number[index] * factor : 0) + value;
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, number) >= 0);
    free(number);
    H5Sclose(space);
    H5Dclose(set);
    assert_true(H5Fclose(file) >= 0);
}

static void set_attribute(const char *group, const char *name, double value)
{
    hid_t file = open_copy(), object = H5Gopen2(file, group, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    assert_true(H5Adelete(object, name) >= 0);
    hid_t attribute = H5Acreate2(object, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Gclose(object);
    assert_true(H5Fclose(file) >= 0);
}

static void set_text(const char *name, const char *value)
{
    hid_t file = open_copy(), space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(value) + 1);
    assert_true(H5Adelete(file, name) >= 0);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, type, value) >= 0);
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
}

static void delete_link(const char *name)
{
    hid_t file = open_copy();
    assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
    assert_true(H5Fclose(file) >= 0);
}

static void delete_attribute(const char *group, const char *name)
{
    hid_t file = open_copy(), object = H5Gopen2(file, group, H5P_DEFAULT);
    assert_true(H5Adelete(object, name) >= 0);
    H5Gclose(object);
    assert_true(H5Fclose(file) >= 0);
}

/* Puts a dataset of zeros in the place of another. */
static void replace(const char *name, hid_t type, int dims, const hsize_t *dim)
{
    delete_link(name);
    hid_t file = open_copy(), space = H5Screate_simple(dims, dim, NULL);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Dclose(set);
    H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
}

static void set_number(const char *dataset, size_t index, double value)
{
    alter(dataset, index, 0, value);
}

/* -- training -- */

/* A number in the file against the figure that must show it. */
static void test_altered_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *fixture, *dataset;
        size_t index;
        double value;
        const char *figure, *where;
    } row[] = {
        {TRAINING, "weights/blocks.0.attn.qkv.weight", 17, 20, "loss_fea", ""},
        {TRAINING, "weights/blocks.0.attn.qkv.weight", 17, 20, "gradient", NULL},
        {TRAINING, "inputs/images", 100, 30, "loss_fea", ""},
        {TRAINING, "inputs/feature", 100, 30, "loss_fea", ""},
        {TRAINING, "inputs/attention", 100, 30, "loss_att", ""},
        {TRAINING, "inputs/images", 100, NAN, "loss_fea", ""},
        {TRAINING, "expected/loss_att", 0, 4.18, "loss_att", ""},
        {TRAINING, "expected/grad/blocks.3.mlp.fc1.bias", 5, 1, "gradient", "blocks.3.mlp.fc1.bias"},
        /* neither the first nor the last tensor that is compared: no other may hide it */
        {TRAINING, "expected/grad/blocks.3.mlp.fc1.bias", 5, NAN, "gradient", "blocks.3.mlp.fc1.bias"},
        {TRAINING, "expected/adamw/loss", 3, 5.4, "adamw_loss", ""},
        {TRAINING, "expected/adamw/loss", 5, 5.4, "adamw_loss", ""},
        {TRAINING, "expected/adamw/weights/blocks.2.norm1.weight", 7, 1.5, "adamw_weights", "blocks.2.norm1.weight"},
        {"mae_small.h5", "expected/loss", 0, 1.565, "loss", ""},
        {TUNING, "expected/logits", 3, 9, "logits", ""},
        {TUNING, "expected/loss", 0, 3, "loss", ""},
        {TUNING, "inputs/keep_path", 5, 0.5, "logits", ""},
        {TUNING, "inputs/targets", 2, 0.9, "loss", ""},
        {TUNING, "weights/pos_embed", 50, 2, "logits", ""},
        {TUNING, "expected/grad/head.bias", 1, 1, "gradient", "head.bias"},
        {TUNING, "expected/adamw/weights/pos_embed", 7, 1.5, "adamw_weights", "pos_embed"},
        {TARGETS, "expected/feature", 33, 9, "feature", ""},
        {TARGETS, "expected/feature_normalized", 33, 9, "feature_normalized", ""},
        {TARGETS, "expected/attention", 33, 99, "attention", ""},
        {TARGETS, "expected/topk", 4, 63.5, "topk", ""},
        {TARGETS, "weights/blocks.5.mlp.fc2.bias", 3, 2, "feature", ""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        make_copy(row[i].fixture);
        set_number(row[i].dataset, row[i].index, row[i].value);
        expect_off(row[i].figure, row[i].where);
    }
}

/* Adam turns rounding errors into steps where the true gradient is zero: key rows do not count, their neighbours do. */
static void test_key_rows(void **state)
{
    (void)state;
    const char *bias = "expected/adamw/weights/blocks.1.attn.qkv.bias"; /* [3 * 48] */
    tec_replay_result result;
    make_copy(TRAINING);
    set_number(bias, 48, 1);
    set_number(bias, 95, 1);
    assert_int_equal(tec_replay(copy, &result), TEC_OK);
    assert_true(within(find_figure(&result, "adamw_weights")));
    set_number(bias, 96, 1);
    expect_off("adamw_weights", "blocks.1.attn.qkv.bias");
    make_copy(TRAINING);
    set_number(bias, 47, 1);
    expect_off("adamw_weights", "blocks.1.attn.qkv.bias");
}

/* Half a step of one of 48 numbers: much against the change of the weights, little against the weights. */
static void test_small_change(void **state)
{
    (void)state;
    make_copy(TRAINING);
    alter("expected/adamw/weights/blocks.2.norm1.weight", 7, 1, 5e-4);
    expect_off("adamw_weights", "blocks.2.norm1.weight");
}

/* A tensor without a gradient is not in the file: then there must be none. */
static void test_unexpected_gradient(void **state)
{
    (void)state;
    make_copy(TRAINING);
    delete_link("expected/grad/blocks.3.mlp.fc1.weight");
    expect_off("gradient", "blocks.3.mlp.fc1.weight");
}

static void test_missing(void **state)
{
    (void)state;
    static const char *const of_training[] = {"inputs/images",
                                              "inputs/ids_shuffle",
                                              "inputs/feature",
                                              "inputs/attention",
                                              "inputs/topk",
                                              "expected/loss_fea",
                                              "expected/loss_att",
                                              "expected/grad",
                                              "expected/adamw/loss",
                                              "expected/adamw/weights/blocks.3.mlp.fc1.weight",
                                              "weights/blocks.3.mlp.fc1.weight",
                                              "weights",
                                              "config",
                                              "inputs",
                                              NULL};
    static const char *const of_targets[] = {"inputs/images",
                                             "expected/feature",
                                             "expected/feature_normalized",
                                             "expected/attention",
                                             "expected/topk",
                                             "weights/pos_embed",
                                             NULL};
    static const char *const of_tuning[] = {"inputs/targets", "inputs/keep_path",  "expected/logits",
                                            "expected/loss",  "weights/head.bias", NULL};
    for (int i = 0; of_tuning[i]; i++) {
        make_copy(TUNING);
        delete_link(of_tuning[i]);
        expect_refused(of_tuning[i]);
    }
    make_copy(TUNING);
    delete_attribute("expected/adamw", "layer_decay");
    expect_refused("layer_decay");
    for (int i = 0; of_training[i]; i++) {
        make_copy(TRAINING);
        delete_link(of_training[i]);
        expect_refused(of_training[i]);
    }
    for (int i = 0; of_targets[i]; i++) {
        make_copy(TARGETS);
        delete_link(of_targets[i]);
        expect_refused(of_targets[i]);
    }
}

static void test_patch_indices(void **state)
{
    (void)state;
    static const struct {
        const char *dataset;
        size_t index;
        double value;
    } row[] = {{"inputs/ids_shuffle", 70, 64},   {"inputs/ids_shuffle", 70, -1},
               {"inputs/ids_shuffle", 70, 1e15}, {"inputs/ids_shuffle", 3 * 64 - 1, -2e9},
               {"inputs/topk", 12, 64},          {"inputs/topk", 12, -3}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        make_copy(TRAINING);
        set_number(row[i].dataset, row[i].index, row[i].value);
        expect_refused(row[i].dataset);
    }
    make_copy(TRAINING); /* whatever was at 64, one of these two now has a twin in the same row */
    set_number("inputs/ids_shuffle", 64, 5);
    set_number("inputs/ids_shuffle", 65, 5);
    expect_refused("twice");
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *dataset;
        int dims;
        hsize_t dim[4];
        const char *named;
    } row[] = {{"inputs/images", 4, {2, 3, 32, 32}, "inputs/ids_shuffle"}, /* all the rest has 3 images */
               {"inputs/images", 4, {0, 3, 32, 32}, "inputs/images"},
               {"inputs/images", 4, {3, 3, 32, 31}, "inputs/images"},
               {"inputs/images", 4, {(hsize_t)1 << 40, 0, 1, 1}, "inputs/images"},
               {"inputs/images", 4, {1 << 16, 1 << 16, 3, 3}, "inputs/images"},
               {"inputs/topk", 1, {27}, "inputs/topk"},
               {"inputs/topk", 2, {3, 8}, "inputs/topk"}, /* zeros: one patch eight times */
               {"inputs/feature", 3, {3, 64, 47}, "inputs/feature"},
               {"inputs/attention", 4, {3, 9, 3, 64}, "inputs/attention"},
               {"expected/loss_fea", 1, {2}, "expected/loss_fea"},
               {"expected/adamw/loss", 1, {5}, "expected/adamw/loss"},
               {"expected/grad/blocks.3.mlp.fc1.bias", 1, {191}, "expected/grad/blocks.3.mlp.fc1.bias"},
               {"expected/adamw/weights/blocks.3.mlp.fc1.bias", 1, {193}, "blocks.3.mlp.fc1.bias"},
               {"weights/blocks.3.mlp.fc1.bias", 1, {191}, "weights/blocks.3.mlp.fc1.bias"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        make_copy(TRAINING);
        replace(row[i].dataset, H5T_IEEE_F32LE, row[i].dims, row[i].dim);
        expect_refused(row[i].named);
    }
}

/* Text, or a group, where numbers are wanted. */
static void test_no_numbers(void **state)
{
    (void)state;
    static const char *const names[] = {"expected/loss_fea", "inputs/images", "inputs/topk", "expected/adamw/loss"};
    static const hsize_t dim[][4] = {{1}, {3, 3, 32, 32}, {3, 9}, {6}};
    static const int dims[] = {1, 4, 2, 1};
    for (int i = 0; i < 4; i++) {
        make_copy(TRAINING);
        replace(names[i], H5T_C_S1, dims[i], dim[i]);
        expect_refused(names[i]);
        make_copy(TRAINING);
        delete_link(names[i]);
        hid_t file = open_copy();
        H5Gclose(H5Gcreate2(file, names[i], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        assert_true(H5Fclose(file) >= 0);
        expect_refused(names[i]);
    }
}

static void test_attributes(void **state)
{
    (void)state;
    static const struct {
        const char *fixture, *group, *name;
        double value;
    } row[] = {{TRAINING, "inputs", "keep", 0},
               {TRAINING, "inputs", "keep", 64},
               {TRAINING, "inputs", "keep", NAN},
               {TRAINING, "inputs", "keep", 1e300},
               {TRAINING, "expected/adamw", "steps", -1},
               {TRAINING, "expected/adamw", "steps", 1e9},
               {TRAINING, "expected/adamw", "steps", NAN},
               {TARGETS, "inputs", "last_layers", 0},
               {TARGETS, "inputs", "last_layers", 7},
               {TARGETS, "inputs", "topk", 65},
               {TARGETS, "inputs", "topk", -1},
               {TARGETS, "inputs", "topk", NAN}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        make_copy(row[i].fixture);
        set_attribute(row[i].group, row[i].name, row[i].value);
        expect_refused(row[i].name);
        make_copy(row[i].fixture);
        delete_attribute(row[i].group, row[i].name);
        expect_refused(row[i].name);
    }
    make_copy(TRAINING); /* AdamW's own settings decide about its steps */
    set_attribute("expected/adamw", "weight_decay", 5);
    expect_off("adamw_weights", NULL);
    make_copy(TRAINING);
    set_attribute("expected/adamw", "eps", 1);
    expect_off("adamw_weights", NULL);
    make_copy("finetune_deep.h5"); /* also where rates are so small that rounding is 7e-3 of a step */
    set_attribute("expected/adamw", "layer_decay", 0.65 * 1.02);
    expect_off("adamw_weights", NULL);
    make_copy("finetune_deep.h5");
    set_attribute("expected/adamw", "weight_decay", 5);
    expect_off("adamw_weights", NULL);
}

/* -- what is no fixture -- */

static void test_no_fixture(void **state)
{
    (void)state;
    char *data, *path = fixture_path(TRAINING);
    size_t bytes;
    tec_replay_result result;
    assert_int_equal(tec_replay("/nonexistent/copy.h5", &result), TEC_USER_ERROR);
    assert_int_equal(tec_file_write(copy, "no HDF5", 7), TEC_OK);
    expect_refused("is not an HDF5 file");
    assert_int_equal(tec_file_read(path, (size_t)1 << 28, &data, &bytes), TEC_OK);
    assert_int_equal(tec_file_write(copy, data, bytes / 2), TEC_OK);
    expect_refused("cut short");
    make_copy(TRAINING);
    set_text("format", "tec-checkpoint");
    expect_refused("tec-checkpoint");
    make_copy(TRAINING);
    set_text("kind", "other");
    expect_refused("other");
    make_copy(TRAINING);
    delete_attribute("/", "format");
    expect_refused("format");
    free(data);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden),        cmocka_unit_test(test_altered_numbers),
                                       cmocka_unit_test(test_key_rows),      cmocka_unit_test(test_unexpected_gradient),
                                       cmocka_unit_test(test_small_change),  cmocka_unit_test(test_missing),
                                       cmocka_unit_test(test_patch_indices), cmocka_unit_test(test_sizes),
                                       cmocka_unit_test(test_no_numbers),    cmocka_unit_test(test_attributes),
                                       cmocka_unit_test(test_no_fixture)};
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
