/* Stochastic depth: each sequence has its own factor, forward and backward. */
#include "tec/ops.h"

#include "gradient.h"
#include "tec/gemm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SEQUENCES = 3 };

static const double factors[SEQUENCES] = {0, 1.25, 1};

static void check(int N, int D)
{
    int R = SEQUENCES * N, n = R * D;
    const double *branch = random_values(n, 1), *residual = random_values(n, 1), *dy = random_values(n, 1);
    double *want = doubles(n), *dwant = doubles(n);
    for (int i = 0; i < n; i++) {
        want[i] = residual[i] + factors[i / (N * D)] * branch[i];
        dwant[i] = factors[i / (N * D)] * dy[i];
    }
    real *keep = copy_of(factors, SEQUENCES), *y = reals(n), *dbranch = reals(n), *over_branch = copy_of(branch, n),
         *over_residual = copy_of(residual, n);
    tec_branch_forward(copy_of(branch, n), keep, copy_of(residual, n), R, N, D, y);
    assert_values("sum", y, want, n, VALUE_TOLERANCE);
    tec_branch_forward(over_branch, keep, copy_of(residual, n), R, N, D, over_branch);
    assert_values("over the branch", over_branch, want, n, VALUE_TOLERANCE);
    tec_branch_forward(copy_of(branch, n), keep, over_residual, R, N, D, over_residual);
    assert_values("over the residual", over_residual, want, n, VALUE_TOLERANCE);
    tec_branch_backward(copy_of(dy, n), keep, R, N, D, dbranch);
    assert_values("gradient", dbranch, dwant, n, VALUE_TOLERANCE);
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
