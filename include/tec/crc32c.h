/* CRC-32C (Castagnoli polynomial, as in iSCSI, SSE4.2 and most file formats of today). Local, thread-safe. */
#ifndef TEC_CRC32C_H
#define TEC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` covers followed by `bytes` bytes of `data`; start with 0. "123456789" gives e3069283. */
uint32_t tec_crc32c(uint32_t crc, const void *data, size_t bytes);

/* The same in plain C: what tec_crc32c falls back to on processors without SSE4.2, and what it is tested against. */
uint32_t tec_crc32c_portable(uint32_t crc, const void *data, size_t bytes);

#endif
