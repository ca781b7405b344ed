/* Module parallel, private. The hosts of a job, for messages. Local; nothing here allocates memory or calls MPI, so that the
 * watchdog may use it whatever the main thread is in. */
#ifndef TEC_PARALLEL_HOSTS_H
#define TEC_PARALLEL_HOSTS_H

#include "tec/comm.h"

/* "n1, n2, n3": the first hosts of a communicator. `comm` NULL: the ranks are not known yet; as the launcher writes them
 * ("n[1-3]") or "of this job". Returns false, with "", if it is known that there is only one. */
bool tec_hosts_list(const tec_comm *comm, char *text, size_t size);

#endif
