/* Module parallel, public. Work that one rank does while the others wait for it. */
#ifndef TEC_ALONE_H
#define TEC_ALONE_H

#include "tec/comm.h"

/* Collective; the same status on every rank. Rank 0 does work(context), which may take as long as it wants if it gives
 * signs of life (tec_phase_tick): they reach the watchdogs of the ranks that wait. It must not use `comm`, but may
 * do such work alone with a communicator of its own. */
tec_status tec_comm_alone(const tec_comm *comm, tec_status (*work)(void *), void *context);

#endif
