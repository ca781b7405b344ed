/* A running mean of weights. */
#include "tec/average.h"

#include "tec/clones.h"

/* As in adamw.c, the same to the bit in all clones. */
TEC_CLONES static void update_share(real keep, real rest, size_t n, real *restrict average, const real *restrict weight)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        average[i] = keep * average[i] + rest * weight[i];
}

void tec_average_update(real *average, const real *weight, size_t count, double decay)
{
    enum { BLOCK = 1 << 14 };
    const real keep = (real)decay, rest = (real)(1 - decay);
#pragma omp parallel for schedule(static)
    for (size_t at = 0; at < count; at += BLOCK)
        update_share(keep, rest, count - at < BLOCK ? count - at : BLOCK, average + at, weight + at);
}

void tec_average_swap(real *average, real *weight, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        real kept = weight[i];
        weight[i] = average[i];
        average[i] = kept;
    }
}
