/* k-NN against sorting all similarities of every test row in double precision. */
#include "tec/knn.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct pair {
    double similarity;
    int index;
} pair;

static tec_comm comm;

/* `count` rows around `classes` random centres; spread 0: all rows of a class are equal. */
static tec_features make_features(int count, int width, int classes, double spread, uint32_t part)
{
    tec_features f = {.total = count, .count = count, .width = width, .classes = classes};
    f.value = tec_allocate(sizeof(real) * (size_t)(count * width));
    f.label = tec_allocate(sizeof(int32_t) * (size_t)count);
    for (int i = 0; i < count; i++) {
        f.label[i] = (int)((unsigned)i * 7u % (unsigned)classes);
        tec_philox centre = tec_philox_start(1, TEC_STREAM_TEST, (uint64_t)f.label[i], 0, 0);
        tec_philox noise = tec_philox_start(1, TEC_STREAM_TEST, (uint64_t)i, 1 + part, 0);
        for (int j = 0; j < width; j++)
            f.value[i * width + j] = (real)(tec_philox_normal(&centre) + spread * tec_philox_normal(&noise));
    }
    tec_features_normalize(&f);
    return f;
}

static int by_nearness(const void *left, const void *right)
{
    const pair *a = left, *b = right;
    if (a->similarity != b->similarity)
        return a->similarity > b->similarity ? -1 : 1;
    return a->index - b->index;
}

static void vote_for_row(const tec_features *train, const tec_features *test, int row, const pair *near, int k,
                         double temperature, int64_t *top1, int64_t *top5)
{
    double votes[64] = {0};
    int label = test->label[row], place = 0;
    for (int i = 0; i < k; i++)
        votes[train->label[near[i].index]] += exp(near[i].similarity / temperature);
    for (int c = 0; c < train->classes; c++)
        place += votes[c] > votes[label] || (votes[c] == votes[label] && c < label);
    *top1 += votes[label] > 0 && place == 0;
    *top5 += votes[label] > 0 && place < 5;
}

static tec_knn_result brute_force(const tec_knn_settings *settings, const tec_features *train, const tec_features *test)
{
    tec_knn_result result = {.total = test->count};
    pair *near = tec_allocate(sizeof *near * (size_t)train->count);
    for (int t = 0; t < test->count; t++) {
        for (int i = 0; i < train->count; i++) {
            near[i] = (pair){0, i};
            for (int j = 0; j < train->width; j++)
                near[i].similarity += (double)train->value[i * train->width + j] * test->value[t * train->width + j];
        }
        qsort(near, (size_t)train->count, sizeof *near, by_nearness);
        for (int which = 0; which < 2; which++)
            vote_for_row(train, test, t, near, settings->k[which], settings->temperature, &result.top1[which],
                         &result.top5[which]);
    }
    free(near);
    return result;
}

static void expect_equal(const tec_knn_result *got, const tec_knn_result *want)
{
    assert_int_equal(got->total, want->total);
    for (int which = 0; which < 2; which++) {
        assert_int_equal(got->top1[which], want->top1[which]);
        assert_int_equal(got->top5[which], want->top5[which]);
    }
}

static tec_knn_result run(int k0, int k1, const tec_features *train, const tec_features *test, tec_knn_result *want)
{
    tec_knn_settings settings = {.k = {k0, k1}, .temperature = 0.07};
    tec_knn_result got;
    assert_int_equal(tec_knn_classify(&comm, &settings, train, test, &got), TEC_OK);
    if (want)
        *want = brute_force(&settings, train, test);
    return got;
}

/* More test and training rows than a block holds; noise large enough that a fair share is wrong. */
static void test_brute_force(void **state)
{
    (void)state;
    tec_features train = make_features(5000, 19, 12, 3.0, 1), test = make_features(301, 19, 12, 3.0, 2);
    tec_knn_result want, got = run(10, 20, &train, &test, &want);
    expect_equal(&got, &want);
    assert_true(got.top1[0] > 30 && got.top1[0] < 270);
    assert_true(got.top5[0] > got.top1[0] && got.top5[0] < 301);
    assert_true(got.top1[0] != got.top1[1]);
    tec_features_free(&train);
    tec_features_free(&test);
}

static void test_separable(void **state)
{
    (void)state;
    tec_features train = make_features(200, 16, 4, 0.05, 1), test = make_features(60, 16, 4, 0.05, 2);
    tec_knn_result got = run(5, 200, &train, &test, NULL);
    assert_int_equal(got.top1[0], 60);
    assert_int_equal(got.top5[0], 60);
    tec_features_free(&train);
    tec_features_free(&test);
}

/* All similarities equal: the k lowest training rows are taken, whatever a matrix product makes of the last bits, and
 * far more candidates than k have to be kept. */
static void test_ties(void **state)
{
    (void)state;
    tec_features train = make_features(4500, 8, 3, 0.0, 1), test = make_features(9, 8, 3, 0.0, 2);
    for (int i = 0; i < train.count; i++) {
        memcpy(train.value + (size_t)i * 8, train.value, 8 * sizeof(real));
        train.label[i] = i < 3 ? 2 : i < 5 ? 1 : 0;
    }
    tec_knn_result got = run(5, 12, &train, &test, NULL);
    assert_int_equal(got.top1[0], 3); /* k = 5: three votes for class 2, two for 1, none for 0 */
    assert_int_equal(got.top5[0], 6);
    assert_int_equal(got.top1[1], 3); /* k = 12: seven for class 0 */
    assert_int_equal(got.top5[1], 9);
    tec_features_free(&train);
    tec_features_free(&test);
}

/* Similarities that differ by less than a matrix product in single precision can tell. */
static void test_near_ties(void **state)
{
    (void)state;
    const int width = 67;
    tec_features train = make_features(3000, width, 5, 0.0, 1), test = make_features(100, width, 5, 1.0, 2);
    for (int i = 0; i < train.count; i++) {
        tec_philox noise = tec_philox_start(1, TEC_STREAM_TEST, (uint64_t)i, 9, 0);
        for (int j = 0; j < width; j++)
            train.value[i * width + j] = (real)(train.value[j] * (1 + 2e-7 * tec_philox_normal(&noise)));
        train.label[i] = (int)tec_philox_below(&noise, 5);
    }
    tec_knn_result want, got = run(1, 8, &train, &test, &want);
    expect_equal(&got, &want);
    tec_features_free(&train);
    tec_features_free(&test);
}

/* Votes weigh by similarity: one very near neighbour beats two far ones. */
static void test_weights(void **state)
{
    (void)state;
    real near[] = {1, 0, (real)0.6, (real)0.8, (real)0.6, (real)-0.8}, probe[] = {1, 0};
    int32_t label[] = {0, 1, 1}, zero[] = {0};
    tec_features train = {.total = 3, .count = 3, .width = 2, .classes = 2, .value = near, .label = label};
    tec_features test = {.total = 1, .count = 1, .width = 2, .classes = 2, .value = probe, .label = zero};
    tec_knn_settings settings = {.k = {3, 3}, .temperature = 0.07};
    tec_knn_result got;
    assert_int_equal(tec_knn_classify(&comm, &settings, &train, &test, &got), TEC_OK);
    assert_int_equal(got.top1[0], 1);
    settings.temperature = 10; /* exp(0.1) < 2 exp(0.06) */
    assert_int_equal(tec_knn_classify(&comm, &settings, &train, &test, &got), TEC_OK);
    assert_int_equal(got.top1[0], 0);
    settings.temperature = 1e-4; /* exp(1e4) would not fit into a double */
    assert_int_equal(tec_knn_classify(&comm, &settings, &train, &test, &got), TEC_OK);
    assert_int_equal(got.top1[0], 1);
}

static void test_too_few(void **state)
{
    (void)state;
    tec_features train = make_features(12, 4, 3, 1.0, 1), test = make_features(3, 4, 3, 1.0, 2);
    tec_knn_settings settings = {.k = {10, 20}, .temperature = 0.07};
    tec_knn_result got;
    assert_int_equal(tec_knn_classify(&comm, &settings, &train, &test, &got), TEC_USER_ERROR);
    assert_string_equal(tec_error_message(),
                        "knn.k is 20, but there are only 12 training images; give a smaller knn.k");
    tec_features_free(&train);
    tec_features_free(&test);
}

/* A row of zeros has no direction and must not become NaN. */
static void test_normalize(void **state)
{
    (void)state;
    real value[] = {3, 4, 0, 0};
    tec_features f = {.count = 2, .width = 2, .value = value};
    tec_features_normalize(&f);
    assert_true(fabs(value[0] - 0.6) < 1e-6 && fabs(value[1] - 0.8) < 1e-6);
    assert_true(value[2] == 0 && value[3] == 0);
}

int main(void)
{
    tec_comm_local(&comm);
    tec_log_enable(false);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_brute_force), cmocka_unit_test(test_separable),
                                       cmocka_unit_test(test_ties),        cmocka_unit_test(test_near_ties),
                                       cmocka_unit_test(test_weights),     cmocka_unit_test(test_too_few),
                                       cmocka_unit_test(test_normalize)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
