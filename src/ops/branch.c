/* Stochastic depth: a residual branch is left out for some of the images, and scaled up for the others. */
#include "tec/ops.h"

#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

TEC_CLONES static void scale_and_add(const real *branch, real keep, const real *residual, long n, real *y)
{
#pragma omp simd
    for (long i = 0; i < n; i++)
        y[i] = residual[i] + keep * branch[i];
}

TEC_CLONES static void scale_branch(const real *restrict dy, real keep, long n, real *restrict dbranch)
{
    for (long i = 0; i < n; i++)
        dbranch[i] = keep * dy[i];
}

void tec_branch_forward(const real *branch, const real *keep, const real *residual, int R, int N, int D, real *y)
{
    TEC_MEASURE(TEC_OPERATOR_BRANCH);
#pragma omp parallel for schedule(static)
    for (int s = 0; s < R / N; s++) {
        long at = (long)s * N * D;
        scale_and_add(branch + at, keep[s], residual + at, (long)N * D, y + at);
    }
}

void tec_branch_backward(const real *dy, const real *keep, int R, int N, int D, real *dbranch)
{
    TEC_MEASURE(TEC_OPERATOR_BRANCH);
#pragma omp parallel for schedule(static)
    for (int s = 0; s < R / N; s++) {
        long at = (long)s * N * D;
        scale_branch(dy + at, keep[s], (long)N * D, dbranch + at);
    }
}
