/* AdamW: one pass over weights, gradients and moments, shared among threads. */
#include "tec/adamw.h"

#include "tec/measure.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/vector.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* The constants of a step, each rounded to the precision of the weights once: 1 - beta computed from a rounded beta has
 * a relative error of up to 1e-4 where beta is close to 1. */
typedef struct step_constants {
    real beta1, beta2, rest1, rest2; /* rest: 1 - beta */
    real eps, rate, root;            /* rate: lr / bias1, root: 1 / sqrt(bias2), bias: 1 - beta^step */
    real keep;                       /* 1 - lr * decay */
    real scale;
} step_constants;

/* beta^n. The math library's pow may round differently on another processor; ranks must not. */
static double power(double beta, int64_t n)
{
    long double result = 1, factor = beta;
    for (; n > 0; n /= 2) {
        if (n % 2)
            result *= factor;
        factor *= factor;
    }
    return (double)result;
}

/* Returns the squared norm of the scaled gradient. Weights and moments are the same to the bit in all clones (there are
 * no fused operations in this module, see the Makefile); the sum of squares is not. */
TEC_CLONES static real update_block(const step_constants *k, size_t n, real *restrict w, real *restrict g,
                                    real *restrict m, real *restrict v)
{
    real square = 0;
#pragma omp simd reduction(+ : square)
    for (size_t i = 0; i < n; i++) {
        real d = g[i] * k->scale;
        m[i] = k->beta1 * m[i] + k->rest1 * d;
        v[i] = k->beta2 * v[i] + k->rest2 * d * d;
        w[i] = k->keep * w[i] - k->rate * m[i] / (real_sqrt(v[i]) * k->root + k->eps);
        square += d * d;
        g[i] = 0;
    }
    return square;
}

/* In blocks: added to a float sum of millions of squares, the next one would be rounded away. */
static double update(const step_constants *k, size_t n, real *w, real *g, real *m, real *v)
{
    enum { BLOCK = 1024 };
    double square = 0;
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t size = n - at < BLOCK ? n - at : BLOCK;
        square += update_block(k, size, w + at, g + at, m + at, v + at);
    }
    return square;
}

void tec_adamw_create(tec_adamw *a, const tec_params *params, double beta1, double beta2, double weight_decay)
{
    *a = (tec_adamw){.beta1 = beta1, .beta2 = beta2, .eps = 1e-8, .weight_decay = weight_decay, .unclipped = 1};
    a->m = tec_allocate_zeroed(params->trained, sizeof *a->m);
    a->v = tec_allocate_zeroed(params->trained, sizeof *a->v);
}

void tec_adamw_free(tec_adamw *a)
{
    tec_adamw_move(a, NULL, NULL);
}

void tec_adamw_move(tec_adamw *a, real *m, real *v)
{
    if (!a->lent) {
        free(a->m);
        free(a->v);
    }
    a->m = m;
    a->v = v;
    a->lent = true;
}

typedef struct span {
    size_t begin, end;
} span;

/* The calling thread's share. */
static span my_share(span all)
{
    size_t count = all.end - all.begin, part = (size_t)omp_get_thread_num(), parts = (size_t)omp_get_num_threads();
    return (span){all.begin + count * part / parts, all.begin + count * (part + 1) / parts};
}

static span overlap(span a, span b)
{
    size_t begin = a.begin > b.begin ? a.begin : b.begin, end = a.end < b.end ? a.end : b.end;
    return (span){begin, end > begin ? end : begin};
}

/* An OpenMP reduction would add the threads' sums in the order in which they finish: other last bits in every run. */
static double add_in_order(const double *sum, int count)
{
    double total = 0;
    for (int i = 0; i < count; i++)
        total += sum[i];
    return total;
}

void tec_adamw_begin(tec_adamw *a)
{
    a->step++;
}

double tec_adamw_update(tec_adamw *a, tec_params *params, size_t first, size_t count, double lr, double scale)
{
    TEC_MEASURE(TEC_OPERATOR_ADAMW);
    int threads = omp_get_max_threads();
    double square[threads];
    memset(square, 0, sizeof square);
    const double bias1 = 1 - power(a->beta1, a->step);
    step_constants k = {.beta1 = (real)a->beta1,
                        .beta2 = (real)a->beta2,
                        .rest1 = (real)(1 - a->beta1),
                        .rest2 = (real)(1 - a->beta2),
                        .eps = (real)a->eps,
                        .root = (real)(1 / sqrt(1 - power(a->beta2, a->step))),
                        .scale = (real)scale};
#pragma omp parallel firstprivate(k)
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        if (!p->trained)
            continue;
        span part = overlap((span){p->offset, p->offset + p->count}, my_share((span){first, first + count}));
        size_t at = part.begin;
        k.rate = (real)(lr * p->rate / bias1);
        k.keep = (real)(p->decayed ? 1 - lr * p->rate * a->weight_decay : 1);
        square[omp_get_thread_num()] +=
            update(&k, part.end - part.begin, params->weight + at, params->grad + at, a->m + at, a->v + at);
    }
    return add_in_order(square, threads);
}

double tec_adamw_step(tec_adamw *a, tec_params *params, double lr, double scale)
{
    tec_adamw_begin(a);
    return tec_adamw_update(a, params, 0, params->trained, lr, scale);
}

TEC_CLONES static real largest(const real *x, size_t n)
{
    real most = 0;
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

/* It fades as v does. */
void tec_adamw_note_clip(tec_adamw *a, double clip)
{
    a->unclipped = tec_max_double(1 / clip, tec_max_double(a->unclipped * sqrt(a->beta2), 1));
}

/* What is the least for all keeps room for a tensor that has had no gradient for thousands of steps, whose moments have faded. */
int tec_adamw_expect(const tec_adamw *a, const tec_params *params, tec_expected *out)
{
    enum { ROOM = 12 };
    int spans = 0, least = INT_MIN;
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        if (!p->trained)
            continue;
        /* A gradient g has left at least (1 - beta2) g^2 in v. */
        const double most = a->unclipped * sqrt(largest(a->v + p->offset, p->count) / (1 - a->beta2));
        out[spans++] = (tec_expected){p->offset, p->count, ROOM + (most > 0 ? 1 + ilogb(most) : 0)};
        if (most > 0)
            least = tec_max_int(least, 1 + ilogb(most));
    }
    for (int i = 0; i < spans; i++)
        out[i].exponent = tec_max_int(out[i].exponent, least);
    return spans;
}

static double square_of(const real *g, size_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += (double)g[i] * g[i];
    return sum;
}

double tec_gradient_square(const tec_params *params, size_t first, size_t count)
{
    TEC_MEASURE(TEC_OPERATOR_ADAMW);
    enum { BLOCK = 1 << 16 };
    const size_t blocks = (count + BLOCK - 1) / BLOCK;
    double *square = tec_allocate(blocks * sizeof *square), sum = 0;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < blocks; i++)
        square[i] = square_of(params->grad + first + i * BLOCK, tec_min_size(BLOCK, count - i * BLOCK));
    for (size_t i = 0; i < blocks; i++)
        sum += square[i];
    free(square);
    return sum;
}
