/* What the watchdog must not take for a hang: if it does, it ends this program. (That it ends ranks which hang is
 * tested end to end.) */
#include "tec/alone.h"
#include "tec/phase.h"
#include "tec/text.h"
#include "tec/watchdog.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT 0.8 /* seconds */

static tec_comm comm;

static void rest(double seconds)
{
    nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))}, NULL);
}

static void test_signs_of_life(void **state)
{
    (void)state;
    tec_watchdog_start(LIMIT / 60);
    tec_phase_enter(TEC_PHASE_COMPUTE);
    for (int i = 0; i < 6; i++) {
        rest(LIMIT / 4);
        if (i % 2)
            tec_phase_enter(TEC_PHASE_COMPUTE);
        else
            tec_comm_barrier(&comm);
    }
    tec_watchdog_end();
    tec_watchdog_end();
    rest(LIMIT); /* nobody watches */
}

static void test_patience(void **state)
{
    (void)state;
    tec_watchdog_start(LIMIT / 60);
    assert_int_equal(tec_phase_enter(TEC_PHASE_SAVE), TEC_PHASE_COMPUTE);
    rest(2 * LIMIT);
    assert_int_equal(tec_phase_enter(TEC_PHASE_COMPUTE), TEC_PHASE_SAVE);
    rest(2 * LIMIT); /* something has been seen to take long before */
    tec_watchdog_end();
}

/* Suspended and taken up again: the time between is nobody's. */
static void test_stopped_as_a_whole(void **state)
{
    (void)state;
    if (comm.size > 1)
        return;
    char *command = tec_string_format("(sleep %g; kill -CONT %ld) &", 2 * LIMIT, (long)getpid());
    tec_watchdog_start(LIMIT / 60);
    tec_phase_enter(TEC_PHASE_COMPUTE);
    rest(LIMIT / 4);
    assert_int_equal(system(command), 0);
    raise(SIGSTOP);
    rest(LIMIT / 3);
    tec_watchdog_end();
    free(command);
}

static tec_status work_briefly(void *context)
{
    (void)context;
    return TEC_OK;
}

/* Such work of this rank alone does not take away its words. */
static tec_status work_long(void *context)
{
    tec_comm alone;
    tec_comm_local(&alone);
    assert_int_equal(tec_comm_alone(&alone, work_briefly, NULL), TEC_OK);
    for (int i = 0; i < 22; i++) {
        rest(LIMIT / 4);
        tec_phase_tick();
    }
    *(bool *)context = true;
    return tec_fail(TEC_USER_ERROR, "all that for nothing");
}

/* One rank works for longer than the others may wait, and says that it does. */
static void test_one_works(void **state)
{
    (void)state;
    bool done = false;
    tec_phase_enter(TEC_PHASE_START);
    tec_watchdog_start(LIMIT / 60);
    assert_int_equal(tec_comm_alone(&comm, work_long, &done), TEC_USER_ERROR);
    assert_true(done == (comm.rank == 0));
    assert_string_equal(tec_error_message(), "all that for nothing");
    tec_watchdog_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stopped_as_a_whole), cmocka_unit_test(test_signs_of_life),
                                       cmocka_unit_test(test_patience), cmocka_unit_test(test_one_works)};
    tec_comm_start(&comm);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tec_comm_finish(&comm);
    return failed;
}
