/* Module eval, public. Linear classification of frozen features, as in MAE's linear probe: batch normalisation without
 * affine parameters, one linear layer, LARS, warm-up and half a cosine. Features are computed once, from centre crops
 * (MAE draws a random crop in every epoch). */
#ifndef TEC_PROBE_H
#define TEC_PROBE_H

#include "tec/comm.h"
#include "tec/features.h"

typedef struct tec_probe_settings {
    int epochs, batch; /* global: features per step over all ranks; 0: a tenth of the training images, 4 .. 16384 */
    double blr, lr, min_lr; /* lr 0: blr * the actual batch / 256; blr 0: 0.1, or 16384 / training images if larger */
    double warmup_epochs, weight_decay, momentum;
    uint64_t seed;
} tec_probe_settings;

typedef struct tec_probe_result {
    int64_t total, top1, top5; /* validation images, and those whose class came first or among the first five */
    double loss;               /* cross-entropy, mean over the last epoch */
    double lr;                 /* peak */
    int64_t batch;             /* images per step: settings->batch, or all training images if they are fewer */
    int64_t steps;
} tec_probe_result;

/* Collective; the same status and result on every rank. Which images a step takes depends on seed and epoch only, and
 * each is processed on the rank that holds its feature: the result is the same for any number of ranks, up to rounding.
 * The incomplete batch at the end of an epoch is dropped, as in MAE. train, val: rows of the same width; labels of val
 * are below train->classes. TEC_DIVERGED: the loss is not finite. */
tec_status tec_probe_run(const tec_comm *comm, const tec_probe_settings *settings, const tec_features *train,
                         const tec_features *val, tec_probe_result *out);

#endif
