/* Module parallel, public. A text that all ranks read, with one copy on each node instead of one for each rank. */
#ifndef TEC_SHARED_TEXT_H
#define TEC_SHARED_TEXT_H

#include "tec/comm.h"
#include "tec/memory.h"

/* Collective; always TEC_OK. Gives rank 0's *text (*bytes, and a 0 behind them), which is taken over, to
 * all ranks: in memory that the ranks of a node share, or, where that is not possible, in memory of their own,
 * which a warning says. It must not be written to, and is freed by (*release)(*text, *bytes), which is local. A kill
 * leaves nothing in /dev/shm, and what an earlier process of this user may have left there is removed. */
tec_status tec_comm_share_text_on_nodes(const tec_comm *comm, char **text, size_t *bytes, tec_release **release);

#endif
