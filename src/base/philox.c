/* The Philox generator and what is drawn from it. */
#include "tec/philox.h"

#include <assert.h>
#include <math.h>

/* Multipliers and Weyl increments of the paper, section 3.3 and table 2. */
#define MULTIPLY_0 0xD2511F53u
#define MULTIPLY_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u
#define ROUNDS 10

void tec_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)MULTIPLY_0 * x0, p1 = (uint64_t)MULTIPLY_1 * x2;
        x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)p1;
        x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)p0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

tec_philox tec_philox_start(uint64_t seed, tec_stream what, uint64_t a, uint32_t b, uint32_t c)
{
    assert((uint32_t)what < 256 && a >> 48 == 0 && c < 256);
    tec_philox p = {.used = 4};
    p.key[0] = (uint32_t)seed;
    p.key[1] = (uint32_t)(seed >> 32);
    /* counter[0] numbers the blocks of the stream, the other three words name it. */
    p.counter[1] = (uint32_t)a;
    p.counter[2] = b;
    p.counter[3] = (uint32_t)what << 24 | c << 16 | (uint32_t)(a >> 32);
    return p;
}

uint32_t tec_philox_word(tec_philox *p)
{
    if (p->used == 4) {
        tec_philox_block(p->counter, p->key, p->block);
        p->counter[0]++;
        p->used = 0;
    }
    return p->block[p->used++];
}

double tec_philox_uniform(tec_philox *p)
{
    uint64_t high = tec_philox_word(p), low = tec_philox_word(p);
    return (double)((high << 32 | low) >> 11) * 0x1p-53;
}

double tec_philox_normal(tec_philox *p)
{
    double radius = sqrt(-2 * log(1 - tec_philox_uniform(p))); /* 1 - u: never the logarithm of zero */
    return radius * cos(6.283185307179586 * tec_philox_uniform(p));
}

/* Marsaglia, Tsang: A simple method for generating gamma variables; ACM TOMS 26 (2000). For a < 1 a variable of a + 1
 * is multiplied by u^(1/a), which underflows for small a: hence the logarithm. */
static double log_gamma_variable(tec_philox *p, double a)
{
    if (a < 1) {
        double above = log_gamma_variable(p, a + 1);
        return above + log(1 - tec_philox_uniform(p)) / a;
    }
    double d = a - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = tec_philox_normal(p), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(1 - tec_philox_uniform(p)) < x * x / 2 + d * (1 - v + log(v)))
            return log(d * v);
    }
}

double tec_philox_beta(tec_philox *p, double a, double b)
{
    assert(a > 0 && b > 0);
    double x = log_gamma_variable(p, a), y = log_gamma_variable(p, b);
    return 1 / (1 + exp(y - x));
}

/* Lemire's multiply-and-reject: the high word is the result, low words below 2^32 mod bound would favour some. */
uint32_t tec_philox_below(tec_philox *p, uint32_t bound)
{
    assert(bound > 0);
    uint64_t product = (uint64_t)tec_philox_word(p) * bound;
    if ((uint32_t)product < bound) {
        uint32_t threshold = -bound % bound;
        while ((uint32_t)product < threshold)
            product = (uint64_t)tec_philox_word(p) * bound;
    }
    return (uint32_t)(product >> 32);
}

void tec_philox_permutation(tec_philox *p, int64_t n, int64_t *out)
{
    assert(n >= 0 && n <= UINT32_MAX);
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = tec_philox_below(p, (uint32_t)i + 1), swapped = out[i];
        out[i] = out[j];
        out[j] = swapped;
    }
}
