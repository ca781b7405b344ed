/* Module data, public. RandAugment (arXiv 1909.13719) as timm does it: a few alterations per picture, drawn at random,
 * of about one magnitude; and colour jitter as torchvision does it. Both take the picture that the model will see, before
 * it is normalised. All functions are local and thread-safe.
 *
 * `view` numbers the times that an image was shown before, as in tec_view_draw: epoch * repeats + repeat. What is drawn
 * depends on (seed, image, view) alone. */
#ifndef TEC_RAND_AUGMENT_H
#define TEC_RAND_AUGMENT_H

#include "tec/alter.h"
#include "tec/size.h"

enum { TEC_RAND_AUGMENT_LAYERS = 8 }; /* the most alterations per picture */

typedef struct tec_rand_augment {
    int magnitude;      /* 0 to 10 */
    double std;         /* of a normal deviation from it; each result is brought back into 0 to 10 */
    int layers;         /* alterations drawn per picture, with replacement */
    double probability; /* of each to be carried out */
} tec_rand_augment;

/* Reads timm's words: "rand-m9-mstd0.5-inc1", sections in any order, each at most once.
 *
 *   mN      magnitude, default 10          pX      probability, default 0.5
 *   mstdX   its deviation, default 0       nN      layers, default 2
 *   inc1    severity grows with the magnitude for every alteration; required, as the other variant is not supported
 *
 * TEC_USER_ERROR names the section, and what would be right; `out` is then unchanged. */
tec_status tec_rand_augment_parse(const char *words, tec_rand_augment *out);

/* One alteration to carry out. */
typedef struct tec_alter_step {
    tec_alteration what;
    double argument;
} tec_alter_step;

/* Draws from Philox(seed, TEC_STREAM_AUGMENT, image, view) what is to be done to a picture of `size` pixels: timm's
 * fifteen alterations are equally likely, translations are up to 0.45 of its width or height. Returns the number of steps,
 * 0 to `layers`.
 *
 *   steps  [TEC_RAND_AUGMENT_LAYERS] */
int tec_rand_augment_draw(const tec_rand_augment *how, uint64_t seed, int64_t image, int view, tec_size size,
                          tec_alter_step *steps);

/* Draws and carries out. Pixels from outside the picture get the colour min(255, round(255 * mean)), as in timm. Grey
 * pictures (c = 1) are treated as Pillow treats mode L; saturation does nothing to them.
 *
 *   picture->pixels  [H, W, c]
 *   mean             [c], that of the normalisation */
void tec_rand_augment_apply(const tec_rand_augment *how, uint64_t seed, int64_t image, int view, const double *mean,
                            tec_image *picture);

/* torchvision's ColorJitter(strength, strength, strength): brightness, contrast and saturation, in an order drawn at
 * random, each by a factor drawn from [max(0, 1 - strength), 1 + strength]. Draws from Philox(seed, TEC_STREAM_JITTER,
 * image, view). Returns the number of steps, which is 3.
 *
 *   steps  [3] */
int tec_color_jitter_draw(double strength, uint64_t seed, int64_t image, int view, tec_alter_step *steps);

/* Draws and carries out.
 *
 *   picture->pixels  [H, W, c] */
void tec_color_jitter_apply(double strength, uint64_t seed, int64_t image, int view, tec_image *picture);

#endif
