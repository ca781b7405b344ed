/* Module base, public. The smaller and the larger of two numbers of a type. Local and pure. */
#ifndef TEC_MINMAX_H
#define TEC_MINMAX_H

#include <stddef.h>
#include <stdint.h>

static inline int tec_min_int(int a, int b)
{
    return a < b ? a : b;
}

static inline int tec_max_int(int a, int b)
{
    return a > b ? a : b;
}

static inline int64_t tec_min_int64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t tec_max_int64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline size_t tec_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t tec_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Of doubles, where a comparison with NaN is false: the result is then b. */
static inline double tec_min_double(double a, double b)
{
    return a < b ? a : b;
}

static inline double tec_max_double(double a, double b)
{
    return a > b ? a : b;
}

#endif
