/* Module train, private. Where and with what a run was made. */
#ifndef TEC_TRAIN_RUN_ENVIRONMENT_H
#define TEC_TRAIN_RUN_ENVIRONMENT_H

#include "tec/comm.h"

/* Collective. Rank 0 writes versions, hosts, ranks and the time to `path` (environment.json). */
tec_status tec_run_environment_write(const tec_comm *comm, const char *path);

#endif
