/* The linear probe against PyTorch (BatchNorm1d without affine, cross-entropy, MAE's LARS and schedule, double
 * precision) and on clusters that a line separates. */
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tec_comm comm;

static tec_features make_features(int count, int width, int classes)
{
    tec_features f = {.total = count, .count = count, .width = width, .classes = classes};
    f.value = tec_allocate(sizeof(real) * (size_t)(count * width));
    f.label = tec_allocate(sizeof(int32_t) * (size_t)count);
    return f;
}

/* A formula that PyTorch was given too. */
static tec_features make_formula(int first, int count)
{
    tec_features f = make_features(count, 5, 7);
    for (int row = 0; row < count; row++) {
        int i = first + row;
        f.label[row] = (i * 5 + i / 7) % 7;
        for (int j = 0; j < 5; j++)
            f.value[row * 5 + j] =
                (real)(sin(1.3 * i + 0.7 * j * j + 0.2) * (j + 1) + 0.5 * j + (f.label[row] == j ? 4.0 : 0.0));
    }
    return f;
}

/* Every step takes all images, two epochs are warm-up; the initial weights are those of seed 3. The second case has so
 * few images that it matters which of the two variances goes into the running statistics. */
static void test_pytorch(void **state)
{
    (void)state;
    static const struct {
        int images, epochs;
        double lr, loss, tolerance;
        int top1, top5;
    } cases[] = {{48, 8, 5, 1.94961361832595, 1e-6, 17, 143}, {8, 20, 30, 3.6197710105994862, 1e-4, 56, 152}};
    for (int i = 0; i < 2; i++) {
        tec_features train = make_formula(0, cases[i].images), val = make_formula(1000, 200);
        tec_probe_settings settings = {.epochs = cases[i].epochs,
                                       .batch = cases[i].images,
                                       .lr = cases[i].lr,
                                       .min_lr = 0.5,
                                       .warmup_epochs = 2,
                                       .weight_decay = 0.01,
                                       .momentum = 0.9,
                                       .seed = 3};
        tec_probe_result got;
        assert_int_equal(tec_probe_run(&comm, &settings, &train, &val, &got), TEC_OK);
        if (!(fabs(got.loss - cases[i].loss) <= (TEC_REAL_IS_DOUBLE ? 1e-10 : cases[i].tolerance) * cases[i].loss))
            fail_msg("loss %.12g instead of %.12g", got.loss, cases[i].loss);
        assert_int_equal(got.top1, cases[i].top1);
        assert_int_equal(got.top5, cases[i].top5);
        assert_int_equal(got.total, 200);
        assert_int_equal(got.steps, cases[i].epochs);
        tec_features_free(&train);
        tec_features_free(&val);
    }
}

/* Rows around unit vectors, far from the origin and on other scales: the normalisation has to undo that. */
static tec_features make_clusters(int count, uint32_t part)
{
    tec_features f = make_features(count, 6, 6);
    for (int i = 0; i < count; i++) {
        tec_philox noise = tec_philox_start(1, TEC_STREAM_TEST, (uint64_t)i, part, 0);
        f.label[i] = i % 6;
        for (int j = 0; j < 6; j++)
            f.value[i * 6 + j] =
                (real)((100 * (j + 1)) * (3 + (f.label[i] == j ? 1 : 0) + 0.05 * tec_philox_normal(&noise)));
    }
    return f;
}

static void test_separable(void **state)
{
    (void)state;
    tec_features train = make_clusters(2500, 1), val = make_clusters(1301, 2);
    tec_probe_settings settings = {
        .epochs = 40, .batch = 600, .blr = 0.1 * 256 / 600 * 30, .warmup_epochs = 10, .momentum = 0.9};
    tec_probe_result got;
    assert_int_equal(tec_probe_run(&comm, &settings, &train, &val, &got), TEC_OK);
    assert_int_equal(got.top1, 1301);
    assert_int_equal(got.top5, 1301);
    assert_int_equal(got.steps, 40 * 4); /* 100 images of each epoch are dropped */
    assert_true(fabs(got.lr - 3) < 1e-12);
    tec_features_free(&train);
    tec_features_free(&val);
}

static void test_batch_is_reduced(void **state)
{
    (void)state;
    tec_features train = make_clusters(128, 1), val = make_clusters(10, 2);
    tec_probe_settings settings = {.epochs = 3, .batch = 16384, .blr = 0.1, .momentum = 0.9};
    tec_probe_result got;
    assert_int_equal(tec_probe_run(&comm, &settings, &train, &val, &got), TEC_OK);
    assert_int_equal(got.batch, 128);
    assert_int_equal(got.steps, 3);
    assert_true(fabs(got.lr - 0.05) < 1e-12);
    tec_features_free(&train);
    tec_features_free(&val);
}

/* Ten steps an epoch, each at the rate of MAE's batches; as there from 163840 images on. */
static void test_defaults_suit_the_set(void **state)
{
    (void)state;
    const struct {
        int images, batch;
        double lr;
    } cases[] = {{2500, 250, 6.4}, {60, 6, 6.4}, {12, 4, 6.4}, {3, 3, 4.8}, {170000, 16384, 6.4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tec_features train = make_clusters(cases[i].images, 1), val = make_clusters(301, 2);
        tec_probe_settings settings = {.epochs = cases[i].images > 10000 ? 1 : 90, .warmup_epochs = 0, .momentum = 0.9};
        tec_probe_result got;
        assert_int_equal(tec_probe_run(&comm, &settings, &train, &val, &got), TEC_OK);
        assert_int_equal(got.batch, cases[i].batch);
        assert_true(fabs(got.lr - cases[i].lr) < 1e-9);
        if (cases[i].images == 2500)
            assert_int_equal(got.top1, 301);
        tec_features_free(&train);
        tec_features_free(&val);
    }
}

static void test_diverged(void **state)
{
    (void)state;
    tec_features train = make_clusters(128, 1), val = make_clusters(10, 2);
    tec_probe_settings settings = {.epochs = 30, .batch = 128, .lr = 1e300, .momentum = 0.9};
    tec_probe_result got;
    assert_int_equal(tec_probe_run(&comm, &settings, &train, &val, &got), TEC_DIVERGED);
    assert_non_null(strstr(tec_error_message(), "try a probe.lr below 1e+300"));
    tec_features_free(&train);
    tec_features_free(&val);
}

int main(void)
{
    tec_comm_local(&comm);
    tec_log_enable(false);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pytorch), cmocka_unit_test(test_separable),
                                       cmocka_unit_test(test_batch_is_reduced),
                                       cmocka_unit_test(test_defaults_suit_the_set), cmocka_unit_test(test_diverged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
