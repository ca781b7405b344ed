/* What counts as a changed setting of a run that is resumed. */
#include "capture.h"

#include "tec/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What the program of a run kept of how images are resized; what it is now, given or as a model's file says. */
static const struct {
    const char *before, *given[3], *found;
    const char *changes;
} cases[] = {
    {"{data: {image_size: 224}}", {NULL}, NULL, ""},
    {"{data: {image_size: 224}, eval: {resize: shorter, crop_pct: 0.875, interpolation: bicubic}}", {NULL}, NULL, ""},
    {"{data: {image_size: 224}}", {NULL}, "squash", ""},
    {"{data: {image_size: 224}, eval: {resize: squash, crop_pct: 0.9}}",
     {NULL},
     "squash",
     "eval.crop_pct was 0.9, is 0"},
    {"{data: {image_size: 224}}", {"eval.resize=squash"}, NULL, "eval.resize was auto, is squash"},
    {"{data: {image_size: 224}}",
     {"eval.resize=shorter", "eval.crop_pct=0.875", "eval.interpolation=bicubic"},
     NULL,
     ""},
    {"{data: {image_size: 224}}", {"eval.crop_pct=1"}, NULL, "eval.crop_pct was 0, is 1"},
    {"{eval: {crop_pct: 1}}", {"eval.crop_pct=0.5"}, NULL, "eval.crop_pct was 1, is 0.5"},
    {"{eval: {interpolation: lanczos}}", {NULL}, NULL, "eval.interpolation was lanczos, is auto"},
    {"{eval: {batch: 7}}", {NULL}, NULL, "eval.batch was 7, is 64"}};

static void test_resizing(void **state)
{
    (void)state;
    static const char *const sections[] = {"data", "eval", NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tec_settings settings;
        tec_run_changes changes = {0};
        int count = 0;
        while (count < 3 && cases[i].given[count])
            count++;
        assert_int_equal(tec_settings_resolve(
                             &settings, &(tec_settings_source){.overrides = cases[i].given, .override_count = count}),
                         TEC_OK);
        if (cases[i].found)
            settings.eval.resize = TEC_RESIZE_SQUASH;
        const tec_setup_now now = {&settings, sections, tec_setup_tuning_recipe};
        char said[200];
        capture *c = capture_begin();
        const tec_status status = tec_setup_compare(&now, cases[i].before, &changes);
        capture_end(c, said, sizeof said);
        assert_int_equal(status, TEC_OK);
        const bool found = cases[i].found && !strstr(cases[i].before, "squash");
        assert_string_equal(said,
                            found ? "tec: eval.resize, which the run so far left open, is squash from now on\n" : "");
        char *text = tec_run_changes_text(&changes, NULL);
        assert_string_equal(text, cases[i].changes);
        free(text);
        tec_run_changes_free(&changes);
        tec_settings_free(&settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resizing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
