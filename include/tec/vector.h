/* Module base, public. What elementwise loops share: SIMD clones, an exp that vectorises, and functions named after
 * `real`. */
#ifndef TEC_VECTOR_H
#define TEC_VECTOR_H

#include "tec/clones.h"
#include "tec/real.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* clang warns of loops that it does not vectorise: a maximum over numbers that may be NaN, or calls of exp or erf. They
 * stay scalar there. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

/* The largest argument of real_exp, which does not check it: almost all are at most 0, and a check costs time. */
#define EXP_MOST 88

#if TEC_REAL_IS_DOUBLE
#define real_exp exp
#define real_sqrt sqrt
#define real_log log
#else
#define real_sqrt sqrtf
#define real_log logf

/* e^x for x <= EXP_MOST to within one unit in the last place, in arithmetic that a loop around it can be vectorised
 * with; 0 below -87.7. It is 2^n e^r with n the integer nearest to x / log 2: adding 1.5 * 2^23 leaves n in the lowest
 * bits of the sum, here together with the exponent bias. (e^r - 1 - r) / r^2 is approximated by a polynomial, our own
 * minimax fit for |r| <= log(2) / 2, to 3e-9 of e^r. */
static inline float real_exp(float x)
{
    const float ROUND = 0x1.8p23f + 127, LOG2_E = 0x1.715476p+0f, LN2_HIGH = 0x1.62e4p-1f, LN2_LOW = 0x1.7f7d1cp-20f;
    x = x < -88 ? -88 : x;
    union {
        float value;
        uint32_t bits;
    } power = {.value = x * LOG2_E + ROUND};
    float n = power.value - ROUND, r = x - n * LN2_HIGH - n * LN2_LOW;
    power.bits <<= 23;
    float q = 0.0013814540579915047f;
    q = q * r + 0.00836874544620514f;
    q = q * r + 0.04166838899254799f;
    q = q * r + 0.1666652113199234f;
    q = q * r + 0.4999999403953552f;
    return (q * r * r + r + 1) * power.value;
}
#endif

#endif
