/* Images left out by several ranks: listed together, each once, on every rank the same number. */
#include "tests/unit/capture.h"

#include "tec/skipped_report.h"
#include "tec/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static tec_comm comm;

/* Runs a report with this rank's stderr in a file; *text is what it wrote. */
static int64_t report(const tec_skipped *skipped, char *text, size_t size)
{
    capture *c = capture_begin();
    int64_t total = tec_skipped_report(skipped, &comm, "the set");
    capture_end(c, text, size);
    return total;
}

static void note(tec_skipped *skipped, int64_t sample)
{
    char *text = tec_string_format("image %lld", (long long)sample);
    tec_skipped_note(skipped, sample, text);
    free(text);
}

/* All ranks met image 50, each one of its own, in falling order. */
static void test_all_ranks(void **state)
{
    (void)state;
    tec_skipped skipped = {0};
    char text[2048], want[2048];
    note(&skipped, 50);
    note(&skipped, 40 - comm.rank);
    int64_t total = report(&skipped, text, sizeof text);
    assert_int_equal(total, 1 + comm.size);
    int length =
        snprintf(want, sizeof want, "tec: warning: %d images of the set could not be decoded and were left out:\n",
                 1 + comm.size);
    for (int rank = comm.size - 1; rank >= 0; rank--)
        length += snprintf(want + length, sizeof want - (size_t)length, "tec: warning: image %d\n", 40 - rank);
    snprintf(want + length, sizeof want - (size_t)length, "tec: warning: image 50\n");
    assert_string_equal(text, comm.rank == 0 ? want : "");
    tec_skipped_free(&skipped);
}

static void test_last_rank_only(void **state)
{
    (void)state;
    tec_skipped skipped = {0};
    char text[2048];
    if (comm.rank == comm.size - 1)
        note(&skipped, 7);
    assert_int_equal(report(&skipped, text, sizeof text), 1);
    tec_skipped_free(&skipped);
    assert_int_equal(report(&skipped, text, sizeof text), 0);
}

/* Where nothing is left, all ranks fail alike, with the first three of all. */
static void test_nothing_left(void **state)
{
    (void)state;
    tec_skipped skipped = {0};
    char want[256];
    for (int i = 0; i < 4; i++)
        note(&skipped, 10 * i + comm.rank);
    assert_int_equal(tec_skipped_fail(&skipped, &comm, "nothing is left"), TEC_USER_ERROR);
    const int *first = (const int[][3]){{0, 10, 20}, {0, 1, 10}, {0, 1, 2}}[comm.size < 3 ? comm.size - 1 : 2];
    snprintf(want, sizeof want,
             "nothing is left; %d were left out so far, the first of them: image %d; image %d; image %d", 4 * comm.size,
             first[0], first[1], first[2]);
    assert_string_equal(tec_error_message(), want);
    tec_skipped_free(&skipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_ranks), cmocka_unit_test(test_last_rank_only),
                                       cmocka_unit_test(test_nothing_left)};
    tec_comm_start(&comm);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tec_comm_finish(&comm);
    return failed;
}
