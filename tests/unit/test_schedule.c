/* The learning rate over a run: warm-up, cosine, both ends; figures of MAE's util/lr_sched.py. */
#include "tec/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * fabs(want) + 1e-18))
        fail_msg("%.17g instead of %.17g", got, want);
}

static void test_mae(void **state)
{
    (void)state;
    static const struct {
        double epoch, epochs, warmup, lr, min_lr, want;
    } row[] = {{0, 100, 5, 1e-3, 1e-5, 0},
               {2.5, 100, 5, 1e-3, 1e-5, 0.0005},
               {5, 100, 5, 1e-3, 1e-5, 0.001},
               {7.25, 100, 5, 1e-3, 1e-5, 0.0009986304042470058},
               {33.3, 100, 5, 1e-3, 1e-5, 0.00079859593360693713},
               {52.5, 100, 5, 1e-3, 1e-5, 0.000505},
               {99.9, 100, 5, 1e-3, 1e-5, 1.0002706620346969e-05},
               {100, 100, 5, 1e-3, 1e-5, 1e-5},
               {2.5, 10, 0, 2, 0, 1.7071067811865475},
               {0.75, 3, 1.5, 0.4, 0.1, 0.2}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        expect(tec_schedule_cosine(row[i].epoch, row[i].epochs, row[i].warmup, row[i].lr, row[i].min_lr), row[i].want);
}

static void test_no_warmup(void **state)
{
    (void)state;
    expect(tec_schedule_cosine(0, 10, 0, 2, 0.5), 2);
    expect(tec_schedule_cosine(10, 10, 0, 2, 0.5), 0.5);
}

/* A run that ends within its warm-up has no cosine to divide by. */
static void test_warmup_only(void **state)
{
    (void)state;
    expect(tec_schedule_cosine(1, 4, 8, 2, 0.5), 0.25);
    expect(tec_schedule_cosine(4, 4, 8, 2, 0.5), 1);
    expect(tec_schedule_cosine(4, 4, 4, 2, 0.5), 2);
}

/* Up to the peak, then down, without a jump. */
static void test_shape(void **state)
{
    (void)state;
    double before = 0;
    for (int i = 0; i <= 3000; i++) {
        double epoch = i / 100.0, lr = tec_schedule_cosine(epoch, 30, 3, 1, 0.1);
        assert_true(epoch <= 3 ? lr >= before : lr <= before);
        assert_true(fabs(lr - before) < 0.01);
        assert_true(lr <= 1 && (epoch < 3 || lr >= 0.1));
        before = lr;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mae), cmocka_unit_test(test_no_warmup),
                                       cmocka_unit_test(test_warmup_only), cmocka_unit_test(test_shape)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
