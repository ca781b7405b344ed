/* GELU, its approximations and SwiGLU against references in double precision, their gradients against finite differences. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { X, BIAS, INPUTS };

/* y = gelu(x + bias), and the loss whose gradient by y is dy. */
typedef struct layer {
    int R, O;
    const double *input[INPUTS], *dy;
    int moved;
} layer;

static double gelu(double u)
{
    return u * 0.5 * erfc(-u / sqrt(2));
}

static double derivative(double u)
{
    return 0.5 * erfc(-u / sqrt(2)) + u * exp(-u * u / 2) / sqrt(2 * acos(-1));
}

static double loss(const double *moved, void *context)
{
    layer l = *(layer *)context;
    l.input[l.moved] = moved;
    double sum = 0;
    for (int i = 0; i < l.R * l.O; i++)
        sum += l.dy[i] * gelu(l.input[X][i] + l.input[BIAS][i % l.O]);
    return sum;
}

static void check(int R, int O)
{
    int n = R * O;
    layer l = {R, O, {random_values(n, 1), random_values(O, 1)}, random_values(n, 1), X};
    double *want = doubles(n), *slope = doubles(n), *dbias_before = random_values(O, 1);
    for (int i = 0; i < n; i++) {
        want[i] = gelu(l.input[X][i] + l.input[BIAS][i % O]);
        slope[i] = derivative(l.input[X][i] + l.input[BIAS][i % O]);
    }
    real *x = copy_of(l.input[X], n), *bias = copy_of(l.input[BIAS], O), *y = reals(n), *dy = copy_of(l.dy, n),
         *in_place = copy_of(l.input[X], n), *dbias = copy_of(dbias_before, O);
    tec_gelu_forward_only(in_place, bias, R, O);
    assert_values("gelu without its derivative", in_place, want, n, VALUE_TOLERANCE);
    tec_gelu_forward(x, bias, R, O, y);
    assert_values("gelu", y, want, n, VALUE_TOLERANCE);
    assert_values("its derivative", x, slope, n, VALUE_TOLERANCE);
    tec_gelu_backward(dy, x, R, O, dbias);
    assert_gradient("x", loss, &l, l.input[X], dy, n);
    l.moved = BIAS;
    assert_gradient("bias", loss, &l, l.input[BIAS], added(dbias, dbias_before, O), O);
}

static void test_gelu(void **state)
{
    static const int rows[] = {1, 2, 19}, columns[] = {1, 8, 37};
    for (int r = 0; r < 3; r++)
        for (int o = 0; o < 3; o++) {
            check(rows[r], columns[o]);
            numbers_free(state);
        }
}

/* Far out gelu is 0 or the identity, with slope 0 or 1; both tails, and where erf saturates. */
static void test_gelu_far_out(void **state)
{
    (void)state;
    enum { n = 8 };
    static const double x[n] = {-1e4, -40, -20, -6, 6, 20, 40, 1e4}, zero[n];
    real *u = copy_of(x, n), *y = reals(n), *only = copy_of(x, n);
    tec_gelu_forward(u, copy_of(zero, n), 1, n, y);
    tec_gelu_forward_only(only, copy_of(zero, n), 1, n);
    for (int i = 0; i < n; i++) {
        double tolerance = VALUE_TOLERANCE * fmax(1, gelu(x[i]));
        assert_true(fabs(y[i] - gelu(x[i])) <= tolerance);
        assert_true(fabs(only[i] - gelu(x[i])) <= tolerance);
        assert_true(fabs(u[i] - derivative(x[i])) <= VALUE_TOLERANCE);
    }
}

/* a and b of one row, with a far out on both sides, where silu(a) is 0 or a. */
static void test_swiglu(void **state)
{
    (void)state;
    enum { n = 9 };
    static const double x[2 * n] = {-1e4, -100, -88, -80, -1, 0, 2, 80, 1e4, 1, 2, -3, 4, 5, 6, 7, -8, 9};
    real *y = reals(n);
    tec_swiglu_forward(copy_of(x, 2 * n), 1, n, y);
    for (int i = 0; i < n; i++) {
        double want = x[i] / (1 + exp(-x[i])) * x[n + i];
        assert_true(fabs(y[i] - want) <= VALUE_TOLERANCE * fmax(1, fabs(want)));
    }
}

/* What SwiGLU's loss is by x, if its gradient by y is dy. */
typedef struct gated {
    int R, O;
    const double *dy;
} gated;

static double gated_loss(const double *x, void *context)
{
    const gated *g = context;
    double sum = 0;
    for (int i = 0; i < g->R; i++)
        for (int o = 0; o < g->O; o++) {
            double a = x[i * 2 * g->O + o], b = x[i * 2 * g->O + g->O + o];
            sum += g->dy[i * g->O + o] * a / (1 + exp(-a)) * b;
        }
    return sum;
}

static void test_swiglu_backward(void **state)
{
    static const int rows[] = {1, 2, 19}, columns[] = {1, 8, 37};
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) {
            int R = rows[r], O = columns[c];
            gated g = {R, O, random_values(R * O, 1)};
            const double *x = random_values(2 * R * O, 1);
            real *dx = copy_of(x, 2 * R * O);
            tec_swiglu_backward(copy_of(g.dy, R * O), R, O, dx);
            assert_gradient("x", gated_loss, &g, x, dx, 2 * R * O);
            numbers_free(state);
        }
}

static double gelu_tanh(double u)
{
    return u / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (u + 0.044715 * u * u * u)));
}

static double quick_gelu(double u)
{
    return u / (1 + exp(-1.702 * u));
}

static void check_approximation(const char *name, void (*op)(real *, const real *, int, int), double (*of)(double))
{
    enum { R = 7, O = 19, N = R * O };
    static const double far[] = {-1e4, -60, -20, 20, 60, 1e4};
    double *x = random_values(N, 4), *bias = random_values(O, 1), *want = doubles(N);
    for (int i = 0; i < 6; i++)
        x[i * O] = far[i];
    for (int i = 0; i < N; i++)
        want[i] = of(x[i] + bias[i % O]);
    real *y = copy_of(x, N);
    op(y, copy_of(bias, O), R, O);
    for (int i = 0; i < N; i++)
        if (!(fabs(y[i] - want[i]) <= VALUE_TOLERANCE * fmax(1, fabs(want[i]))))
            fail_msg("%s(%g) is %g instead of %g", name, x[i] + bias[i % O], (double)y[i], want[i]);
}

static void test_approximations(void **state)
{
    (void)state;
    check_approximation("gelu_tanh", tec_gelu_tanh_forward_only, gelu_tanh);
    check_approximation("quick_gelu", tec_quick_gelu_forward_only, quick_gelu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_gelu, numbers_free),
        cmocka_unit_test_teardown(test_gelu_far_out, numbers_free),
        cmocka_unit_test_teardown(test_swiglu, numbers_free),
        cmocka_unit_test_teardown(test_swiglu_backward, numbers_free),
        cmocka_unit_test_teardown(test_approximations, numbers_free),
    };
    int failed = 0;
    for (int threads = 1; threads <= 2; threads++) {
        tec_threads_set(threads);
        failed +=
            cmocka_run_group_tests_name(threads == 1 ? "ops_gelu, 1 thread" : "ops_gelu, 2 threads", tests, NULL, NULL);
    }
    return failed;
}
