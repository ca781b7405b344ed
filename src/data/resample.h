/* Module data, private. Resizing to a window of the result: what the public functions of augment.h are made of. */
#ifndef TEC_DATA_RESAMPLE_H
#define TEC_DATA_RESAMPLE_H

#include "tec/bicubic.h"

#include <stddef.h>
#include <stdint.h>

/* One axis of a resize: `in` pixels become `out`, of which `count` from number `begin` on are computed. */
typedef struct tec_axis {
    int in;
    int64_t out, begin;
    int count;
} tec_axis;

/* Computes that window of the resized image.
 *
 *   in   [y.in, x.in, channels]        row_bytes from one row to the next
 *   out  [y.count, x.count, channels] */
void tec_resample(const uint8_t *in, size_t row_bytes, int channels, tec_filter filter, tec_axis y, tec_axis x,
                  uint8_t *out);

/* The same of floats, with sums in double, as Pillow resizes images of mode F.
 *
 *   in   [y.in, x.in, channels]        row_values from one row to the next
 *   out  [y.count, x.count, channels] */
void tec_resample_values(const float *in, size_t row_values, int channels, tec_filter filter, tec_axis y, tec_axis x,
                         float *out);

#endif
