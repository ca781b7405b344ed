/* Stochastic depth: each sequence has its own factor, forward and backward. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SEQUENCES = 3 };

static const double factors[SEQUENCES] = {1.25, 0, 1};

/* The rows of the sequences that are kept, on end; *count is set to how many numbers they have. */
static real *kept_of(const double *value, int each, int *count)
{
    real *kept = reals(SEQUENCES * each);
    *count = 0;
    for (int s = 0; s < SEQUENCES; s++)
        for (int i = 0; i < each && factors[s] != 0; i++)
            kept[(*count)++] = (real)value[s * each + i];
    return kept;
}

static void check(int N, int D)
{
    int R = SEQUENCES * N, n = R * D, kept;
    const double *branch = random_values(n, 1), *residual = random_values(n, 1), *dy = random_values(n, 1);
    double *want = doubles(n), *dwant = doubles(n);
    for (int i = 0; i < n; i++) {
        want[i] = residual[i] + factors[i / (N * D)] * branch[i];
        dwant[i] = factors[i / (N * D)] * dy[i];
    }
    real *keep = copy_of(factors, SEQUENCES), *y = reals(n), *dbranch = reals(n), *over_residual = copy_of(residual, n);
    tec_branch_forward(kept_of(branch, N * D, &kept), keep, copy_of(residual, n), R, N, D, y);
    assert_values("sum", y, want, n, VALUE_TOLERANCE);
    tec_branch_forward(kept_of(branch, N * D, &kept), keep, over_residual, R, N, D, over_residual);
    assert_values("over the residual", over_residual, want, n, VALUE_TOLERANCE);
    tec_branch_backward(copy_of(dy, n), keep, R, N, D, dbranch);
    double *kept_dwant = doubles(n);
    const real *values = kept_of(dwant, N * D, &kept);
    for (int i = 0; i < kept; i++)
        kept_dwant[i] = values[i];
    assert_int_equal(kept, 2 * N * D);
    assert_values("gradient", dbranch, kept_dwant, kept, VALUE_TOLERANCE);
}

static void test_branch(void **state)
{
    static const int rows[] = {1, 2, 19}, columns[] = {1, 8, 37};
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) {
            check(rows[r], columns[c]);
            numbers_free(state);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_branch, numbers_free)};
    int failed = 0;
    for (int threads = 1; threads <= 2; threads++) {
        tec_threads_set(threads);
        failed += cmocka_run_group_tests_name(threads == 1 ? "ops_branch, 1 thread" : "ops_branch, 2 threads", tests,
                                              NULL, NULL);
    }
    return failed;
}
