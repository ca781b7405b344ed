/* log.jsonl: every line is JSON with what the run was told to write; a resumed run continues at its checkpoint. */
#include "capture.h"
#include "file_limit.h"
#include "folder.h"

#include "src/train/run_log.h"

#include "tec/files.h"
#include "tec/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static const char *const two_losses[] = {"loss_fea", "loss_att", NULL};

static void write_steps(int64_t from, int64_t first, int64_t last)
{
    run_log log = {0};
    bool validated;
    assert_int_equal(tec_run_log_open(&log, folder_top, from, false, &validated), TEC_OK);
    assert_false(validated);
    for (int64_t step = first; step <= last; step++) {
        run_log_line line = {.kind = step % 4 ? "step" : "epoch",
                             .epoch = 1 + (step - 1) / 4,
                             .step = step,
                             .loss_names = two_losses,
                             .loss = {1.0 / (double)step, 1e-12},
                             .lr = 1.5e-4,
                             .gradient_norm = 3e20,
                             .images_per_second = 123.5,
                             .wait_share = 0.25,
                             .reduce_share = 0.125,
                             .slowest_rank = 3,
                             .slowest_host = "n2",
                             .slowest_share = 0.75,
                             .seconds = 10.0 * (double)step};
        assert_int_equal(tec_run_log_write(&log, &line), TEC_OK);
    }
    tec_run_log_close(&log);
}

static char *log_text(size_t *bytes)
{
    char *text, *path = tec_path_join(folder_top, "log.jsonl");
    assert_int_equal(tec_file_read(path, 1 << 20, &text, bytes), TEC_OK);
    free(path);
    return text;
}

static void put_text(const char *text, size_t bytes)
{
    char *path = tec_path_join(folder_top, "log.jsonl");
    assert_int_equal(tec_file_write(path, text, bytes), TEC_OK);
    free(path);
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* The log holds the lines of the steps 1 .. last and nothing else. */
static void expect_steps(int64_t last)
{
    size_t bytes;
    char *text = log_text(&bytes), *rest = text, *line;
    int64_t step = 0;
    assert_true(bytes == 0 || text[bytes - 1] == '\n');
    while ((line = strsep(&rest, "\n")) && *line) {
        json_t *object = json_loads(line, 0, NULL);
        assert_non_null(object);
        assert_int_equal(number(object, "step"), ++step);
        json_decref(object);
    }
    assert_int_equal(step, last);
    free(text);
}

static void test_lines(void **state)
{
    (void)state;
    size_t bytes;
    write_steps(0, 1, 3);
    write_steps(0, 1, 1); /* a new run starts its log over */
    char *text = log_text(&bytes);
    assert_ptr_equal(strchr(text, '\n'), text + bytes - 1);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "kind")), "step");
    assert_int_equal(number(object, "epoch"), 1);
    assert_int_equal(number(object, "step"), 1);
    assert_true(number(object, "loss_fea") == 1 && number(object, "loss_att") == 1e-12);
    assert_true(number(object, "lr") == 1.5e-4 && number(object, "gradient_norm") == 3e20);
    assert_true(number(object, "images_per_second") == 123.5 && number(object, "seconds") == 10);
    assert_true(number(object, "wait_share") == 0.25 && number(object, "reduce_share") == 0.125);
    assert_true(number(object, "slowest_rank") == 3 && number(object, "slowest_share") == 0.75);
    assert_string_equal(json_string_value(json_object_get(object, "slowest_host")), "n2");
    json_decref(object);
    free(text);
}

/* Killed at step 9, whose checkpoint is of step 6: what comes later is written again. */
static void test_resume(void **state)
{
    (void)state;
    write_steps(0, 1, 9);
    expect_steps(9);
    write_steps(6, 7, 8);
    expect_steps(8);
    write_steps(8, 9, 9); /* stopped in order */
    expect_steps(9);
}

/* The kill came in the middle of a line, at any byte of it. */
static void test_half_a_line(void **state)
{
    (void)state;
    size_t bytes, before;
    write_steps(0, 1, 4);
    free(log_text(&before));
    write_steps(4, 5, 5);
    char *text = log_text(&bytes);
    for (size_t cut = before; cut < bytes; cut += cut == before || cut + 8 > bytes ? 1 : 7) {
        put_text(text, cut);
        write_steps(4, 5, 6);
        expect_steps(6);
    }
    free(text);
}

/* Lines that are none, as a full disk or an editor leaves them: nothing behind them is trusted. */
static void test_broken_lines(void **state)
{
    (void)state;
    static const char *const bad[] = {"\n",    "{\"kind\":\"st\n", "[1]\n", "{\"step\":\"3\"}\n", "{\"step\":1.5}\n",
                                      "\xff\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t bytes;
        write_steps(0, 1, 2);
        char *text = log_text(&bytes), *more = tec_string_format("%s%s{\"step\":2}\n", text, bad[i]);
        put_text(more, strlen(more));
        write_steps(5, 3, 4);
        expect_steps(4);
        free(more);
        free(text);
    }
}

static void test_no_log_to_resume(void **state)
{
    (void)state;
    char *path = tec_path_join(folder_top, "log.jsonl");
    unlink(path);
    write_steps(5, 1, 1);
    expect_steps(1);
    free(path);
}

/* A run that is resumed at a step knows from the log whether its validation has been done; a line that was cut short, and
 * one whose results could not be written, do not count, and one of a later step is dropped. */
static void test_validation_is_known(void **state)
{
    (void)state;
    const tec_validation v = {.images = 10, .top1 = 5, .top5 = 10, .loss = 1};
    static const struct {
        int64_t step;
        bool validated;
        const char *after;
        bool lost;
    } expected[] = {{4, true, "", false},
                    {4, false, "half", false},
                    {3, false, "", false},
                    {8, false, "", false},
                    {4, false, "", true}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        run_log log = {0};
        bool validated;
        size_t bytes;
        write_steps(0, 1, 4);
        assert_int_equal(tec_run_log_open(&log, folder_top, 4, false, &validated), TEC_OK);
        assert_false(validated);
        assert_int_equal(tec_run_log_validation(&log, 1, 4, &v, !expected[i].lost), TEC_OK);
        tec_run_log_close(&log);
        char *text = log_text(&bytes);
        if (expected[i].after[0])
            put_text(text, bytes - 5);
        free(text);
        log = (run_log){0};
        assert_int_equal(tec_run_log_open(&log, folder_top, expected[i].step, false, &validated), TEC_OK);
        assert_int_equal(validated, expected[i].validated);
        tec_run_log_close(&log);
        text = log_text(&bytes);
        assert_int_equal(strstr(text, "validation") != NULL,
                         expected[i].step >= 4 && !expected[i].after[0] && !expected[i].lost);
        free(text);
    }
}

static void test_not_writable(void **state)
{
    (void)state;
    run_log log = {0};
    bool validated;
    char *path = tec_path_join(folder_top, "none");
    assert_int_equal(tec_run_log_open(&log, path, 0, false, &validated), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "none/log.jsonl"));
    tec_run_log_close(&log);
    free(path);
}

/* Lines that find no room are kept, no half of one is left, and they are written once there is room. */
static void test_full_disk(void **state)
{
    (void)state;
    char said[2000];
    size_t before;
    bool validated;
    run_log log = {0};
    run_log_line line = {.kind = "step", .loss_names = two_losses, .step = 4};
    write_steps(0, 1, 3);
    free(log_text(&before));
    assert_int_equal(tec_run_log_open(&log, folder_top, 3, false, &validated), TEC_OK);
    capture *c = capture_begin();
    limit_files(before + 10);
    assert_int_equal(tec_run_log_write(&log, &line), TEC_OK);
    expect_steps(3);
    line.step = 5;
    assert_int_equal(tec_run_log_write(&log, &line), TEC_OK);
    assert_int_equal(tec_run_log_flush(&log), TEC_SYSTEM_ERROR);
    assert_non_null(strstr(tec_error_message(), "log.jsonl: cannot be written: File too large"));
    expect_steps(3);
    limit_files(RLIM_INFINITY);
    line.step = 6;
    assert_int_equal(tec_run_log_write(&log, &line), TEC_OK);
    assert_int_equal(tec_run_log_flush(&log), TEC_OK);
    capture_end(c, said, sizeof said);
    expect_steps(6);
    char *warned = strstr(said, "warning: ");
    assert_true(warned && strstr(warned, "training goes on"));
    assert_null(strstr(warned + 1, "warning: ")); /* once */
    assert_non_null(strstr(warned, "are written now"));
    tec_run_log_close(&log);
}

/* A rank that keeps no log may be asked all the same. */
static void test_other_ranks(void **state)
{
    (void)state;
    run_log log = {0};
    assert_int_equal(tec_run_log_write(&log, &(run_log_line){.kind = "step", .loss_names = two_losses}), TEC_OK);
    tec_run_log_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_resume),
                                       cmocka_unit_test(test_half_a_line),
                                       cmocka_unit_test(test_broken_lines),
                                       cmocka_unit_test(test_no_log_to_resume),
                                       cmocka_unit_test(test_validation_is_known),
                                       cmocka_unit_test(test_not_writable),
                                       cmocka_unit_test(test_full_disk),
                                       cmocka_unit_test(test_other_ranks)};
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
