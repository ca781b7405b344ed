/* Which backend computes a product, and how the threads share it. */
#include "tec/gemm.h"

#include "product.h"
#include "tec/measure.h"
#include "tec/threads.h"

#include <math.h>
#include <omp.h>
#include <stddef.h>

/* In the order in which they are asked; the last one computes whatever suits no other. */
static const product_backend *const backends[] = {&tec_product_own, &tec_product_library};

static const product_backend *choose(const product *p)
{
    const product_backend *const *last = backends + sizeof backends / sizeof *backends - 1, *const *b = backends;
    while (b < last && !(*b)->suits(p))
        b++;
    return *b;
}

static void multiply(const product *p)
{
    choose(p)->run(p);
}

/* ---- threads ---- */

/* Into how many bands of rows `parts` tiles of c are best arranged: the less of a and b each tile reads, the better. */
static int bands(int m, int n, int parts)
{
    int best = 1;
    double least = INFINITY;
    for (int rows = 1; rows <= parts; rows++) {
        double reads = (double)m / rows + (double)n * rows / parts;
        if (parts % rows == 0 && reads < least) {
            least = reads;
            best = rows;
        }
    }
    return best;
}

/* Where part `part` of `parts` of `total` begins: at a multiple of what a kernel computes at once. */
static int border(int total, int part, int parts)
{
    enum { KERNEL = 16 };
    int at = (int)((int64_t)total * part / parts + KERNEL / 2) / KERNEL * KERNEL;
    return part == parts || at > total ? total : at;
}

static const real *element(tec_matrix x, int row, int column)
{
    return x.transpose == TEC_TRANSPOSED ? x.data + (long)column * x.stride + row
                                         : x.data + (long)row * x.stride + column;
}

/* Tile (row, column) of the `down` x `across` that c is cut into. */
static void multiply_tile(const product *p, int row, int column, int down, int across)
{
    int top = border(p->m, row, down), left = border(p->n, column, across);
    product tile = *p;
    tile.m = border(p->m, row + 1, down) - top;
    tile.n = border(p->n, column + 1, across) - left;
    tile.a.data = element(p->a, top, 0);
    tile.b.data = element(p->b, 0, left);
    tile.bias = p->bias ? p->bias + left : NULL;
    long corner = (long)top * p->ldc + left;
    tile.from = p->from + corner;
    tile.c = p->c + corner;
    if (tile.m > 0 && tile.n > 0)
        multiply(&tile);
}

/* A tile of c for every thread. */
static void multiply_tiles(const product *p)
{
#pragma omp parallel
    {
        int parts = omp_get_num_threads(), down = bands(p->m, p->n, parts), across = parts / down;
        multiply_tile(p, omp_get_thread_num() / across, omp_get_thread_num() % across, down, across);
    }
}

/* In tiles that depend on the shape alone: a kernel's last bits may depend on the size of what it is given. */
static void multiply_fixed_tiles(const product *p, bool shared)
{
    enum { SIDE = 512 };
    int down = (p->m + SIDE - 1) / SIDE, across = (p->n + SIDE - 1) / SIDE;
#pragma omp parallel for schedule(static) if (shared)
    for (int i = 0; i < down * across; i++)
        multiply_tile(p, i / across, i % across, down, across);
}

static void multiply_shared(const product *p)
{
    const double too_small = 1e5; /* m * n * k that is not worth waking threads for */
    bool shared = omp_get_max_threads() > 1 && !omp_in_parallel() && (double)p->m * p->n * p->k > too_small;
    if (tec_thread_parts)
        multiply_fixed_tiles(p, shared);
    else
        (shared ? multiply_tiles : multiply)(p);
}

static void multiply_measured(const product *p)
{
    if (!tec_measuring) {
        multiply_shared(p);
        return;
    }
    tec_measurement measurement = tec_measurement_begin(TEC_OPERATOR_GEMM);
    multiply_shared(p);
    tec_product_count(p, tec_measurement_close(&measurement));
}

/* ---- products ---- */

void tec_gemm(int m, int n, int k, real alpha, tec_matrix a, tec_matrix b, real beta, real *c, int ldc)
{
    multiply_measured(&(product){m, n, k, alpha, a, b, beta, c, NULL, c, ldc});
}

void tec_gemm_bias(int m, int n, int k, tec_matrix a, tec_matrix b, const real *bias, const real *residual, real *c,
                   int ldc)
{
    multiply_measured(&(product){m, n, k, 1, a, b, residual ? 1 : 0, residual ? residual : c, bias, c, ldc});
}

void tec_gemm_by_library(int m, int n, int k, tec_matrix a, tec_matrix b, real *c, int ldc)
{
    tec_product_library.run(&(product){m, n, k, 1, a, b, 0, c, NULL, c, ldc});
}

const char *tec_gemm_backend(int m, int n, int k, tec_transpose a, tec_transpose b)
{
    return choose(&(product){.m = m, .n = n, .k = k, .a.transpose = a, .b.transpose = b})->name;
}
