/* Module train, public. Which images a step works on: drawn from (seed, epoch) alone, so that no order depends on the
 * number of ranks or on where a run was resumed. Local. */
#ifndef TEC_SAMPLER_H
#define TEC_SAMPLER_H

#include "tec/error.h"
#include "tec/loader.h"

#include <stdint.h>

typedef struct tec_sampler {
    int64_t images, steps_per_epoch;
    int batch; /* global */
    uint64_t seed;
    int64_t cached_epoch; /* whose order is held; -1: none */
    int64_t *order;       /* [images] */
} tec_sampler;

/* What is left of an epoch after whole batches is dropped, as PyTorch's drop_last. TEC_USER_ERROR: fewer images than
 * one batch. */
tec_status tec_sampler_create(tec_sampler *sampler, int64_t images, int batch, uint64_t seed);
void tec_sampler_free(tec_sampler *sampler);

/* Part `rank` of `ranks` of the global batch of step `step` (counted from the start of the run): fills request[], each
 * with view = epoch, and returns how many (they differ by at most one between ranks; batch need not divide). */
int tec_sampler_step(tec_sampler *sampler, int64_t step, int rank, int ranks, tec_request *request);

#endif
