/* Module train, private. Where, and with which versions, a run was trained. */
#ifndef TEC_TRAIN_RUN_ENVIRONMENT_H
#define TEC_TRAIN_RUN_ENVIRONMENT_H

#include "tec/comm.h"

/* Collective. JSON on rank 0 (the caller frees it), NULL elsewhere: versions of tec, MPI, BLAS and HDF5, start time,
 * ranks, and the host of every rank. */
char *tec_run_environment_text(const tec_comm *comm);

#endif
