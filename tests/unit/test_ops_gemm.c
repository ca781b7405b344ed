/* Products shared among threads equal those of one thread, whatever the shapes, transposes and number of threads; our
 * own kernel's equal the library's. */
#include "tec/gemm.h"

#include "src/ops/product.h"
#include "tec/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 200, GAP = 3 }; /* rows in memory are longer than those of the matrix */

static real a[MOST * (MOST + GAP)], b[MOST * (MOST + GAP)], start[MOST * (MOST + GAP)], one[MOST * (MOST + GAP)],
    many[MOST * (MOST + GAP)];

static void fill(real *x, uint32_t number)
{
    tec_philox random = tec_philox_start(5, TEC_STREAM_TEST, number, 0, 0);
    for (int i = 0; i < MOST * (MOST + GAP); i++)
        x[i] = (real)tec_philox_normal(&random);
}

static tec_matrix matrix(const real *data, int rows, int columns, bool transposed)
{
    return transposed ? tec_transposed(data, rows + GAP) : tec_plain(data, columns + GAP);
}

static void multiply(int m, int n, int k, bool ta, bool tb, real beta, int threads, real *c)
{
    tec_threads_set(threads);
    memcpy(c, start, sizeof start);
    tec_gemm(m, n, k, (real)0.5, matrix(a, m, k, ta), matrix(b, k, n, tb), beta, c, n + GAP);
    tec_threads_set(1);
}

/* Also what lies beside the result has to stay as it is. */
static void compare(int m, int n, int k, int threads)
{
    for (int order = 0; order < 8; order++) {
        real beta = order & 4 ? (real)1 : (real)0;
        multiply(m, n, k, order & 1, order & 2, beta, 1, one);
        multiply(m, n, k, order & 1, order & 2, beta, threads, many);
        for (int i = 0; i < MOST * (MOST + GAP); i++)
            assert_true(fabs((double)one[i] - (double)many[i]) <= 1e-5 * sqrt(k));
    }
}

static void test_threads(void **state)
{
    (void)state;
    static const int shape[][3] = {{200, 200, 200}, {1, 200, 200}, {200, 1, 200}, {199, 17, 200}, {17, 199, 96},
                                   {120, 130, 7},   {64, 64, 64},  {5, 6, 7},     {33, 190, 190}, {16, 16, 200}};
    fill(a, 1);
    fill(b, 2);
    fill(start, 3);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int threads = 2; threads <= 7; threads++)
            compare(shape[i][0], shape[i][1], shape[i][2], threads);
}

/* One loop: the numbers that come out are right, not only the same. */
static void test_values(void **state)
{
    (void)state;
    const int m = 90, n = 150, k = 40;
    multiply(m, n, k, false, true, 1, 4, many);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++)
                sum += (double)a[i * (k + GAP) + l] * b[j * (k + GAP) + l];
            assert_true(fabs(0.5 * sum + start[i * (n + GAP) + j] - many[i * (n + GAP) + j]) <= 1e-4);
        }
}

static void test_repeats(void **state)
{
    (void)state;
    multiply(190, 180, 200, false, false, 0, 5, one);
    for (int i = 0; i < 20; i++) {
        multiply(190, 180, 200, false, false, 0, 5, many);
        assert_memory_equal(one, many, sizeof one);
    }
}

enum { WIDE = 800 };
static real wide_a[WIDE * WIDE], wide_b[WIDE * WIDE], want[WIDE * WIDE], got[WIDE * WIDE], bias[WIDE],
    residual[WIDE * WIDE];

static void fill_wide(real *x, int n, uint32_t number)
{
    tec_philox random = tec_philox_start(6, TEC_STREAM_TEST, number, 0, 0);
    for (int i = 0; i < n; i++)
        x[i] = (real)tec_philox_normal(&random);
}

static tec_matrix wide(const real *data, int columns, int rows, bool transposed)
{
    return transposed ? tec_transposed(data, rows) : tec_plain(data, columns);
}

typedef enum added { NOTHING, A_BIAS, A_RESIDUAL, ADDITIONS } added;

/* Our own kernel can also run where the library is the better choice. */
static bool own_runs(void)
{
#if defined __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static void fill_result(real *c, int m, int n, int ldc)
{
    for (int i = 0; i < m * ldc; i++)
        c[i] = i % ldc < n ? (real)NAN : (real)i;
}

static void assert_result(int m, int n, int k, int ldc, added also)
{
    for (int i = 0; i < m * ldc; i++) {
        int column = i % ldc;
        double expected = want[i];
        if (column < n)
            expected += (double)(also ? bias[column] : 0) + (double)(also == A_RESIDUAL ? residual[i] : 0);
        assert_true(fabs(expected - (double)got[i]) <= 2e-5 * sqrt(k));
    }
}

/* What c held is not read, and what lies right of it in its rows stays as it is. */
static void compare_with_library(int m, int n, int k, bool ta, bool tb, added also)
{
    const int ldc = n + GAP;
    const tec_matrix left = wide(wide_a, k, m, ta), right = wide(wide_b, n, k, tb);
    const real *add_bias = also ? bias : NULL, *from = also == A_RESIDUAL ? residual : NULL;
    fill_result(want, m, n, ldc);
    tec_gemm_by_library(m, n, k, left, right, want, ldc);
    fill_result(got, m, n, ldc);
    if (also == NOTHING)
        tec_gemm(m, n, k, 1, left, right, 0, got, ldc);
    else
        tec_gemm_bias(m, n, k, left, right, bias, from, got, ldc);
    assert_result(m, n, k, ldc, also);
    if (own_runs()) {
        fill_result(got, m, n, ldc);
        tec_product_own.run(&(product){m, n, k, 1, left, right, from ? 1 : 0, from ? from : got, add_bias, got, ldc});
        assert_result(m, n, k, ldc, also);
    }
}

/* Shapes on both sides of every border inside the kernel: tiles of 4 x 24 and 4 x 16, blocks of 384 x 768, 96 rows at a
 * time. */
static void test_library(void **state)
{
    (void)state;
    static const int shape[][3] = {
        {2, 2, 1},      {6, 16, 4},      {7, 17, 5},     {5, 24, 8},     {50, 50, 64},  {50, 64, 50},
        {197, 197, 32}, {197, 32, 197},  {95, 255, 383}, {97, 264, 385}, {99, 768, 24}, {97, 792, 385},
        {98, 776, 41},  {193, 600, 769}, {3, 790, 790},  {700, 9, 11},
    };
    fill_wide(wide_a, WIDE * WIDE, 1);
    fill_wide(wide_b, WIDE * WIDE, 2);
    fill_wide(bias, WIDE, 3);
    fill_wide(residual, WIDE * WIDE, 4);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int order = 0; order < 4; order++)
            for (added also = NOTHING; also < ADDITIONS; also++)
                compare_with_library(shape[i][0], shape[i][1], shape[i][2], order & 1, order & 2, also);
}

/* Our own kernel has every shape that is more than one row or column, on processors that it was written for. */
static void test_backend(void **state)
{
    (void)state;
#if defined __x86_64__
    bool mine = own_runs() && !__builtin_cpu_supports("avx512f");
#else
    bool mine = false;
#endif
    for (int order = 0; order < 4; order++) {
        tec_transpose left = (tec_transpose)(order & 1), right = (tec_transpose)(order >> 1);
        assert_string_equal(tec_gemm_backend(197, 192, 64, left, right), mine ? "own" : "library");
        assert_string_equal(tec_gemm_backend(2, 2, 1, left, right), mine ? "own" : "library");
        assert_string_equal(tec_gemm_backend(1, 192, 64, left, right), "library");
        assert_string_equal(tec_gemm_backend(197, 1, 64, left, right), "library");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads), cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_repeats), cmocka_unit_test(test_library),
                                       cmocka_unit_test(test_backend)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
