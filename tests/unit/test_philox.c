/* The counter-based generator: published vectors, independence of streams, distributions, permutations. */
#include "tec/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DRAWS 200000

/* Philox4x32-10 in Random123's kat_vectors. */
static void test_published_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } vector[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vector / sizeof vector[0]; i++) {
        uint32_t got[4];
        tec_philox_block(vector[i].counter, vector[i].key, got);
        assert_memory_equal(got, vector[i].want, sizeof got);
    }
}

/* Checkpoints and target stores of earlier versions depend on how arguments become counters: these words must not
 * change. */
static void test_streams_stay_as_they_are(void **state)
{
    (void)state;
    const uint64_t seed = 0x0123456789abcdef, image = 0x1234deadbeef;
    tec_philox p = tec_philox_start(seed, TEC_STREAM_MASK, image, 7, 3);
    for (uint32_t block = 0; block < 3; block++) {
        const uint32_t counter[4] = {block, 0xdeadbeef, 7, (uint32_t)TEC_STREAM_MASK << 24 | 3 << 16 | 0x1234};
        const uint32_t key[2] = {0x89abcdef, 0x01234567};
        uint32_t want[4];
        tec_philox_block(counter, key, want);
        for (int i = 0; i < 4; i++)
            assert_int_equal(tec_philox_word(&p), want[i]);
    }
}

static void test_streams_differ(void **state)
{
    (void)state;
    tec_philox stream[] = {
        tec_philox_start(1, TEC_STREAM_TEST, 5, 6, 7),
        tec_philox_start(2, TEC_STREAM_TEST, 5, 6, 7),
        tec_philox_start(1, TEC_STREAM_VIEW, 5, 6, 7),
        tec_philox_start(1, TEC_STREAM_TEST, 6, 6, 7),
        tec_philox_start(1, TEC_STREAM_TEST, 5, 7, 7),
        tec_philox_start(1, TEC_STREAM_TEST, 5, 6, 8),
        tec_philox_start(1, TEC_STREAM_TEST, 5 + (UINT64_C(1) << 40), 6, 7),
        tec_philox_start(1 + (UINT64_C(1) << 40), TEC_STREAM_TEST, 5, 6, 7),
    };
    enum { STREAMS = sizeof stream / sizeof stream[0] };
    uint32_t first[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        first[i] = tec_philox_word(&stream[i]);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(first[i], first[j]);
    }
}

static void test_uniform(void **state)
{
    (void)state;
    tec_philox p = tec_philox_start(1, TEC_STREAM_TEST, 0, 0, 0);
    double sum = 0, square = 0;
    int bin[10] = {0};
    for (int i = 0; i < DRAWS; i++) {
        double u = tec_philox_uniform(&p);
        assert_true(u >= 0 && u < 1);
        sum += u;
        square += u * u;
        bin[(int)(10 * u)]++;
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 4 * sqrt(1. / 12 / DRAWS));
    assert_true(fabs(square / DRAWS - 1. / 3) < 4 * sqrt(4. / 45 / DRAWS));
    double chi = 0;
    for (int i = 0; i < 10; i++)
        chi += pow(bin[i] - DRAWS / 10., 2) / (DRAWS / 10.);
    assert_true(chi < 27.9); /* 9 degrees of freedom, 0.1 % */
}

static void test_uniform_has_53_bits(void **state)
{
    (void)state;
    tec_philox p = tec_philox_start(1, TEC_STREAM_TEST, 0, 0, 0), words = p;
    double u = tec_philox_uniform(&p);
    uint64_t high = tec_philox_word(&words), low = tec_philox_word(&words);
    assert_true(u == (double)((high << 32 | low) >> 11) / 9007199254740992.);
}

static void test_normal(void **state)
{
    (void)state;
    tec_philox p = tec_philox_start(1, TEC_STREAM_TEST, 1, 0, 0);
    double moment[5] = {0};
    for (int i = 0; i < DRAWS; i++) {
        double z = tec_philox_normal(&p), power = 1;
        assert_true(isfinite(z));
        for (int m = 1; m <= 4; m++)
            moment[m] += (power *= z) / DRAWS;
    }
    static const double want[5] = {0, 0, 1, 0, 3}, variance[5] = {0, 1, 2, 15, 96};
    for (int m = 1; m <= 4; m++)
        assert_true(fabs(moment[m] - want[m]) < 4 * sqrt(variance[m] / DRAWS));
}

/* E x^m is the product of (a + i) / (a + b + i), i < m. */
static void test_beta(void **state)
{
    (void)state;
    static const double shape[][2] = {{0.8, 0.8}, {1, 1}, {0.05, 0.05}, {1e-4, 1e-4}, {2, 5}, {30, 0.5}};
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
        double a = shape[s][0], b = shape[s][1], moment[9] = {0}, want[9] = {1};
        tec_philox p = tec_philox_start(1, TEC_STREAM_TEST, 3, (uint32_t)s, 0);
        for (int i = 0; i < DRAWS; i++) {
            double x = tec_philox_beta(&p, a, b), power = 1;
            assert_true(x >= 0 && x <= 1);
            for (int m = 1; m <= 8; m++)
                moment[m] += (power *= x) / DRAWS;
        }
        for (int m = 1; m <= 8; m++)
            want[m] = want[m - 1] * (a + m - 1) / (a + b + m - 1);
        for (int m = 1; m <= 4; m++)
            assert_true(fabs(moment[m] - want[m]) < 4 * sqrt((want[2 * m] - want[m] * want[m]) / DRAWS));
    }
}

static void test_below(void **state)
{
    (void)state;
    tec_philox p = tec_philox_start(1, TEC_STREAM_TEST, 2, 0, 0);
    int bin[7] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint32_t below = tec_philox_below(&p, 7);
        assert_true(below < 7);
        bin[below]++;
    }
    double chi = 0;
    for (int i = 0; i < 7; i++)
        chi += pow(bin[i] - DRAWS / 7., 2) / (DRAWS / 7.);
    assert_true(chi < 22.5); /* 6 degrees of freedom, 0.1 % */
    assert_int_equal(tec_philox_below(&p, 1), 0);

    /* A bound just above 3/4 of 2^32: a remainder or a product without rejection hits its lower third twice as often.
     */
    const uint32_t bound = 3u << 30;
    int low = 0;
    for (int i = 0; i < DRAWS; i++) {
        uint32_t below = tec_philox_below(&p, bound);
        assert_true(below < bound);
        low += below % 3 == 0;
    }
    assert_true(fabs(low - DRAWS / 3.) < 4 * sqrt(DRAWS * 2. / 9));
}

static void test_permutation(void **state)
{
    (void)state;
    enum { N = 1000 };
    int64_t order[N], again[N];
    bool seen[N] = {false};
    tec_philox p = tec_philox_start(3, TEC_STREAM_ORDER, 0, 0, 0), q = p;
    tec_philox_permutation(&p, N, order);
    tec_philox_permutation(&q, N, again);
    assert_memory_equal(order, again, sizeof order);
    int fixed = 0;
    for (int i = 0; i < N; i++) {
        assert_true(order[i] >= 0 && order[i] < N && !seen[order[i]]);
        seen[order[i]] = true;
        fixed += order[i] == i;
    }
    assert_true(fixed < 10); /* one is expected */
    tec_philox_permutation(&p, 0, order);
    tec_philox_permutation(&p, 1, order);
    assert_int_equal(order[0], 0);
}

/* Each of the 24 orders of four things is as likely as any other. */
static void test_permutation_is_uniform(void **state)
{
    (void)state;
    enum { TRIES = 48000 };
    int count[256] = {0}, orders = 0;
    tec_philox p = tec_philox_start(4, TEC_STREAM_ORDER, 0, 0, 0);
    for (int i = 0; i < TRIES; i++) {
        int64_t order[4];
        tec_philox_permutation(&p, 4, order);
        count[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    double chi = 0;
    for (int i = 0; i < 256; i++)
        if (count[i]) {
            orders++;
            chi += pow(count[i] - TRIES / 24., 2) / (TRIES / 24.);
        }
    assert_int_equal(orders, 24);
    assert_true(chi < 49.7); /* 23 degrees of freedom, 0.1 % */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_streams_stay_as_they_are),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_uniform_has_53_bits),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_beta),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_permutation),
        cmocka_unit_test(test_permutation_is_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
