/* Module data, private. Numbers in files, of either order of bytes. Local and pure. */
#ifndef TEC_DATA_NUMBER_H
#define TEC_DATA_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* The number that `bytes` bytes (at most 4) hold. */
static inline uint32_t tec_number(const uint8_t *at, int bytes, bool little)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)at[i] << 8 * (little ? i : bytes - 1 - i);
    return value;
}

#endif
