/* Module data, private. From colour to grey, as Pillow does it. Local. */
#ifndef TEC_DATA_GREY_H
#define TEC_DATA_GREY_H

#include <stdint.h>

/* Of ITU-R 601-2, in fixed point: Pillow's convert("L").
 *   rgb  [3] */
static inline uint8_t grey_of(const uint8_t *rgb)
{
    return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

#endif
