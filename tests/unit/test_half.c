/* float16: all values, rounding, overflow; the fast conversion equals the portable one. */
#include "tec/half.h"
#include "tec/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HALVES 65536

/* What a float16 stands for, straight from its definition. */
static float meaning(int half)
{
    int exponent = half >> 10 & 31, fraction = half & 0x3ff;
    double sign = half & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return fraction ? (float)copysign(NAN, sign) : (float)(sign * INFINITY);
    return (float)(sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24)));
}

static bool same(float a, float b)
{
    return isnan(a) ? isnan(b) && signbit(a) == signbit(b) : memcmp(&a, &b, sizeof a) == 0;
}

static void test_all_values_survive(void **state)
{
    (void)state;
    static uint16_t half[HALVES], back[HALVES], portable_back[HALVES];
    static float value[HALVES], portable_value[HALVES];
    for (int i = 0; i < HALVES; i++)
        half[i] = (uint16_t)i;
    tec_half_to_float(half, HALVES, value);
    tec_half_to_float_portable(half, HALVES, portable_value);
    tec_half_from_float(value, HALVES, back);
    tec_half_from_float_portable(value, HALVES, portable_back);
    for (int i = 0; i < HALVES; i++) {
        assert_true(same(value[i], meaning(i)));
        assert_true(same(portable_value[i], meaning(i)));
        bool nan = (i & 0x7c00) == 0x7c00 && (i & 0x3ff);
        int want = nan ? i | 0x200 : i; /* a signalling NaN becomes quiet */
        assert_int_equal(back[i], want);
        assert_int_equal(portable_back[i], want);
    }
}

/* The nearest of two neighbours, the even one in the middle. */
static void test_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (int i = 0; i < 0x7bff; i++) {
        float low = meaning(i), high = meaning(i + 1), middle = (low + high) / 2;
        float in[4] = {middle, nextafterf(middle, low), nextafterf(middle, high), -middle};
        int even = i & 1 ? i + 1 : i, want[4] = {even, i, i + 1, even | 0x8000};
        uint16_t fast[8], plain[4];
        float eight[8];
        memcpy(eight, in, sizeof in);
        memcpy(eight + 4, in, sizeof in);
        tec_half_from_float(eight, 8, fast);
        tec_half_from_float_portable(in, 4, plain);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(plain[k], want[k]);
            assert_int_equal(fast[k], want[k]);
        }
    }
}

static void test_overflow_saturates(void **state)
{
    (void)state;
    const float in[8] = {65519, 65520, 1e6f, -65520, -3e38f, INFINITY, -INFINITY, NAN};
    const uint16_t want[8] = {0x7bff, 0x7bff, 0x7bff, 0xfbff, 0xfbff, 0x7c00, 0xfc00, 0x7e00};
    uint16_t fast[8], plain[8];
    tec_half_from_float(in, 8, fast);
    tec_half_from_float_portable(in, 8, plain);
    for (int k = 0; k < 8; k++) {
        assert_int_equal(fast[k], want[k]);
        assert_int_equal(plain[k], want[k]);
    }
}

static void test_fast_equals_portable(void **state)
{
    (void)state;
    enum { COUNT = 200003 };
    float *in = malloc(COUNT * sizeof *in);
    uint16_t *fast = malloc(COUNT * sizeof *fast), *plain = malloc(COUNT * sizeof *plain);
    tec_philox random = tec_philox_start(3, TEC_STREAM_TEST, 0, 0, 0);
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits = tec_philox_word(&random);
        if (i & 1) /* every second one with an exponent that float16 has */
            bits = (bits & 0x807fffff) | (100 + bits % 45) << 23;
        memcpy(&in[i], &bits, sizeof bits);
    }
    tec_half_from_float(in, COUNT, fast);
    tec_half_from_float_portable(in, COUNT, plain);
    assert_memory_equal(fast, plain, COUNT * sizeof *fast);
    free(in);
    free(fast);
    free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_values_survive),
        cmocka_unit_test(test_rounds_to_nearest_even),
        cmocka_unit_test(test_overflow_saturates),
        cmocka_unit_test(test_fast_equals_portable),
    };
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
