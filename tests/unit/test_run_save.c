/* What is said of the last checkpoint of a run. */
#include "folder.h"

#include "src/train/run_save.h"

#include "tec/files.h"
#include "tec/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void expect(const run_saving *saving, const char *part)
{
    const tec_run_plan plan = {.dir = folder_top};
    char *text = tec_run_saving_last(saving, &plan);
    if (!strstr(text, part))
        fail_msg("'%s' does not hold '%s'", text, part);
    free(text);
}

static void test_last(void **state)
{
    (void)state;
    run_saving saving = {.step = -1};
    char *path = tec_path_join(folder_top, "checkpoint.h5"), *previous = tec_checkpoint_previous(path);
    expect(&saving, "there is no checkpoint yet");
    saving.step = 20;
    expect(&saving, "there is no checkpoint any more: that of step 20, ");
    assert_int_equal(tec_file_write(previous, "", 0), TEC_OK);
    expect(&saving, "checkpoint_prev.h5 (step 20)");
    assert_int_equal(tec_file_write(path, "", 0), TEC_OK);
    expect(&saving, "checkpoint.h5 (step 20)");
    free(previous);
    free(path);
}

/* A run whose last checkpoint cannot be written does not promise to go on from one that is gone. */
static void test_failed(void **state)
{
    (void)state;
    const tec_run_plan plan = {.dir = "/nowhere"};
    run_saving saving = {.step = 20};
    tec_fail(TEC_SYSTEM_ERROR, "the disk");
    assert_int_equal(tec_run_saving_failed(&saving, &plan, 30, TEC_SYSTEM_ERROR, true), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "there is no checkpoint any more"));
    assert_non_null(strstr(tec_error_message(), "the same command begins anew"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_last, folder_setup, folder_teardown),
        cmocka_unit_test(test_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
