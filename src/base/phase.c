/* The phase of the main thread, in atomics that the watchdog reads. */
#include "tec/phase.h"

#include "tec/clock.h"

#include <math.h>
#include <stdatomic.h>

/* Starting and saving are rare and may take long: a folder of millions of files, a file system that stalls. When the
 * ranks connect, all of them are there, and nothing else is done: seconds on thousands of ranks. */
static const struct {
    const char *name;
    double patience, most;
} about[] = {
    [TEC_PHASE_MPI] = {"starting MPI", 1, INFINITY},
    [TEC_PHASE_CONNECT] = {"connecting to the other ranks", 1, 180},
    [TEC_PHASE_START] = {"starting", 4, INFINITY},
    [TEC_PHASE_STAGE] = {"copying files to run.stage", 4, INFINITY},
    [TEC_PHASE_COMPUTE] = {"computing", 1, INFINITY},
    [TEC_PHASE_DATA] = {"waiting for data", 1, INFINITY},
    [TEC_PHASE_SAVE] = {"writing a checkpoint", 4, INFINITY},
};

static atomic_int current = TEC_PHASE_START;
static _Atomic(const char *) waits;
static atomic_ulong life;

tec_phase tec_phase_enter(tec_phase phase)
{
    atomic_fetch_add(&life, 1);
    return (tec_phase)atomic_exchange(&current, (int)phase);
}

static struct {
    void (*call)(void *);
    void *context;
    double seconds, last;
} hook;

void tec_phase_on_tick(void (*call)(void *), void *context, double seconds)
{
    hook.call = call;
    hook.context = context;
    hook.seconds = seconds;
    hook.last = tec_seconds();
}

void tec_phase_tick(void)
{
    atomic_fetch_add(&life, 1);
    if (!hook.call)
        return;
    double now = tec_seconds();
    if (now - hook.last >= hook.seconds) {
        hook.last = now;
        hook.call(hook.context);
    }
}

void tec_phase_wait(const char *call)
{
    atomic_fetch_add(&life, 1);
    atomic_store(&waits, call);
}

tec_phase_view tec_phase_look(void)
{
    int phase = atomic_load(&current);
    return (tec_phase_view){.phase = (tec_phase)phase,
                            .name = about[phase].name,
                            .patience = about[phase].patience,
                            .most = about[phase].most,
                            .call = atomic_load(&waits),
                            .life = atomic_load(&life)};
}
