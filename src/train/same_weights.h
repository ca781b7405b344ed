/* Module train, private. Have all ranks the same weights? Each updates its own copy from the same sums, so that a copy
 * that differs, by a fault of memory, processor or network, would stay different until the end, and nothing would show
 * it. */
#ifndef TEC_TRAIN_SAME_WEIGHTS_H
#define TEC_TRAIN_SAME_WEIGHTS_H

#include "tec/adamw.h"
#include "tec/comm.h"
#include "tec/params.h"

/* Collective; the same status and message on every rank. Compares checksums of all weights, fixed ones too, and of both
 * moments, and of the running mean `average` [params->total] unless it is NULL: one pass over them at the speed of
 * memory. TEC_SYSTEM_ERROR: they differ; the message names ranks, hosts and the first tensor. Those are named that
 * differ from most ranks, of two halves all. */
tec_status tec_same_weights(const tec_comm *comm, const tec_params *params, const tec_adamw *adamw,
                            const real *average);

#endif
