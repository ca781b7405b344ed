/* Layer norm against a reference in double precision, its gradients against finite differences. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { X, WEIGHT, BIAS, INPUTS };

/* Layer norm over rows of `parts` pieces of D columns, and the loss whose gradient by y is dy. x stands concatenated.
 */
typedef struct layer_norm {
    int R, D, parts;
    double eps;
    const double *input[INPUTS], *dy;
    double *y, *mean, *rstd;
    int moved;
} layer_norm;

static void reference(const layer_norm *l)
{
    int n = l->D * l->parts;
    for (int r = 0; r < l->R; r++) {
        const double *x = l->input[X] + r * n;
        double mean = 0, variance = 0;
        for (int i = 0; i < n; i++)
            mean += x[i];
        mean /= n;
        for (int i = 0; i < n; i++)
            variance += (x[i] - mean) * (x[i] - mean) / n;
        l->mean[r] = mean;
        l->rstd[r] = 1 / sqrt(variance + l->eps);
        for (int i = 0; i < n; i++)
            l->y[r * n + i] = (x[i] - mean) * l->rstd[r] * l->input[WEIGHT][i] + l->input[BIAS][i];
    }
}

static double loss(const double *moved, void *context)
{
    layer_norm l = *(layer_norm *)context;
    l.input[l.moved] = moved;
    reference(&l);
    return dot(l.dy, l.y, l.R * l.D * l.parts);
}

static layer_norm make(int R, int D, int parts, double eps)
{
    int n = D * parts;
    return (layer_norm){.R = R,
                        .D = D,
                        .parts = parts,
                        .eps = (real)eps,
                        .input = {random_values(R * n, 2), random_values(n, 1), random_values(n, 1)},
                        .dy = random_values(R * n, 1),
                        .y = doubles(R * n),
                        .mean = doubles(R),
                        .rstd = doubles(R)};
}

/* Part p of the concatenated x as a matrix of its own. */
static const real *part(const layer_norm *l, int p)
{
    real *out = reals(l->R * l->D);
    for (int i = 0; i < l->R * l->D; i++)
        out[i] = (real)l->input[X][(i / l->D * l->parts + p) * l->D + i % l->D];
    return out;
}

static void assert_forward(const layer_norm *l, const real *y, const real *mean, const real *rstd)
{
    reference(l);
    assert_values("y", y, l->y, l->R * l->D * l->parts, VALUE_TOLERANCE);
    assert_values("mean", mean, l->mean, l->R, VALUE_TOLERANCE);
    assert_values("rstd", rstd, l->rstd, l->R, VALUE_TOLERANCE);
}

static void assert_weight_gradients(layer_norm *l, const real *dweight, const double *dweight_before, const real *dbias,
                                    const double *dbias_before)
{
    int n = l->D * l->parts;
    l->moved = WEIGHT;
    assert_gradient("weight", loss, l, l->input[WEIGHT], added(dweight, dweight_before, n), n);
    l->moved = BIAS;
    assert_gradient("bias", loss, l, l->input[BIAS], added(dbias, dbias_before, n), n);
}

static void check(int R, int D, bool add)
{
    layer_norm l = make(R, D, 1, 1e-6);
    const double *dweight_before = random_values(D, 1), *dbias_before = random_values(D, 1),
                 *dx_before = random_values(R * D, 1);
    real *x = copy_of(l.input[X], R * D), *weight = copy_of(l.input[WEIGHT], D), *y = reals(R * D), *mean = reals(R),
         *rstd = reals(R), *dx = add ? copy_of(dx_before, R * D) : reals(R * D), *dweight = copy_of(dweight_before, D),
         *dbias = copy_of(dbias_before, D);
    tec_layernorm_forward(x, weight, copy_of(l.input[BIAS], D), (real)1e-6, R, D, y, mean, rstd);
    assert_forward(&l, y, mean, rstd);
    tec_layernorm_backward(copy_of(l.dy, R * D), x, mean, rstd, weight, R, D, dx, add, dweight, dbias);
    l.moved = X;
    assert_gradient("x", loss, &l, l.input[X], add ? added(dx, dx_before, R * D) : dx, R * D);
    assert_weight_gradients(&l, dweight, dweight_before, dbias, dbias_before);
}

static void test_layernorm(void **state)
{
    static const int rows[] = {1, 2, 17}, widths[] = {3, 8, 31};
    for (int r = 0; r < 3; r++)
        for (int d = 0; d < 3; d++) {
            check(rows[r], widths[d], false);
            check(rows[r], widths[d], true);
            numbers_free(state);
        }
}

static void check_concat(int R, int D, int parts)
{
    layer_norm l = make(R, D, parts, 1e-5);
    int n = D * parts;
    const double *dweight_before = random_values(n, 1), *dbias_before = random_values(n, 1);
    const real *x[8];
    real *weight = copy_of(l.input[WEIGHT], n), *y = reals(R * n), *mean = reals(R), *rstd = reals(R),
         *dy = copy_of(l.dy, R * n), *dweight = copy_of(dweight_before, n), *dbias = copy_of(dbias_before, n);
    for (int p = 0; p < parts; p++)
        x[p] = part(&l, p);
    tec_layernorm_concat_forward(x, parts, weight, copy_of(l.input[BIAS], n), (real)1e-5, R, D, y, mean, rstd);
    assert_forward(&l, y, mean, rstd);
    tec_layernorm_concat_backward(dy, x, parts, mean, rstd, weight, R, D, dweight, dbias);
    l.moved = X;
    assert_gradient("the concatenation", loss, &l, l.input[X], dy, R * n);
    assert_weight_gradients(&l, dweight, dweight_before, dbias, dbias_before);
}

static void test_layernorm_concat(void **state)
{
    static const int rows[] = {1, 5, 18}, widths[] = {5, 8};
    for (int r = 0; r < 3; r++)
        for (int d = 0; d < 2; d++)
            for (int parts = 1; parts <= 4; parts++) {
                check_concat(rows[r], widths[d], parts);
                numbers_free(state);
            }
}

/* One pass over sums of squares would lose everything here; a constant row has only eps to divide by. */
static void test_layernorm_far_from_zero(void **state)
{
    (void)state;
    enum { R = 2, D = 24 };
    double offset = TEC_REAL_IS_DOUBLE ? 1e8 : 4096;
    layer_norm l = make(R, D, 1, 1e-6);
    double *x = doubles(R * D);
    for (int i = 0; i < R * D; i++)
        x[i] = offset + (i < D ? (real)(0.25 * (i % 5)) : 0);
    l.input[X] = x;
    real *y = reals(R * D), *mean = reals(R), *rstd = reals(R);
    tec_layernorm_forward(copy_of(x, R * D), copy_of(l.input[WEIGHT], D), copy_of(l.input[BIAS], D), (real)1e-6, R, D,
                          y, mean, rstd);
    reference(&l);
    assert_values("y", y, l.y, R * D, TEC_REAL_IS_DOUBLE ? 1e-6 : 5e-3);
    assert_true(isfinite(rstd[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_layernorm, numbers_free),
        cmocka_unit_test_teardown(test_layernorm_concat, numbers_free),
        cmocka_unit_test_teardown(test_layernorm_far_from_zero, numbers_free),
    };
    int failed = 0;
    for (int threads = 1; threads <= 2; threads++) {
        tec_threads_set(threads);
        failed +=
            cmocka_run_group_tests_name(threads == 1 ? "ops_norm, 1 thread" : "ops_norm, 2 threads", tests, NULL, NULL);
    }
    return failed;
}
