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

/* Rows of dy *= those of the derivative, for `n` columns, which are added to sum. */
TEC_CLONES static void backward(real *dy, const real *derivative, rows r, int O, int n, real *restrict sum)
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
    for (int first = 0; first < O; first += THREAD_COLUMNS) {
        real partial[THREAD_COLUMNS] = {0};
        int n = O - first < THREAD_COLUMNS ? O - first : THREAD_COLUMNS;
        backward(dy + first, derivative + first, thread_rows(R), O, n, partial);
        thread_sum(partial, n, dbias + first);
    }
}
