/* Module parallel, public. Ends all ranks when one of them makes no progress: a rank that hangs, or has died unnoticed,
 * would keep the others waiting for ever. */
#ifndef TEC_WATCHDOG_H
#define TEC_WATCHDOG_H

#include "tec/comm.h"

/* Local. Starts a thread that watches the signs of life of tec/phase.h. If there is none for `minutes`, it prints one
 * line that names rank, host, phase and the MPI call, and ends all ranks with exit code 3. 0 minutes: nothing is
 * watched. Called before tec_comm_start, it watches MPI_Init and the first collective too; where the ranks cannot reach
 * each other, one rank of each host has its line, since none knows about the others.
 *
 * The limit is longer where the phase calls for patience, or where steps have been seen to take long. Ranks that only
 * wait for others speak a little later than those that do not. After SIGTERM a step has 20 seconds, or four times what
 * the longest step took, if that is less than the limit; checkpoints keep their limit. Time in which the whole process
 * was stopped does not count. */
void tec_watchdog_start(double minutes);

/* Local. Goes on with this limit, and knows the ranks from now on; comm is borrowed until the end. */
void tec_watchdog_change(const tec_comm *comm, double minutes);

void tec_watchdog_end(void); /* does nothing if none was started */

#endif
