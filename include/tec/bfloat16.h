/* Module base, public. Numbers as bfloat16, the upper half of a float32, and back. Local.
 *
 * To bfloat16: round to nearest, ties to even; of NaN the sign, and quiet; what is nearer to 2^128 than to the largest
 * finite value becomes infinite. To float32: exact, and so is x minus what became of it, in float32. */
#ifndef TEC_BFLOAT16_H
#define TEC_BFLOAT16_H

#include <stdint.h>
#include <string.h>

static inline uint16_t tec_bfloat16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16 | 0x40) : rounded);
}

static inline float tec_bfloat16_value(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
