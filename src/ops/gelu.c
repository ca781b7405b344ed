#include "tec/measure.h"
#include "tec/ops.h"

#include "src/base/threads.h"
#include "src/base/vector.h"

static const real SQRT_HALF = 0.70710678118654752440, DENSITY_AT_0 = 0.39894228040143267794;

TEC_CLONES static void forward(real *x, const real *bias, rows r, int O, real *y)
{
    for (long i = r.begin; i < r.end; i++) {
        real *restrict xi = x + i * O, *restrict yi = y + i * O;
#pragma omp simd
        for (int o = 0; o < O; o++) {
            real u = xi[o] + bias[o];
            real below = (real)0.5 + (real)0.5 * real_erf(u * SQRT_HALF);
            yi[o] = u * below;
            xi[o] = below + u * DENSITY_AT_0 * real_exp((real)-0.5 * u * u);
        }
    }
}

TEC_CLONES static void forward_only(real *x, const real *bias, rows r, int O)
{
    for (long i = r.begin; i < r.end; i++) {
        real *restrict xi = x + i * O;
#pragma omp simd
        for (int o = 0; o < O; o++) {
            real u = xi[o] + bias[o];
            xi[o] = u * ((real)0.5 + (real)0.5 * real_erf(u * SQRT_HALF));
        }
    }
}

TEC_CLONES static void backward(real *restrict dy, const real *restrict derivative, long n)
{
    for (long i = 0; i < n; i++)
        dy[i] *= derivative[i];
}

void tec_gelu_forward(real *x, const real *bias, int R, int O, real *y)
{
    TEC_MEASURE(TEC_OPERATOR_GELU);
#pragma omp parallel
    forward(x, bias, thread_rows(R), O, y);
}

void tec_gelu_forward_only(real *x, const real *bias, int R, int O)
{
    TEC_MEASURE(TEC_OPERATOR_GELU);
#pragma omp parallel
    forward_only(x, bias, thread_rows(R), O);
}

void tec_gelu_backward(real *dy, const real *derivative, int R, int O, real *dbias)
{
    TEC_MEASURE(TEC_OPERATOR_GELU);
#pragma omp parallel
    {
        rows r = thread_rows(R);
        backward(dy + (long)r.begin * O, derivative + (long)r.begin * O, (long)(r.end - r.begin) * O);
    }
    tec_bias_backward(dy, O, R, O, dbias);
}
