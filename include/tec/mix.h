/* Module data, public. Mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899) as timm's Mixup does them in its mode
 * `batch`: one draw for a whole batch, whose images are mixed in pairs. Which two are a pair is the caller's choice (timm
 * takes the first and the last, and so on inwards). All functions are local and thread-safe. H x W is the size of
 * the pictures (`size`), c the number of channels.
 *
 * A batch that is spread over ranks is mixed like one in a single memory if both images of each pair are on one rank:
 * the draw depends on (seed, epoch, step) alone. */
#ifndef TEC_MIX_H
#define TEC_MIX_H

#include "tec/erase.h"

typedef struct tec_mix_settings {
    double mixup, cutmix; /* alpha of lambda's distribution Beta(alpha, alpha); 0: never this kind */
    double probability;   /* that a batch is mixed at all */
    double switching;     /* probability of CutMix where both are possible */
} tec_mix_settings;

/* Is any batch ever mixed? */
bool tec_mix_is_on(const tec_mix_settings *settings);

/* What a batch is mixed by. */
typedef struct tec_mix {
    double lambda; /* share of an image's own label; 1: nothing is mixed */
    bool cut;      /* CutMix: the rectangle `box` comes from the partner; otherwise all pixels are averaged */
    tec_rectangle box;
} tec_mix;

/* Draws from Philox(seed, TEC_STREAM_MIX, step, epoch). CutMix's lambda is corrected to the share of the pixels that
 * are an image's own, since its box can reach over the edge. */
tec_mix tec_mix_draw(const tec_mix_settings *settings, uint64_t seed, int64_t step, int epoch, tec_size size);

/* Mixes two images with each other. The same pointer twice: nothing happens.
 *
 *   a, b  [c, H, W]   a = lambda a + (1 - lambda) b, b = lambda b + (1 - lambda) a; CutMix: their boxes change places */
void tec_mix_pair(const tec_mix *mix, tec_size size, int channels, real *a, real *b);

/* The soft target of an image with label `own` and a partner with label `other`: lambda of the first and 1 - lambda of
 * the second, both smoothed. A smoothed label is 1 - smoothing + smoothing / classes at its class and smoothing /
 * classes elsewhere. Its values sum to 1. Labels outside [0, classes) are our own bug.
 *
 *   out  [classes] */
void tec_mix_target(const tec_mix *mix, double smoothing, int classes, int own, int other, real *out);

#endif
