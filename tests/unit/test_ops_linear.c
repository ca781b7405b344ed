/* Linear layers against a reference in double precision, their gradients against finite differences. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"
#include "tec/measure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* More columns than a thread sums at once, and not a multiple of it. */
enum { WIDE = 2 * 4096 + 5 };

typedef struct shape {
    int R, I, O, ldx, ldy;
} shape;

static const shape shapes[] = {
    {1, 1, 1, 1, 1}, {1, 24, 40, 24, 40}, {5, 7, 3, 9, 8}, {19, 24, 40, 24, 43}, {33, 13, 50, 17, 50}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

enum { X, WEIGHT, BIAS, INPUTS };

/* y = x weight^T + bias, and the loss whose gradient by y is dy. */
typedef struct linear {
    shape shape;
    const double *input[INPUTS], *dy;
    double *y; /* where loss puts it */
    int moved;
} linear;

static void reference(const linear *l, double *y)
{
    int I = l->shape.I, O = l->shape.O;
    for (int r = 0; r < l->shape.R; r++)
        for (int o = 0; o < O; o++)
            y[r * O + o] =
                dot(l->input[X] + r * I, l->input[WEIGHT] + o * I, I) + (l->input[BIAS] ? l->input[BIAS][o] : 0);
}

static double loss(const double *moved, void *context)
{
    linear l = *(linear *)context;
    l.input[l.moved] = moved;
    reference(&l, l.y);
    return dot(l.dy, l.y, l.shape.R * l.shape.O);
}

static linear make(shape s)
{
    return (linear){.shape = s,
                    .input = {random_values(s.R * s.I, 1), random_values(s.O * s.I, 1), random_values(s.O, 1)},
                    .dy = random_values(s.R * s.O, 1),
                    .y = doubles(s.R * s.O)};
}

static void test_forward(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int with_bias = 0; with_bias < 2; with_bias++) {
            shape s = shapes[i];
            linear l = make(s);
            double *want = doubles(s.R * s.O);
            real *bias = with_bias ? copy_of(l.input[BIAS], s.O) : NULL, *y = reals((s.R - 1) * s.ldy + s.O);
            l.input[BIAS] = with_bias ? l.input[BIAS] : NULL;
            reference(&l, want);
            tec_linear_forward(rows_of(l.input[X], s.R, s.I, s.ldx), s.ldx, copy_of(l.input[WEIGHT], s.O * s.I), bias,
                               s.R, s.I, s.O, y, s.ldy);
            assert_rows("y", y, s.ldy, want, s.R, s.O, VALUE_TOLERANCE);
        }
}

static void test_residual(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        shape s = shapes[i];
        int n = s.R * s.O;
        linear l = make(s);
        double *want = doubles(n), *residual = random_values(n, 1);
        real *x = copy_of(l.input[X], s.R * s.I), *weight = copy_of(l.input[WEIGHT], s.O * s.I);
        real *bias = copy_of(l.input[BIAS], s.O), *in_place = copy_of(residual, n), *y = reals(n);
        reference(&l, want);
        for (int j = 0; j < n; j++)
            want[j] += residual[j];
        tec_linear_residual(x, weight, bias, in_place, s.R, s.I, s.O, y);
        assert_values("y", y, want, n, VALUE_TOLERANCE);
        tec_linear_residual(x, weight, bias, in_place, s.R, s.I, s.O, in_place);
        assert_values("y over the residual", in_place, want, n, VALUE_TOLERANCE);
    }
}

/* Row-distance [R, n] -> dense; nothing may have been written between the rows. */
static real *dense(const real *x, int R, int n, int ld)
{
    real *out = reals(R * n);
    for (int r = 0; r < R; r++) {
        memcpy(out + r * n, x + r * ld, (size_t)n * sizeof *out);
        for (int i = n; i < ld && r + 1 < R; i++)
            assert_true(isnan(x[r * ld + i]));
    }
    return out;
}

static void check_backward(shape s, real beta)
{
    int weights = s.O * s.I, inputs = s.R * s.I;
    linear l = make(s);
    const double *dx_before = random_values(inputs, 1), *dweight_before = random_values(weights, 1),
                 *dbias_before = random_values(s.O, 1);
    real *dx = beta == 1 ? rows_of(dx_before, s.R, s.I, s.ldx) : reals((s.R - 1) * s.ldx + s.I);
    real *dweight = copy_of(dweight_before, weights), *dbias = copy_of(dbias_before, s.O);
    tec_linear_backward(rows_of(l.dy, s.R, s.O, s.ldy), s.ldy, rows_of(l.input[X], s.R, s.I, s.ldx), s.ldx,
                        copy_of(l.input[WEIGHT], weights), s.R, s.I, s.O, dx, s.ldx, beta, dweight, dbias);
    real *by_x = dense(dx, s.R, s.I, s.ldx);
    l.moved = X;
    assert_gradient("x", loss, &l, l.input[X], beta == 1 ? added(by_x, dx_before, inputs) : by_x, inputs);
    l.moved = WEIGHT;
    assert_gradient("weight", loss, &l, l.input[WEIGHT], added(dweight, dweight_before, weights), weights);
    l.moved = BIAS;
    assert_gradient("bias", loss, &l, l.input[BIAS], added(dbias, dbias_before, s.O), s.O);
}

static void test_backward(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        check_backward(shapes[i], 0);
        check_backward(shapes[i], 1);
    }
}

static void test_backward_of_what_is_wanted_only(void **state)
{
    (void)state;
    shape s = {6, 5, 9, 5, 9};
    linear l = make(s);
    const double *zero = doubles(s.O * s.I);
    real *dweight = copy_of(zero, s.O * s.I);
    tec_linear_backward(copy_of(l.dy, s.R * s.O), s.O, copy_of(l.input[X], s.R * s.I), s.I, NULL, s.R, s.I, s.O, NULL,
                        0, 0, dweight, NULL);
    l.moved = WEIGHT;
    assert_gradient("weight", loss, &l, l.input[WEIGHT], dweight, s.O * s.I);
}

static void test_bias_backward(void **state)
{
    (void)state;
    static const int columns[] = {1, 7, 4096, WIDE};
    for (int c = 0; c < 4; c++)
        for (int R = 1; R <= 9; R++) {
            int O = columns[c], ld = O + R % 3;
            const double *dy = random_values(R * O, 1);
            double *want = random_values(O, 1);
            real *dbias = copy_of(want, O);
            for (int r = 0; r < R; r++)
                for (int o = 0; o < O; o++)
                    want[o] += dy[r * O + o];
            tec_bias_backward(rows_of(dy, R, O, ld), ld, R, O, dbias);
            assert_values("dbias", dbias, want, O, VALUE_TOLERANCE);
            numbers_free(state);
        }
}

static void test_add(void **state)
{
    (void)state;
    for (int n = 1; n < 40; n++) {
        const double *a = random_values(n, 1), *b = random_values(n, 1);
        double *want = doubles(n);
        for (int i = 0; i < n; i++)
            want[i] = a[i] + b[i];
        real *out = reals(n), *in_place = copy_of(a, n);
        tec_add(in_place, copy_of(b, n), n, out);
        assert_values("sum", out, want, n, VALUE_TOLERANCE);
        tec_add(in_place, copy_of(b, n), n, in_place);
        assert_values("sum over a", in_place, want, n, VALUE_TOLERANCE);
    }
}

/* Element (i, j) of a matrix after transposition. */
static double element(const double *x, int stride, tec_transpose transpose, int i, int j)
{
    return transpose == TEC_TRANSPOSED ? x[j * stride + i] : x[i * stride + j];
}

static void test_gemm(void **state)
{
    (void)state;
    enum { m = 5, n = 9, k = 11, stride = 12, ldc = 10 };
    for (int variant = 0; variant < 8; variant++) {
        tec_transpose ta = variant & 1 ? TEC_TRANSPOSED : TEC_PLAIN, tb = variant & 2 ? TEC_TRANSPOSED : TEC_PLAIN;
        double beta = variant & 4 ? 0.75 : 0;
        const double *a = random_values(stride * stride, 1), *b = random_values(stride * stride, 1);
        double *before = random_values(m * n, 1), *want = doubles(m * n);
        for (int i = 0; i < m * n; i++) {
            for (int l = 0; l < k; l++)
                want[i] += 1.5 * element(a, stride, ta, i / n, l) * element(b, stride, tb, l, i % n);
            want[i] += beta * before[i];
            before[i] = beta != 0 ? before[i] : NAN;
        }
        real *c = rows_of(before, m, n, ldc);
        tec_gemm(m, n, k, (real)1.5, (tec_matrix){copy_of(a, stride * stride), stride, ta},
                 (tec_matrix){copy_of(b, stride * stride), stride, tb}, (real)beta, c, ldc);
        assert_rows("c", c, ldc, want, m, n, VALUE_TOLERANCE);
    }
}

static const tec_gemm_kind *kind_of(int m)
{
    const tec_gemm_kind *kinds;
    for (int i = tec_gemm_measured(&kinds); i-- > 0;)
        if (kinds[i].m == m)
            return &kinds[i];
    fail_msg("no product with m = %d was measured", m);
    return NULL;
}

static void test_gemm_measures_when_asked(void **state)
{
    (void)state;
    const tec_gemm_kind *kinds;
    real *a = copy_of(random_values(64, 1), 64), *c = reals(64);
    tec_gemm_forget();
    tec_measure_start();
    tec_gemm(2, 3, 4, 1, tec_plain(a, 8), tec_plain(a, 8), 0, c, 8);
    for (int i = 0; i < 3; i++)
        tec_gemm(8, 8, 8, 1, tec_plain(a, 8), tec_transposed(a, 8), 0, c, 8);
    tec_measure_stop();
    tec_gemm(8, 8, 8, 1, tec_plain(a, 8), tec_transposed(a, 8), 0, c, 8);
    assert_true(tec_gemm_flops() == 2 * (2 * 3 * 4 + 3 * 8 * 8 * 8));
    assert_int_equal(tec_gemm_measured(&kinds), 2);
    assert_int_equal(kind_of(2)->calls, 1);
    assert_int_equal(kind_of(8)->calls, 3);
    assert_int_equal(kind_of(8)->b, TEC_TRANSPOSED);
    const tec_measured *gemm = &tec_measure_table()[TEC_OPERATOR_GEMM];
    assert_int_equal(gemm->calls, 4);
    assert_true(gemm->seconds > 0 && gemm->seconds < 10);
    assert_true(fabs(gemm->seconds - kind_of(2)->seconds - kind_of(8)->seconds) < 1e-9);
    tec_gemm_forget();
    assert_int_equal(tec_gemm_measured(&kinds), 0);
    assert_true(tec_gemm_flops() == 0);
}

/* More kinds than have room: the last one takes the rest, and nothing is lost. */
static void test_gemm_measures_many_kinds(void **state)
{
    (void)state;
    const tec_gemm_kind *kinds;
    real *a = copy_of(random_values(64, 1), 64), *c = reals(64);
    int64_t calls = 0;
    tec_gemm_forget();
    tec_measure_start();
    for (int i = 0; i < 2 * 512; i++)
        tec_gemm(1 + i % 8, 1 + i / 8 % 8, 1 + i / 64 % 8, 1, tec_plain(a, 8), tec_plain(a, 8), 0, c, 8);
    tec_measure_stop();
    int count = tec_gemm_measured(&kinds);
    assert_int_equal(count, TEC_GEMM_KINDS + 1);
    for (int i = 0; i < count; i++)
        calls += kinds[i].calls;
    assert_int_equal(calls, 2 * 512);
    assert_int_equal(kinds[0].calls, 2);
    assert_int_equal(kinds[TEC_GEMM_KINDS].calls, 2 * (512 - TEC_GEMM_KINDS));
    tec_gemm_forget();
}

static double cubic(const double *x, void *context)
{
    (void)context;
    return x[0] * x[0] * x[1] + sin(x[2]);
}

/* The checker itself: it must see one wrong element in a thousand. */
static void test_gradient_error_sees_a_wrong_gradient(void **state)
{
    (void)state;
    const double x[3] = {0.5, -2, 0.25};
    real right[3] = {(real)(2 * x[0] * x[1]), (real)(x[0] * x[0]), (real)cos(x[2])}, wrong[3];
    assert_true(gradient_error(cubic, NULL, x, right, 3, 3) < (TEC_REAL_IS_DOUBLE ? 1e-11 : 1e-6));
    for (int i = 0; i < 3; i++) {
        memcpy(wrong, right, sizeof wrong);
        wrong[i] *= (real)1.01;
        assert_true(gradient_error(cubic, NULL, x, wrong, 3, 3) > 1e-3);
        wrong[i] = NAN;
        assert_true(gradient_error(cubic, NULL, x, wrong, 3, 3) > 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_forward, numbers_free),
        cmocka_unit_test_teardown(test_residual, numbers_free),
        cmocka_unit_test_teardown(test_backward, numbers_free),
        cmocka_unit_test_teardown(test_backward_of_what_is_wanted_only, numbers_free),
        cmocka_unit_test_teardown(test_bias_backward, numbers_free),
        cmocka_unit_test_teardown(test_add, numbers_free),
        cmocka_unit_test_teardown(test_gemm, numbers_free),
        cmocka_unit_test_teardown(test_gemm_measures_when_asked, numbers_free),
        cmocka_unit_test_teardown(test_gemm_measures_many_kinds, numbers_free),
        cmocka_unit_test_teardown(test_gradient_error_sees_a_wrong_gradient, numbers_free),
    };
    int failed = 0;
    for (int threads = 1; threads <= 2; threads++) {
        tec_threads_set(threads);
        failed += cmocka_run_group_tests_name(threads == 1 ? "ops_linear, 1 thread" : "ops_linear, 2 threads", tests,
                                              NULL, NULL);
    }
    return failed;
}
