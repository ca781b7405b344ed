/* Linear layers: matrix products, and the sums that the gradient of a bias is. */
#include "tec/ops.h"

#include "tec/gemm.h"
#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

TEC_CLONES static void add_columns(const real *dy, int lddy, tec_rows r, int O, real *restrict sum)
{
    long i = r.begin;
    for (; i + 4 <= r.end; i += 4) {
        const real *a = dy + i * lddy, *b = a + lddy, *c = b + lddy, *d = c + lddy;
        for (int o = 0; o < O; o++)
            sum[o] += (a[o] + b[o]) + (c[o] + d[o]);
    }
    for (; i < r.end; i++)
        for (int o = 0; o < O; o++)
            sum[o] += dy[i * lddy + o];
}

TEC_CLONES static void add(const real *a, const real *b, int n, real *out)
{
#pragma omp simd
    for (int i = 0; i < n; i++)
        out[i] = a[i] + b[i];
}

void tec_add(const real *a, const real *b, int n, real *out)
{
    add(a, b, n, out);
}

void tec_bias_backward(const real *dy, int lddy, int R, int O, real *dbias)
{
    TEC_MEASURE(TEC_OPERATOR_BIAS);
#pragma omp parallel
    for (int round = 0; round < tec_thread_rounds(); round++)
        for (int first = 0; first < O; first += THREAD_COLUMNS) {
            real partial[THREAD_COLUMNS] = {0};
            int n = O - first < THREAD_COLUMNS ? O - first : THREAD_COLUMNS;
            add_columns(dy + first, lddy, tec_thread_part(R, round), n, partial);
            thread_sum(partial, n, dbias + first);
        }
}

void tec_linear_forward(const real *x, int ldx, const real *weight, const real *bias, int R, int I, int O, real *y,
                        int ldy)
{
    if (bias)
        tec_gemm_bias(R, O, I, tec_plain(x, ldx), tec_transposed(weight, I), bias, NULL, y, ldy);
    else
        tec_gemm(R, O, I, 1, tec_plain(x, ldx), tec_transposed(weight, I), 0, y, ldy);
}

void tec_linear_residual(const real *x, const real *weight, const real *bias, const real *residual, int R, int I, int O,
                         real *y)
{
    tec_gemm_bias(R, O, I, tec_plain(x, I), tec_transposed(weight, I), bias, residual, y, O);
}

void tec_linear_backward(const real *dy, int lddy, const real *x, int ldx, const real *weight, int R, int I, int O,
                         real *dx, int lddx, real beta, real *dweight, real *dbias)
{
    tec_gemm(O, I, R, 1, tec_transposed(dy, lddy), tec_plain(x, ldx), 1, dweight, I);
    if (dbias)
        tec_bias_backward(dy, lddy, R, O, dbias);
    if (dx)
        tec_gemm(R, I, O, 1, tec_plain(dy, lddy), tec_plain(weight, I), beta, dx, lddx);
}
