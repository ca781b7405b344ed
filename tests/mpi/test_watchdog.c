/* What the watchdog must not take for a hang: if it does, it ends this program. (That it ends ranks which hang is
 * tested end to end.) */
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stopped_as_a_whole), cmocka_unit_test(test_signs_of_life),
                                       cmocka_unit_test(test_patience)};
    tec_comm_start(&comm);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tec_comm_finish(&comm);
    return failed;
}
