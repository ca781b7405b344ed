/* Module train, public. Which images a step works on. Their order is drawn from (seed, epoch) alone: it depends neither
 * on the number of ranks nor on where a run was resumed. Local.
 *
 * With repeats R (DeiT's repeated augmentation) an epoch has as many steps as without: of the images in their order, the
 * first 1/R, each R times on end, cut into batches. Within a batch the first ones of all images come before the second
 * ones, so that neighbours, which may be mixed, are of different images. */
#ifndef TEC_SAMPLER_H
#define TEC_SAMPLER_H

#include "tec/error.h"
#include "tec/loader.h"
#include "tec/recipe.h"

#include <stdint.h>

typedef struct tec_sampler {
    int64_t images, steps_per_epoch;
    tec_recipe recipe;    /* batch, seed, repeats and together count */
    int64_t cached_epoch; /* whose order is held; -1: none */
    int64_t *order;       /* [images] */
} tec_sampler;

/* TEC_USER_ERROR: fewer images than one batch. */
tec_status tec_sampler_check(int64_t images, const tec_recipe *recipe);

/* The incomplete batch at the end of an epoch is dropped, as with PyTorch's drop_last. TEC_USER_ERROR: as above. */
tec_status tec_sampler_create(tec_sampler *sampler, int64_t images, const tec_recipe *recipe);
void tec_sampler_free(tec_sampler *sampler);

/* Writes the share of rank `rank` of `ranks` in the global batch of step `step` (counted from the start of the run) to
 * request[], with view = R epoch + which of its R times it is, and returns its size. Shares differ by at most one image or pair; `ranks` need not divide
 * batch. */
int tec_sampler_step(tec_sampler *sampler, int64_t step, int rank, int ranks, tec_request *request);

#endif
