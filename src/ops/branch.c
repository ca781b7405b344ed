/* Stochastic depth: a residual branch is left out for some of the images, and scaled up for the others. */
#include "tec/ops.h"

#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

#include <string.h>

TEC_CLONES static void scale_and_add(const real *restrict branch, real keep, const real *residual, long n, real *y)
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

/* Where the rows of sequence s of a branch begin, which has those of the sequences that are kept only. */
static long kept_row(const real *keep, int s, int N)
{
    long row = 0;
    for (int i = 0; i < s; i++)
        row += keep[i] != 0 ? N : 0;
    return row;
}

void tec_branch_forward(const real *branch, const real *keep, const real *residual, int R, int N, int D, real *y)
{
    TEC_MEASURE(TEC_OPERATOR_BRANCH);
#pragma omp parallel for schedule(static)
    for (int s = 0; s < R / N; s++) {
        long at = (long)s * N * D;
        if (keep[s] != 0)
            scale_and_add(branch + kept_row(keep, s, N) * D, keep[s], residual + at, (long)N * D, y + at);
        else if (y != residual)
            memcpy(y + at, residual + at, (size_t)N * (size_t)D * sizeof *y);
    }
}

void tec_branch_backward(const real *dy, const real *keep, int R, int N, int D, real *dbranch)
{
    TEC_MEASURE(TEC_OPERATOR_BRANCH);
#pragma omp parallel for schedule(static)
    for (int s = 0; s < R / N; s++) {
        if (keep[s] != 0)
            scale_branch(dy + (long)s * N * D, keep[s], (long)N * D, dbranch + kept_row(keep, s, N) * D);
    }
}
