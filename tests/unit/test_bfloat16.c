/* bfloat16: all values, rounding, what rounding leaves. */
#include "tec/bfloat16.h"
#include "tec/philox.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { INFINITE = 0x7f80, SIGN = 0x8000 };

/* What a bfloat16 stands for, straight from its definition. */
static double meaning(int half)
{
    const int exponent = half >> 7 & 255, fraction = half & 127;
    const double sign = half & SIGN ? -1 : 1;
    if (exponent == 255)
        return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(128 + fraction, exponent - 134) : ldexp(fraction, -133));
}

static void test_all_values_survive(void **state)
{
    (void)state;
    for (int i = 0; i < 1 << 16; i++) {
        const float value = tec_bfloat16_value((uint16_t)i);
        if (isnan(meaning(i))) {
            assert_true(isnan(value));
            assert_int_equal(tec_bfloat16_of(value), i | 0x40); /* quiet */
        } else {
            assert_true(value == meaning(i));
            assert_int_equal(tec_bfloat16_of(value), i);
        }
    }
}

/* The nearest of two neighbours, the even one in the middle; beyond the largest, infinity stands for 2^128. */
static void test_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (int i = 0; i < INFINITE; i++) {
        const double low = meaning(i), high = i + 1 < INFINITE ? meaning(i + 1) : 0x1p128;
        const float middle = (float)((low + high) / 2);
        const int even = i + (i & 1);
        assert_int_equal(tec_bfloat16_of(middle), even);
        assert_int_equal(tec_bfloat16_of(-middle), even | SIGN);
        assert_int_equal(tec_bfloat16_of(nextafterf(middle, 0)), i);
        assert_int_equal(tec_bfloat16_of(nextafterf(middle, INFINITY)), i + 1);
    }
    assert_int_equal(tec_bfloat16_of(FLT_MAX), INFINITE);
    assert_int_equal(tec_bfloat16_of(-FLT_MAX), INFINITE | SIGN);
}

/* Also of a NaN whose fraction is in the half that goes. */
static void test_not_a_number(void **state)
{
    (void)state;
    static const uint32_t bits[] = {0x7f800001, 0x7f80ffff, 0x7fc00000, 0x7fffffff, 0xff800001, 0xffffffff};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        float value;
        memcpy(&value, &bits[i], sizeof value);
        const uint16_t half = tec_bfloat16_of(value);
        assert_true(isnan(tec_bfloat16_value(half)));
        assert_int_equal(half & SIGN, bits[i] >> 16 & SIGN);
    }
}

static void test_what_is_left_is_exact(void **state)
{
    (void)state;
    tec_philox random = tec_philox_start(3, TEC_STREAM_TEST, 0, 0, 0);
    for (int i = 0; i < 100000; i++) {
        const float x = (float)ldexp(tec_philox_normal(&random), i % 200 - 120);
        const float rounded = tec_bfloat16_value(tec_bfloat16_of(x)), left = x - rounded;
        assert_true((double)left == (double)x - rounded);
        assert_true(fabs(left) <= fabs(x) / 256 + 0x1p-134);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_values_survive), cmocka_unit_test(test_rounds_to_nearest_even),
        cmocka_unit_test(test_not_a_number), cmocka_unit_test(test_what_is_left_is_exact)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
