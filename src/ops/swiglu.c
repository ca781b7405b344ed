/* SwiGLU, the activation of some base models' MLPs. Forward only: base models are frozen. */
#include "tec/ops.h"

#include "tec/threads.h"
#include "tec/vector.h"

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
