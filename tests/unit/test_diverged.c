/* Which samples the message of a diverged step names. */
#include "src/train/diverged.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A batch of four images with 3 inputs each: examples 4 .. 6 are of the second and the third. */
static void test_loss(void **state)
{
    (void)state;
    const tec_feed_item item[] = {{.sample = 10}, {.sample = 7}, {.sample = 30}, {.sample = 40}};
    const tec_feed_batch batch = {.asked = 5, .count = 4, .item = item};
    assert_int_equal(tec_diverged_loss(4, &batch, 3, 4, 3, INFINITY), TEC_DIVERGED);
    assert_string_equal(tec_error_message(), "step 5: the loss is inf; sample ids: 7, 30");
    assert_int_equal(tec_diverged_loss(0, &batch, 3, 9, 3, INFINITY), TEC_DIVERGED);
    assert_string_equal(tec_error_message(), "step 1: the loss is inf; sample ids: 40");
}

/* The whole global batch, cut where the message ends. */
static void test_gradient(void **state)
{
    (void)state;
    tec_sampler sampler;
    const tec_step_result result = {.loss = {1, 0.5}, .gradient_norm = INFINITY};
    assert_int_equal(tec_sampler_create(&sampler, 3, &(tec_recipe){.batch = 3, .seed = 1}), TEC_OK);
    assert_int_equal(tec_diverged_gradient(&sampler, 1, &result), TEC_DIVERGED);
    const char *ids = strstr(tec_error_message(), "sample ids: ");
    assert_non_null(ids);
    for (const char *const *id = (const char *const[]){"0", "1", "2", NULL}; *id; id++)
        assert_non_null(strstr(ids, *id));
    assert_non_null(strstr(tec_error_message(), "step 2: "));
    assert_null(strstr(ids, "..."));
    tec_sampler_free(&sampler);

    assert_int_equal(tec_sampler_create(&sampler, 1000, &(tec_recipe){.batch = 1000, .seed = 1}), TEC_OK);
    assert_int_equal(tec_diverged_gradient(&sampler, 0, &result), TEC_DIVERGED);
    const char *message = tec_error_message();
    assert_string_equal(message + strlen(message) - 5, ", ...");
    tec_sampler_free(&sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loss), cmocka_unit_test(test_gradient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
