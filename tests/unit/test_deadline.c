/* When a job has to stop, from what it was given and what it has seen. */
#include "tec/clock.h"
#include "tec/deadline.h"

#include "capture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Seconds that a deadline leaves. */
static double left(const tec_deadline *d)
{
    return d->end - tec_seconds();
}

static void set_slurm(double seconds_from_now)
{
    char text[64];
    snprintf(text, sizeof text, "%.0f", (double)time(NULL) + seconds_from_now);
    setenv("SLURM_JOB_END_TIME", text, 1);
}

static void test_none(void **state)
{
    (void)state;
    unsetenv("SLURM_JOB_END_TIME");
    tec_deadline d = tec_deadline_read(0);
    tec_deadline_note_step(&d, 1e9);
    assert_true(isinf(d.end));
    assert_false(tec_deadline_near(&d));
    assert_false(tec_deadline_before(&d, 1e12));
}

static void test_the_earlier_counts(void **state)
{
    (void)state;
    unsetenv("SLURM_JOB_END_TIME");
    tec_deadline d = tec_deadline_read(2);
    assert_true(fabs(left(&d) - 120) < 5);
    assert_true(fabs(d.margin - 2.4) < 1e-9);
    set_slurm(600);
    d = tec_deadline_read(2);
    assert_true(fabs(left(&d) - 120) < 5);
    d = tec_deadline_read(0);
    assert_true(fabs(left(&d) - 600) < 5);
    d = tec_deadline_read(60);
    assert_true(fabs(left(&d) - 600) < 5);
    set_slurm(1e6);
    d = tec_deadline_read(0);
    assert_true(d.margin == 60);
    d = tec_deadline_read(0.1);
    assert_true(d.margin == 1);
}

static void read_wrong(const char *value, const char *what)
{
    setenv("SLURM_JOB_END_TIME", value, 1);
    char said[1024];
    capture *stderr_text = capture_begin();
    tec_deadline d = tec_deadline_read(1);
    capture_end(stderr_text, said, sizeof said);
    assert_non_null(strstr(said, "warning: SLURM_JOB_END_TIME is"));
    assert_non_null(strstr(said, what));
    assert_true(fabs(left(&d) - 60) < 5);
}

static void test_wrong_environment(void **state)
{
    (void)state;
    read_wrong("tomorrow", "not a number");
    read_wrong("12x", "not a number");
    read_wrong("1000", "already past");
    unsetenv("SLURM_JOB_END_TIME");
}

/* Two more steps, each with a checkpoint, and the margin have to fit. */
static void test_near(void **state)
{
    (void)state;
    tec_deadline d = {.end = tec_seconds() + 100, .margin = 10};
    assert_false(tec_deadline_near(&d));
    tec_deadline_note_step(&d, 20);
    assert_false(tec_deadline_near(&d));
    tec_deadline_guess_save(&d, 30);
    assert_true(tec_deadline_near(&d)); /* 2 * (20 + 30) + 10 */
    tec_deadline_note_save(&d, 10);     /* what was measured replaces the guess */
    assert_false(tec_deadline_near(&d));
    tec_deadline_guess_save(&d, 30);
    assert_false(tec_deadline_near(&d));
    tec_deadline_note_save(&d, 26); /* the longest counts, not the last */
    tec_deadline_note_save(&d, 1);
    assert_true(tec_deadline_near(&d));
    d.save = 1;
    tec_deadline_note_step(&d, 1);
    assert_false(tec_deadline_near(&d)); /* 2 * (20 + 1) + 10 */
    d.steps = 1;                         /* another one until a checkpoint may be written */
    assert_false(tec_deadline_near(&d));
    d.steps = 3;
    assert_true(tec_deadline_near(&d)); /* 5 * 20 + 2 * 1 + 10 */
    d.steps = 0;
    d.end -= 60;
    assert_true(tec_deadline_near(&d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_none), cmocka_unit_test(test_the_earlier_counts),
                                       cmocka_unit_test(test_wrong_environment), cmocka_unit_test(test_near)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
