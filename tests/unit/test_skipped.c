/* Images left out: noted once, listed in order on stderr. */
#include "capture.h"

#include "tec/skipped_report.h"

#include "tec/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_noted_once(void **state)
{
    (void)state;
    tec_skipped skipped = {0};
    char text[32];
    for (int turn = 0; turn < 2; turn++)
        for (int64_t i = 0; i < 100; i++) {
            int64_t sample = i * 37 % 101;
            snprintf(text, sizeof text, "image %lld", (long long)sample);
            tec_skipped_note(&skipped, sample, turn ? "another message" : text);
        }
    memset(text, 'x', sizeof text); /* the messages were copied */
    assert_int_equal(skipped.count, 100);
    for (int64_t i = 0; i < skipped.count; i++) {
        if (i)
            assert_true(skipped.sample[i] > skipped.sample[i - 1]);
        snprintf(text, sizeof text, "image %lld", (long long)skipped.sample[i]);
        assert_string_equal(skipped.message[i], text);
    }
    tec_skipped_free(&skipped);
    assert_int_equal(skipped.count, 0);
    assert_null(skipped.sample);
}

/* Runs a report with stderr in a file; *text is what it wrote. */
static int64_t report(const tec_skipped *skipped, char *text, size_t size)
{
    tec_comm alone;
    tec_comm_local(&alone);
    tec_log_enable(true);
    capture *c = capture_begin();
    int64_t total = tec_skipped_report(skipped, &alone, "the training set");
    capture_end(c, text, size);
    return total;
}

static void test_report(void **state)
{
    (void)state;
    tec_skipped skipped = {0};
    char text[1024];
    tec_skipped_note(&skipped, 12, "b.jpg: truncated");
    tec_skipped_note(&skipped, 3, "a.png: wrong checksum");
    tec_skipped_note(&skipped, 12, "b.jpg: truncated");
    assert_int_equal(report(&skipped, text, sizeof text), 2);
    assert_string_equal(text, "tec: warning: 2 images of the training set could not be decoded and were left out:\n"
                              "tec: warning: a.png: wrong checksum\n"
                              "tec: warning: b.jpg: truncated\n");
    tec_skipped_free(&skipped);
}

static void test_nothing_to_report(void **state)
{
    (void)state;
    tec_skipped skipped = {0};
    char text[1024];
    assert_int_equal(report(&skipped, text, sizeof text), 0);
    assert_string_equal(text, "");
    tec_skipped_free(&skipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_noted_once), cmocka_unit_test(test_report),
                                       cmocka_unit_test(test_nothing_to_report)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
