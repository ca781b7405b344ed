/* A multiplicative hash of words of 8 bytes, closed by the length. */
#include "tec/hash.h"

#include <string.h>

uint64_t tec_hash_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t word = 0;
        memcpy(&word, byte + at, bytes - at < 8 ? bytes - at : 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return (hash ^ bytes) * 0xBF58476D1CE4E5B9u;
}
