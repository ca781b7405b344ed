/* SwiGLU, the activation of some models' MLPs. */
#include "tec/ops.h"

#include "tec/threads.h"
#include "tec/vector.h"

/* 1 / (1 + e^-u) */
static inline real sigmoid(real u)
{
    real minus = u < -EXP_MOST ? EXP_MOST : -u;
    return 1 / (1 + real_exp(minus));
}

TEC_CLONES static void swiglu(const real *x, tec_rows r, int O, real *y)
{
    for (long i = r.begin; i < r.end; i++) {
        const real *restrict a = x + i * 2 * O, *restrict b = a + O;
        real *restrict out = y + i * O;
#pragma omp simd
        for (int o = 0; o < O; o++) {
            real minus = a[o] < -EXP_MOST ? EXP_MOST : -a[o];
            out[o] = a[o] / (1 + real_exp(minus)) * b[o];
        }
    }
}

void tec_swiglu_forward(const real *x, int R, int O, real *y)
{
#pragma omp parallel
    swiglu(x, tec_thread_rows(R), O, y);
}

TEC_CLONES static void swiglu_backward(const real *dy, tec_rows r, int O, real *x)
{
    for (long i = r.begin; i < r.end; i++) {
        real *restrict a = x + i * 2 * O, *restrict b = a + O;
        const real *restrict d = dy + i * O;
#pragma omp simd
        for (int o = 0; o < O; o++) {
            real gate = sigmoid(a[o]), silu = a[o] * gate;
            a[o] = d[o] * b[o] * (gate + silu * (1 - gate));
            b[o] = d[o] * silu;
        }
    }
}

void tec_swiglu_backward(const real *dy, int R, int O, real *x)
{
#pragma omp parallel
    swiglu_backward(dy, tec_thread_rows(R), O, x);
}
