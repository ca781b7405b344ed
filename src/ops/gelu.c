/* GELU with its bias, and its derivative. */
#include "tec/ops.h"

#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

static const real DENSITY_AT_0 = (real)0.39894228040143267794;

/* The standard normal distribution at u: the share below u, and the density relative to that at 0. */
typedef struct normal {
    real below, bell;
} normal;

#if TEC_REAL_IS_DOUBLE
static inline normal normal_at(real u)
{
    const double SQRT_HALF = 0.70710678118654752440;
    return (normal){0.5 + 0.5 * erf(u * SQRT_HALF), exp(-0.5 * u * u)};
}
#else
/* The form of Abramowitz and Stegun 7.1.26, so that one exp serves both. The polynomial is our own fit, accurate to
 * 3e-9; theirs, which PyTorch uses, is accurate to 0.8e-7. */
static inline normal normal_at(real u)
{
    real z = u < 0 ? -u : u, bell = real_exp(-0.5f * u * u), t = 1 / (1 + 0.33f * z);
    real p = 0.044523611957379805f;
    p = p * t - 0.21577258572944616f;
    p = p * t + 0.32189471208176224f;
    p = p * t - 0.07973560879102712f;
    p = p * t + 0.17559418499632407f;
    p = p * t + 0.12107760378182628f;
    p = p * t + 0.1324180844501261f;
    real beyond = p * t * bell;
    return (normal){u < 0 ? beyond : 1 - beyond, bell};
}
#endif

TEC_CLONES static void forward(real *x, const real *bias, tec_rows r, int O, real *y)
{
    for (long i = r.begin; i < r.end; i++) {
        real *restrict xi = x + i * O, *restrict yi = y + i * O;
#pragma omp simd
        for (int o = 0; o < O; o++) {
            real u = xi[o] + bias[o];
            normal at = normal_at(u);
            yi[o] = u * at.below;
            xi[o] = at.below + u * DENSITY_AT_0 * at.bell;
        }
    }
}

TEC_CLONES static void forward_only(real *x, const real *bias, tec_rows r, int O)
{
    for (long i = r.begin; i < r.end; i++) {
        real *restrict xi = x + i * O;
#pragma omp simd
        for (int o = 0; o < O; o++) {
            real u = xi[o] + bias[o];
            xi[o] = u * normal_at(u).below;
        }
    }
}

/* Multiplies n columns of dy [R, O] by those of the derivative and adds the columns up in sum [n]. */
TEC_CLONES static void backward(real *dy, const real *derivative, tec_rows r, int O, int n, real *restrict sum)
{
    for (long i = r.begin; i < r.end; i++) {
        real *restrict d = dy + i * O;
        const real *restrict by = derivative + i * O;
        for (int o = 0; o < n; o++) {
            d[o] *= by[o];
            sum[o] += d[o];
        }
    }
}

void tec_gelu_forward(real *x, const real *bias, int R, int O, real *y)
{
    TEC_MEASURE(TEC_OPERATOR_GELU);
#pragma omp parallel
    forward(x, bias, tec_thread_rows(R), O, y);
}

void tec_gelu_forward_only(real *x, const real *bias, int R, int O)
{
    TEC_MEASURE(TEC_OPERATOR_GELU);
#pragma omp parallel
    forward_only(x, bias, tec_thread_rows(R), O);
}

void tec_gelu_backward(real *dy, const real *derivative, int R, int O, real *dbias)
{
    TEC_MEASURE(TEC_OPERATOR_GELU);
#pragma omp parallel
    for (int round = 0; round < tec_thread_rounds(); round++)
        for (int first = 0; first < O; first += THREAD_COLUMNS) {
            real partial[THREAD_COLUMNS] = {0};
            int n = O - first < THREAD_COLUMNS ? O - first : THREAD_COLUMNS;
            backward(dy + first, derivative + first, tec_thread_part(R, round), O, n, partial);
            thread_sum(partial, n, dbias + first);
        }
}
