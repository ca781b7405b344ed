/* Module base, public. CRC-32C (Castagnoli polynomial, as in iSCSI, ext4 and the SSE4.2 instruction). Local,
 * thread-safe. */
#ifndef TEC_CRC32C_H
#define TEC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Extends `crc`, the checksum of what came before (0 at the start), by `bytes` bytes of `data`. The checksum of
 * "123456789" is e3069283. */
uint32_t tec_crc32c(uint32_t crc, const void *data, size_t bytes);

/* The same in plain C: the fallback on processors without SSE4.2, and the reference for tests. */
uint32_t tec_crc32c_portable(uint32_t crc, const void *data, size_t bytes);

#endif
