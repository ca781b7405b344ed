/* Layer norm over the rows of one matrix, or of several side by side. */
#include "tec/ops.h"

#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

#include <assert.h>
#include <string.h>

TEC_CLONES static real total(const real *x, int D)
{
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int d = 0; d < D; d++)
        sum += x[d];
    return sum;
}

TEC_CLONES static real centred_square(const real *x, int D, real mean)
{
    real q = 0;
#pragma omp simd reduction(+ : q)
    for (int d = 0; d < D; d++)
        q += (x[d] - mean) * (x[d] - mean);
    return q;
}

TEC_CLONES static void scale_shift(const real *restrict x, real mean, real rstd, const real *restrict weight,
                                   const real *restrict bias, int D, real *restrict y)
{
    for (int d = 0; d < D; d++)
        y[d] = (x[d] - mean) * rstd * weight[d] + bias[d];
}

/* One part of a row: accumulates dweight, dbias and the two sums that dx needs. */
TEC_CLONES static void gather_gradient(const real *restrict dy, const real *restrict x, real mean, real rstd,
                                       const real *restrict weight, int D, real *restrict dweight, real *restrict dbias,
                                       real *sum, real *product)
{
    real s = 0, p = 0;
#pragma omp simd reduction(+ : s, p)
    for (int d = 0; d < D; d++) {
        real xhat = (x[d] - mean) * rstd, g = dy[d] * weight[d];
        dweight[d] += dy[d] * xhat;
        dbias[d] += dy[d];
        s += g;
        p += g * xhat;
    }
    *sum += s;
    *product += p;
}

/* sum and product are means here. dx may be dy: each element depends only on its own place and on the two means. */
TEC_CLONES static void input_gradient(const real *dy, const real *x, real mean, real rstd, const real *weight, int D,
                                      real sum, real product, bool add, real *dx)
{
#pragma omp simd
    for (int d = 0; d < D; d++) {
        real xhat = (x[d] - mean) * rstd;
        dx[d] = (add ? dx[d] : 0) + rstd * (dy[d] * weight[d] - sum - xhat * product);
    }
}

void tec_layernorm_concat_forward(const real *const *x, int parts, const real *weight, const real *bias, real eps,
                                  int R, int D, real *y, real *mean, real *rstd)
{
    TEC_MEASURE(TEC_OPERATOR_LAYERNORM);
#pragma omp parallel
    {
        tec_rows r = tec_thread_rows(R);
        for (long i = r.begin; i < r.end; i++) {
            real sum = 0, square = 0, all = (real)parts * (real)D;
            for (int p = 0; p < parts; p++)
                sum += total(x[p] + i * D, D);
            mean[i] = sum / all;
            for (int p = 0; p < parts; p++)
                square += centred_square(x[p] + i * D, D, mean[i]);
            rstd[i] = 1 / real_sqrt(square / all + eps);
            for (int p = 0; p < parts; p++)
                scale_shift(x[p] + i * D, mean[i], rstd[i], weight + (long)p * D, bias + (long)p * D, D,
                            y + (i * parts + p) * D);
        }
    }
}

void tec_layernorm_forward(const real *x, const real *weight, const real *bias, real eps, int R, int D, real *y,
                           real *mean, real *rstd)
{
    tec_layernorm_concat_forward(&x, 1, weight, bias, eps, R, D, y, mean, rstd);
}

static void backward(const real *dy, const real *const *x, int parts, const real *mean, const real *rstd,
                     const real *weight, int R, int D, real *dx, bool add, real *dweight, real *dbias)
{
    TEC_MEASURE(TEC_OPERATOR_LAYERNORM);
#pragma omp parallel
    for (int round = 0; round < tec_thread_rounds(); round++) {
        int all = parts * D;
        real partial[2 * all];
        memset(partial, 0, sizeof partial);
        tec_rows r = tec_thread_part(R, round);
        for (long i = r.begin; i < r.end; i++) {
            real sum = 0, product = 0;
            for (int p = 0, at = 0; p < parts; p++, at += D)
                gather_gradient(dy + i * all + at, x[p] + i * D, mean[i], rstd[i], weight + at, D, partial + at,
                                partial + all + at, &sum, &product);
            for (int p = 0, at = 0; p < parts; p++, at += D)
                input_gradient(dy + i * all + at, x[p] + i * D, mean[i], rstd[i], weight + at, D, sum / (real)all,
                               product / (real)all, add, dx + i * all + at);
        }
        thread_sum(partial, all, dweight);
        thread_sum(partial + all, all, dbias);
    }
}

void tec_layernorm_concat_backward(real *dy, const real *const *x, int parts, const real *mean, const real *rstd,
                                   const real *weight, int R, int D, real *dweight, real *dbias)
{
    backward(dy, x, parts, mean, rstd, weight, R, D, dy, false, dweight, dbias);
}

void tec_layernorm_backward(const real *dy, const real *x, const real *mean, const real *rstd, const real *weight,
                            int R, int D, real *dx, bool add, real *dweight, real *dbias)
{
    backward(dy, &x, 1, mean, rstd, weight, R, D, dx, add, dweight, dbias);
}
