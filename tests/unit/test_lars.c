/* LARS against three steps computed with PyTorch in double precision, after MAE's optimiser. */
#include "tec/lars.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double tolerance = TEC_REAL_IS_DOUBLE ? 1e-12 : 1e-6;

static void expect_near(const real *got, const double *want, int count)
{
    for (int i = 0; i < count; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance * fabs(want[i])))
            fail_msg("[%d] is %.9g instead of %.9g", i, (double)got[i], want[i]);
}

static void test_three_steps(void **state)
{
    (void)state;
    static const real weight_grad[3][6] = {
        {1, 2, -3, 0.5, -0.25, 4}, {-2, 0.125, 1, 0, 3, -1}, {0.25, -0.5, 2, 1, 1, 0}};
    static const real bias_grad[3][2] = {{(real)0.1, (real)-0.7}, {(real)0.3, (real)0.2}, {(real)-0.6, (real)0.9}};
    static const double lr[3] = {10, 20, 5};
    static const double weight_want[6] = {0.5151816048519539, -1.277127427365657,  0.7674193168982905,
                                          1.9840199675326686, 0.05028241469090219, -0.3429976640898868};
    static const double moment_want[6] = {-0.0005111786550512825, 0.0002115362071540358, 0.0015071870612666724,
                                          0.0013691758000127833,  0.0026754729692668247, 0.0008844471841264168};
    static const double bias_want[2] = {-7.355, 12.635}, bias_moment_want[2] = {-0.249, 0.513};

    real weight[6] = {0.5, -1.25, 0.75, 2, (real)0.1, (real)-0.3}, moment[6] = {0};
    real bias[2] = {(real)0.2, (real)-0.4}, bias_moment[2] = {0};
    for (int step = 0; step < 3; step++) {
        tec_lars_settings settings = {.lr = lr[step], .momentum = 0.9, .weight_decay = 0.05, .trust = 0.001};
        tec_lars_step(&settings, true, 6, weight, weight_grad[step], moment);
        tec_lars_step(&settings, false, 2, bias, bias_grad[step], bias_moment);
    }
    expect_near(weight, weight_want, 6);
    expect_near(moment, moment_want, 6);
    expect_near(bias, bias_want, 2);
    expect_near(bias_moment, bias_moment_want, 2);
}

/* A norm of zero leaves the update unscaled instead of dividing by it. */
static void test_zero_norms(void **state)
{
    (void)state;
    tec_lars_settings settings = {.lr = 0.5, .momentum = 0.9, .trust = 0.001};
    real weight[2] = {0, 0}, moment[2] = {0, 0}, grad[2] = {1, -2}, none[2] = {0, 0};
    tec_lars_step(&settings, true, 2, weight, grad, moment);
    expect_near(weight, (const double[]){-0.5, 1}, 2);
    tec_lars_step(&settings, true, 2, weight, none, moment);
    expect_near(weight, (const double[]){-0.95, 1.9}, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_three_steps), cmocka_unit_test(test_zero_norms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
