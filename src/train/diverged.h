/* Module train, private. Which samples a loss or gradient that is not finite comes from. */
#ifndef TEC_TRAIN_DIVERGED_H
#define TEC_TRAIN_DIVERGED_H

#include "tec/feed.h"
#include "tec/sampler.h"
#include "tec/trainer.h"

/* Both return TEC_DIVERGED; `step` counts from 0. The loss is that of model inputs [at, at + n) of the batch, which has
 * `inputs` per image. */
tec_status tec_diverged_loss(int64_t step, const tec_feed_batch *batch, int inputs, int at, int n, double loss);

/* All losses were finite, so any image of the global batch may be the cause. */
tec_status tec_diverged_gradient(tec_sampler *sampler, int64_t step, const tec_step_result *result);

#endif
