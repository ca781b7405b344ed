/* Module eval, public. Linear classification of frozen features, as MAE's linear probe: batch normalisation without
 * affine parameters, one linear layer, LARS, warm-up and half a cosine. The features are computed once, from centre
 * crops (MAE draws a random crop for every epoch). */
#ifndef TEC_PROBE_H
#define TEC_PROBE_H

#include "tec/comm.h"
#include "tec/features.h"

typedef struct tec_probe_settings {
    int epochs, batch;      /* global: features of a step over all ranks */
    double blr, lr, min_lr; /* lr 0: blr * the batch that is taken / 256 */
    double warmup_epochs, weight_decay, momentum;
    uint64_t seed;
} tec_probe_settings;

typedef struct tec_probe_result {
    int64_t total, top1, top5; /* validation images, and those whose class came first or among the first five */
    double loss;               /* cross-entropy, mean over the training images of the last epoch */
    double lr;                 /* the highest */
    int64_t batch;             /* images per step: at most the training images there are */
    int64_t steps;
} tec_probe_result;

/* Collective; the same status and result on every rank. The images of a step depend on seed and epoch only, and each is
 * worked on where its feature lies: every number of ranks gives the same result up to rounding. What is left of an
 * epoch after whole batches is dropped, as MAE does. train, val: rows of the same width; labels of val are below
 * train->classes. TEC_DIVERGED: a loss that is not finite. */
tec_status tec_probe_run(const tec_comm *comm, const tec_probe_settings *settings, const tec_features *train,
                         const tec_features *val, tec_probe_result *out);

#endif
