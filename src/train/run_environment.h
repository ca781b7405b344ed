/* Module train, private. Where and with what a run was made. */
#ifndef TEC_TRAIN_RUN_ENVIRONMENT_H
#define TEC_TRAIN_RUN_ENVIRONMENT_H

#include "tec/comm.h"

#include <stdint.h>

/* Collective. Rank 0 writes versions, hosts, ranks and the time to `path` (environment.json), and adds this start to those
 * that the file lists. `resumed_at`: the step that the run goes on from; -1: the run is begun, and there were no starts. */
tec_status tec_run_environment_write(const tec_comm *comm, const char *path, int64_t resumed_at);

#endif
