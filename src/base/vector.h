/* What elementwise loops share: SIMD clones for the machine that runs them, vector forms of the mathematical functions
 * (glibc's libmvec), and names that follow `real`. */
#ifndef TEC_BASE_VECTOR_H
#define TEC_BASE_VECTOR_H

#include "tec/clones.h"
#include "tec/real.h"

#include <math.h>
#include <stddef.h>

/* clang vectorises no loop that calls expf or erf, and warns of it; those loops are then plain. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

/* glibc announces libmvec's functions under -ffast-math only; they are accurate to 4 ulp, so say it here. */
#if defined __GNUC__ && !defined __clang__ && defined __x86_64__ && defined __GLIBC__
extern float expf(float) __attribute__((simd("notinbranch")));
extern double exp(double) __attribute__((simd("notinbranch")));
extern double erf(double) __attribute__((simd("notinbranch")));
#endif

#if TEC_REAL_IS_DOUBLE
#define real_exp exp
#define real_sqrt sqrt
#define real_log log
#else
#define real_exp expf
#define real_sqrt sqrtf
#define real_log logf
#endif

#endif
