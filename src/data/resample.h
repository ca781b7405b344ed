/* Inside src/data only: resizing with a window, which the public functions of augment.h are made of. */
#ifndef TEC_RESAMPLE_H
#define TEC_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

/* One axis of a resize: `in` pixels become `out`, of which `count` from number `begin` on are wanted. */
typedef struct tec_axis {
    int in;
    int64_t out, begin;
    int count;
} tec_axis;

/* The wanted window of the resized image -> out [y.count, x.count, channels]. channels: 1 or 3. */
void tec_resample(const uint8_t *in, size_t row_bytes, int channels, tec_axis y, tec_axis x, uint8_t *out);

#endif
