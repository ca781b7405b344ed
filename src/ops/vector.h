/* What the elementwise loops of this folder share: SIMD clones for the machine that runs them, vector forms of the
 * mathematical functions (glibc's libmvec), and names that follow `real`. */
#ifndef TEC_OPS_VECTOR_H
#define TEC_OPS_VECTOR_H

#include "tec/real.h"

#include <math.h>
#include <stddef.h>

/* One binary serves SSE2, AVX2 and AVX-512 nodes. Sanitizers cannot run the resolvers, and clang 14 knows no levels. */
#if defined __GNUC__ && !defined __clang__ && defined __x86_64__ && !defined __SANITIZE_ADDRESS__ && !defined TEC_NO_CLONES
#define TEC_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TEC_CLONES
#endif

/* glibc announces libmvec's functions under -ffast-math only; they are accurate to 4 ulp, so say it here. */
#if defined __GNUC__ && !defined __clang__ && defined __x86_64__ && defined __GLIBC__
extern float expf(float) __attribute__((simd("notinbranch")));
extern float erff(float) __attribute__((simd("notinbranch")));
extern double exp(double) __attribute__((simd("notinbranch")));
extern double erf(double) __attribute__((simd("notinbranch")));
#endif

#if TEC_REAL_IS_DOUBLE
#define real_exp exp
#define real_erf erf
#define real_sqrt sqrt
#define real_log log
#else
#define real_exp expf
#define real_erf erff
#define real_sqrt sqrtf
#define real_log logf
#endif

#endif
