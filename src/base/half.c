/* float32 to float16 and back, by F16C or in plain C. */
#include "tec/half.h"

#include <stdbool.h>
#include <string.h>

#define LARGEST 65504.0f

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t encode(float value)
{
    uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000) /* NaN: quiet, the upper bits of its payload kept */
        return (uint16_t)(sign | 0x7e00 | (size >> 13 & 0x3ff));
    if (size == 0x7f800000)
        return (uint16_t)(sign | 0x7c00);
    if (size > bits_of(LARGEST))
        return (uint16_t)(sign | 0x7bff);
    if (size < 0x38800000) /* below 2^-14: adding 0.5 rounds to multiples of 2^-24, the step of float16's subnormals */
        return (uint16_t)(sign | (bits_of(float_of(size) + 0.5f) - bits_of(0.5f)));
    size += 0xfff + (size >> 13 & 1);
    return (uint16_t)(sign | (size - 0x38000000) >> 13);
}

static float decode(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    if (exponent == 31)
        return float_of(sign | 0x7f800000 | (fraction ? 0x400000 | fraction << 13 : 0));
    if (exponent == 0)
        return float_of(sign | bits_of((float)fraction * 0x1p-24f));
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

void tec_half_from_float_portable(const float *in, size_t count, uint16_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = encode(in[i]);
}

void tec_half_to_float_portable(const uint16_t *in, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = decode(in[i]);
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static bool has_f16c(void)
{
    /* "avx" also asks whether the system saves the registers; not every compiler knows "f16c". */
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

__attribute__((target("avx,f16c"))) static void from_float_f16c(const float *in, size_t count, uint16_t *out)
{
    const __m256 largest = _mm256_set1_ps(LARGEST), smallest = _mm256_set1_ps(-LARGEST);
    const __m256 infinity = _mm256_set1_ps(float_of(0x7f800000)), sign = _mm256_set1_ps(-0.0f);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256 x = _mm256_loadu_ps(in + i);
        /* With a NaN, min and max return their second operand: x itself. */
        __m256 clamped = _mm256_max_ps(smallest, _mm256_min_ps(largest, x));
        __m256 infinite = _mm256_cmp_ps(_mm256_andnot_ps(sign, x), infinity, _CMP_EQ_OQ);
        __m128i half = _mm256_cvtps_ph(_mm256_blendv_ps(clamped, x, infinite), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(out + i), half);
    }
    tec_half_from_float_portable(in + i, count - i, out + i);
}

__attribute__((target("avx,f16c"))) static void to_float_f16c(const uint16_t *in, size_t count, float *out)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(in + i))));
    tec_half_to_float_portable(in + i, count - i, out + i);
}
#endif

void tec_half_from_float(const float *in, size_t count, uint16_t *out)
{
#if defined(__x86_64__)
    if (has_f16c()) {
        from_float_f16c(in, count, out);
        return;
    }
#endif
    tec_half_from_float_portable(in, count, out);
}

void tec_half_to_float(const uint16_t *in, size_t count, float *out)
{
#if defined(__x86_64__)
    if (has_f16c()) {
        to_float_f16c(in, count, out);
        return;
    }
#endif
    tec_half_to_float_portable(in, count, out);
}
