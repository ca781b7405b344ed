/* Rotary positions: turning queries and keys by the place of their patch. */
#include "tec/ops.h"

#include "tec/measure.h"
#include "tec/threads.h"
#include "tec/vector.h"

/* Of one head of one row; `sign` -1: back. */
TEC_CLONES static void turn_halves(real *restrict x, const real *cosine, const real *sine, real sign, int planes)
{
    real *restrict y = x + planes;
#pragma omp simd
    for (int j = 0; j < planes; j++) {
        const real a = x[j], b = y[j], s = sign * sine[j];
        x[j] = a * cosine[j] - b * s;
        y[j] = b * cosine[j] + a * s;
    }
}

TEC_CLONES static void turn_pairs(real *restrict x, const real *cosine, const real *sine, real sign, int planes)
{
    for (int j = 0; j < planes; j++) {
        const real a = x[2 * j], b = x[2 * j + 1], s = sign * sine[j];
        x[2 * j] = a * cosine[j] - b * s;
        x[2 * j + 1] = b * cosine[j] + a * s;
    }
}

void tec_rotary_turn(const tec_rotary *r, real *x, int ldx, int count, int H, bool back)
{
    TEC_MEASURE(TEC_OPERATOR_ATTENTION);
    const int L = r->patches, N = r->prefix + L;
    const real sign = back ? -1 : 1;
#pragma omp parallel for collapse(2) schedule(static)
    for (int s = 0; s < count; s++)
        for (int l = 0; l < L; l++) {
            real *row = x + ((long)s * N + r->prefix + l) * ldx;
            for (int h = 0; h < H; h++) {
                const long at = (r->by_head ? (long)l * H + h : l) * r->planes;
                (r->pairs ? turn_pairs : turn_halves)(row + h * 2 * r->planes, r->cosine + at, r->sine + at, sign,
                                                      r->planes);
            }
        }
}
