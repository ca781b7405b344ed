/* Module data, public. Random erasing (arXiv 1708.04896) as timm does it in its mode `pixel`: a rectangle of a
 * normalised picture is replaced by noise. Local and thread-safe. S is the side of the square (`size`), c the number of
 * channels. */
#ifndef TEC_ERASE_H
#define TEC_ERASE_H

#include "tec/real.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tec_rectangle {
    int top, left, height, width;
} tec_rectangle;

/* With `probability`, draws a rectangle of 0.02 to 1/3 of the square's area and a ratio of height to width of 0.3 to
 * 1/0.3 (log-uniform), smaller than the square in both directions; 10 attempts, as in timm. Returns whether there is one.
 * Draws from Philox(seed, TEC_STREAM_ERASE, image, view); `view` as in tec_view_draw. */
bool tec_erase_draw(double probability, uint64_t seed, int64_t image, int view, int size, tec_rectangle *out);

/* Draws, and fills the rectangle with normal noise (mean 0, variance 1), drawn value by value in the order of memory.
 *
 *   x  [c, S, S] */
void tec_erase_apply(double probability, uint64_t seed, int64_t image, int view, int size, int channels, real *x);

#endif
