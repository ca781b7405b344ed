/* Module base, public. The floating-point type of all arithmetic: float, or double with `make REAL=double`, which makes
 * finite differences and golden fixtures sharp. Checkpoints then hold doubles too; all other files keep the type that
 * their format defines. */
#ifndef TEC_REAL_H
#define TEC_REAL_H

#include <stddef.h>

#ifdef TEC_REAL_DOUBLE
typedef double real;
#define TEC_REAL_IS_DOUBLE 1
#else
typedef float real;
#define TEC_REAL_IS_DOUBLE 0
#endif

/* Copies of `count` numbers to and from the type of files. */
static inline void tec_real_to_float(const real *in, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)in[i];
}

static inline void tec_real_from_float(const float *in, size_t count, real *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = in[i];
}

#endif
