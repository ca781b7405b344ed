/* CRC-32C by the SSE4.2 instruction in three lanes, or by tables, eight bytes at a time. */
#include "tec/crc32c.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* bit-reflected: the highest bit is x^0 */
#define LANE_BYTES 1024        /* a multiple of 8 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t slice[8][256]; /* slice[k][b]: the byte b followed by k zero bytes */
static uint32_t skip[4][256];  /* skip[k][b]: the state b << 8k followed by LANE_BYTES zero bytes */
static uint32_t (*chosen)(uint32_t state, const unsigned char *data, size_t bytes);

static uint32_t portable(uint32_t state, const unsigned char *data, size_t bytes)
{
    for (; bytes >= 8; data += 8, bytes -= 8) {
        uint32_t low = state ^ (data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24);
        state = slice[7][low & 255] ^ slice[6][low >> 8 & 255] ^ slice[5][low >> 16 & 255] ^ slice[4][low >> 24] ^
                slice[3][data[4]] ^ slice[2][data[5]] ^ slice[1][data[6]] ^ slice[0][data[7]];
    }
    while (bytes-- > 0)
        state = state >> 8 ^ slice[0][(state ^ *data++) & 255];
    return state;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

static uint32_t skip_lane(uint32_t state)
{
    return skip[0][state & 255] ^ skip[1][state >> 8 & 255] ^ skip[2][state >> 16 & 255] ^ skip[3][state >> 24];
}

static uint64_t word(const unsigned char *data)
{
    uint64_t value;
    memcpy(&value, data, sizeof value);
    return value;
}

/* One crc32 instruction takes three cycles but a new one starts every cycle: three independent lanes keep it busy. */
__attribute__((target("sse4.2"))) static uint32_t hardware(uint32_t state, const unsigned char *data, size_t bytes)
{
    for (; bytes >= 3 * LANE_BYTES; data += 3 * LANE_BYTES, bytes -= 3 * LANE_BYTES) {
        uint64_t a = state, b = 0, c = 0;
        for (int i = 0; i < LANE_BYTES; i += 8) {
            a = _mm_crc32_u64(a, word(data + i));
            b = _mm_crc32_u64(b, word(data + i + LANE_BYTES));
            c = _mm_crc32_u64(c, word(data + i + 2 * LANE_BYTES));
        }
        state = skip_lane(skip_lane((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
    }
    for (; bytes >= 8; data += 8, bytes -= 8)
        state = (uint32_t)_mm_crc32_u64(state, word(data));
    while (bytes-- > 0)
        state = _mm_crc32_u8(state, *data++);
    return state;
}
#endif

static void prepare(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t state = b;
        for (int bit = 0; bit < 8; bit++)
            state = state >> 1 ^ (state & 1 ? POLYNOMIAL : 0);
        slice[0][b] = state;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            slice[k][b] = slice[k - 1][b] >> 8 ^ slice[0][slice[k - 1][b] & 255];
    static const unsigned char zero[LANE_BYTES];
    for (int k = 0; k < 4; k++)
        for (uint32_t b = 0; b < 256; b++)
            skip[k][b] = portable(b << 8 * k, zero, sizeof zero);
    chosen = portable;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        chosen = hardware;
#endif
}

uint32_t tec_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    pthread_once(&once, prepare);
    return ~chosen(~crc, data, bytes);
}

uint32_t tec_crc32c_portable(uint32_t crc, const void *data, size_t bytes)
{
    pthread_once(&once, prepare);
    return ~portable(~crc, data, bytes);
}
