/* The table of operators: what counts for whom. */
#include "tec/clock.h"
#include "tec/measure.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void spend(double seconds)
{
    for (double end = tec_seconds() + seconds; tec_seconds() < end;)
        ;
}

static void inner(void)
{
    TEC_MEASURE(TEC_OPERATOR_SOFTMAX);
    spend(0.002);
}

static void outer(void)
{
    TEC_MEASURE(TEC_OPERATOR_ATTENTION);
    spend(0.001);
    inner();
    inner();
}

static double seconds(tec_operator op)
{
    return tec_measure_table()[op].seconds;
}

static void test_off(void **state)
{
    (void)state;
    tec_measure_start();
    tec_measure_stop();
    outer();
    for (int i = 0; i < TEC_OPERATORS; i++)
        assert_int_equal(tec_measure_table()[i].calls, 0);
}

/* What an inner operator takes is not counted twice: all of them together are no more than what went by. */
static void test_nested(void **state)
{
    (void)state;
    double start = tec_seconds();
    tec_measure_start();
    outer();
    outer();
    tec_measure_stop();
    double elapsed = tec_seconds() - start;
    assert_int_equal(tec_measure_table()[TEC_OPERATOR_ATTENTION].calls, 2);
    assert_int_equal(tec_measure_table()[TEC_OPERATOR_SOFTMAX].calls, 4);
    assert_true(seconds(TEC_OPERATOR_SOFTMAX) >= 0.008);
    assert_true(seconds(TEC_OPERATOR_ATTENTION) >= 0.002);
    assert_true(seconds(TEC_OPERATOR_SOFTMAX) + seconds(TEC_OPERATOR_ATTENTION) <= elapsed);
}

static void test_starts_anew(void **state)
{
    (void)state;
    tec_measure_start();
    outer();
    tec_measure_start();
    inner();
    tec_measure_stop();
    assert_int_equal(tec_measure_table()[TEC_OPERATOR_ATTENTION].calls, 0);
    assert_int_equal(tec_measure_table()[TEC_OPERATOR_SOFTMAX].calls, 1);
}

static void *work(void *unused)
{
    outer();
    return unused;
}

static void test_other_threads_do_not_count(void **state)
{
    (void)state;
    pthread_t thread;
    tec_measure_start();
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
    pthread_join(thread, NULL);
    tec_measure_stop();
    for (int i = 0; i < TEC_OPERATORS; i++)
        assert_int_equal(tec_measure_table()[i].calls, 0);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < TEC_OPERATORS; i++) {
        assert_non_null(tec_operator_name((tec_operator)i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(tec_operator_name((tec_operator)i), tec_operator_name((tec_operator)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_off), cmocka_unit_test(test_nested),
                                       cmocka_unit_test(test_starts_anew),
                                       cmocka_unit_test(test_other_threads_do_not_count), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
