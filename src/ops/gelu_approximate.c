/* The approximations of GELU that some base models were trained with. Forward only: base models are frozen. */
#include "tec/ops.h"

#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

/* Both are u / (1 + exp(-(linear u + cubic u^3))), since (1 + tanh(z)) / 2 = 1 / (1 + exp(-2 z)). */
typedef struct slope {
    real linear, cubic;
} slope;

static const slope QUICK = {(real)1.702, 0};
static const slope TANH = {(real)1.5957691216057308, (real)(1.5957691216057308 * 0.044715)};

TEC_CLONES static void approximate(real *x, const real *bias, tec_rows r, int O, slope s)
{
    for (long i = r.begin; i < r.end; i++) {
        real *restrict xi = x + i * O;
#pragma omp simd
        for (int o = 0; o < O; o++) {
            real u = xi[o] + bias[o], minus = -u * (s.linear + s.cubic * u * u);
            minus = minus > EXP_MOST ? EXP_MOST : minus;
            xi[o] = u / (1 + real_exp(minus));
        }
    }
}

static void forward_all(real *x, const real *bias, int R, int O, slope s)
{
    TEC_MEASURE(TEC_OPERATOR_GELU);
#pragma omp parallel
    approximate(x, bias, tec_thread_rows(R), O, s);
}

void tec_gelu_tanh_forward_only(real *x, const real *bias, int R, int O)
{
    forward_all(x, bias, R, O, TANH);
}

void tec_quick_gelu_forward_only(real *x, const real *bias, int R, int O)
{
    forward_all(x, bias, R, O, QUICK);
}
