/* Module data, public. Random erasing (arXiv 1708.04896) as timm does it in its mode `pixel`: a rectangle of a
 * normalised picture is replaced by noise. Local and thread-safe. H x W is the size of the picture (`size`), c the
 * number of channels. */
#ifndef TEC_ERASE_H
#define TEC_ERASE_H

#include "tec/real.h"
#include "tec/size.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tec_rectangle {
    int top, left, height, width;
} tec_rectangle;

/* With `probability`, draws a rectangle of 0.02 to 1/3 of the picture's area and a ratio of height to width of 0.3 to
 * 1/0.3 (log-uniform), smaller than the picture in both directions; 10 attempts, as in timm. Returns whether there is one.
 * Draws from Philox(seed, TEC_STREAM_ERASE, image, view); `view` as in tec_view_draw. */
bool tec_erase_draw(double probability, uint64_t seed, int64_t image, int view, tec_size size, tec_rectangle *out);

/* Draws, and fills the rectangle with normal noise (mean 0, variance 1), drawn value by value in the order of memory.
 *
 *   x  [c, H, W] */
void tec_erase_apply(double probability, uint64_t seed, int64_t image, int view, tec_size size, int channels, real *x);

#endif
