/* Module parallel, public. A text that all ranks read, with one copy on each node instead of one for each rank. */
#ifndef TEC_SHARED_TEXT_H
#define TEC_SHARED_TEXT_H

#include "tec/comm.h"
#include "tec/memory.h"

/* Collective; the same status on every rank. Gives rank 0's *text (*bytes, and a 0 behind them), which is taken over, to
 * all ranks: in memory that the ranks of a node share, or, where that is not possible, after a warning with the reason, in
 * memory of their own. It must not be written to, and is freed by (*release)(*text, *bytes), which is local. A process
 * that is killed leaves nothing behind, and what others of this user have left in /dev/shm is removed. */
tec_status tec_comm_share_text_on_nodes(const tec_comm *comm, char **text, size_t *bytes, tec_release **release);

#endif
