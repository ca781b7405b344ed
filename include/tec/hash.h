/* Module base, public. A 64-bit hash that notices changes. Not cryptographic: it does not resist attacks. Local. */
#ifndef TEC_HASH_H
#define TEC_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Mixes `bytes` bytes of `data` into a running hash; start with 0. Fingerprints in target stores consist of these values,
 * so that they must never change. */
uint64_t tec_hash_bytes(uint64_t hash, const void *data, size_t bytes);

#endif
