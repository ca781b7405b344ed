/* One rank works, and the others hear from time to time that it does. */
#include "tec/alone.h"

#include "tec/phase.h"

#define SECONDS_BETWEEN_WORDS 1

static void say_more(const tec_comm *comm, bool more)
{
    tec_comm_broadcast(comm, &more, sizeof more, 0);
}

static void still_at_it(void *comm)
{
    say_more(comm, true);
}

tec_status tec_comm_alone(const tec_comm *comm, tec_status (*work)(void *), void *context)
{
    tec_comm all = *comm;
    tec_status status = TEC_OK;
    bool more = true;
    if (comm->size == 1) /* perhaps within such work of all ranks, whose words go on */
        return work(context);
    if (comm->rank == 0) {
        tec_phase_on_tick(still_at_it, &all, SECONDS_BETWEEN_WORDS);
        status = work(context);
        tec_phase_on_tick(NULL, NULL, 0);
        say_more(comm, false);
    } else {
        while (more)
            tec_comm_broadcast(comm, &more, sizeof more, 0);
    }
    return tec_comm_agree(comm, status);
}
