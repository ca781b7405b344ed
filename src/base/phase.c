/* The phase of the main thread, in atomics that the watchdog reads. */
#include "tec/phase.h"

#include <stdatomic.h>

/* Starting and saving are rare and may take long: a folder of millions of files, a file system that stalls. */
static const struct {
    const char *name;
    double patience;
} about[] = {
    [TEC_PHASE_START] = {"starting", 4},
    [TEC_PHASE_STAGE] = {"copying files to run.stage", 4},
    [TEC_PHASE_COMPUTE] = {"computing", 1},
    [TEC_PHASE_DATA] = {"waiting for data", 1},
    [TEC_PHASE_SAVE] = {"writing a checkpoint", 4},
};

static atomic_int current = TEC_PHASE_START;
static atomic_bool waits;
static atomic_ulong life;

tec_phase tec_phase_enter(tec_phase phase)
{
    atomic_fetch_add(&life, 1);
    return (tec_phase)atomic_exchange(&current, (int)phase);
}

void tec_phase_wait(bool waiting)
{
    atomic_fetch_add(&life, 1);
    atomic_store(&waits, waiting);
}

tec_phase_view tec_phase_look(void)
{
    int phase = atomic_load(&current);
    return (tec_phase_view){.name = about[phase].name,
                            .patience = about[phase].patience,
                            .waiting = atomic_load(&waits),
                            .life = atomic_load(&life)};
}
