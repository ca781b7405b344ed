/* Products shared out among threads, by our own kernel or by CBLAS, and what is known of those that were computed. */
#include "tec/gemm.h"

#include "product.h"
#include "tec/measure.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* OpenBLAS's own; other libraries follow OMP_NUM_THREADS or their own variables. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern char *openblas_get_config(void) __attribute__((weak));

static CBLAS_TRANSPOSE order(tec_matrix x)
{
    return x.transpose == TEC_TRANSPOSED ? CblasTrans : CblasNoTrans;
}

/* Kinds in the order of their first call, found again by open addressing; the last one takes what has no room. */
static _Thread_local tec_gemm_kind kinds[TEC_GEMM_KINDS + 1];
static _Thread_local short place[2 * TEC_GEMM_KINDS]; /* 1 + number of a kind; 0: free */
static _Thread_local int kind_count;
static _Thread_local double flops;

static bool is_kind(const tec_gemm_kind *kind, int m, int n, int k, tec_transpose a, tec_transpose b)
{
    return kind->m == m && kind->n == n && kind->k == k && kind->a == a && kind->b == b;
}

static tec_gemm_kind *find_kind(int m, int n, int k, tec_transpose a, tec_transpose b)
{
    unsigned slots = sizeof place / sizeof *place;
    unsigned at = ((unsigned)m * 73856093u ^ (unsigned)n * 19349663u ^ (unsigned)k * 83492791u ^ (unsigned)(2 * a + b));
    for (at %= slots; place[at]; at = (at + 1) % slots)
        if (is_kind(&kinds[place[at] - 1], m, n, k, a, b))
            return &kinds[place[at] - 1];
    if (kind_count == TEC_GEMM_KINDS)
        return &kinds[TEC_GEMM_KINDS];
    tec_gemm_kind *kind = &kinds[kind_count++];
    place[at] = (short)kind_count;
    *kind = (tec_gemm_kind){.m = m, .n = n, .k = k, .a = a, .b = b};
    return kind;
}

static const real *element(tec_matrix x, int row, int column)
{
    return x.transpose == TEC_TRANSPOSED ? x.data + (size_t)column * x.stride + row
                                         : x.data + (size_t)row * x.stride + column;
}

static void multiply_by_library(const product *p)
{
    real beta = p->beta;
    if (p->bias || p->from != p->c) {
        for (int i = 0; i < p->m; i++)
            for (int j = 0; j < p->n; j++) {
                size_t at = (size_t)i * p->ldc + j;
                p->c[at] = (p->bias ? p->bias[j] : 0) + (beta != 0 ? beta * p->from[at] : 0);
            }
        beta = 1;
    }
#if TEC_REAL_IS_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, order(p->a), order(p->b), p->m, p->n, p->k, p->alpha, p->a.data, p->a.stride, p->b.data,
        p->b.stride, beta, p->c, p->ldc);
}

static void multiply(const product *p)
{
    (tec_product_suits(p) ? tec_product_run : multiply_by_library)(p);
}

/* Into how many bands of rows `parts` tiles of c are best cut: the less of a and b a tile needs, the better. */
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

/* A tile of c for every thread. */
static void multiply_tiles(const product *p)
{
#pragma omp parallel
    {
        int parts = omp_get_num_threads(), down = bands(p->m, p->n, parts), across = parts / down;
        int row = omp_get_thread_num() / across, column = omp_get_thread_num() % across;
        int top = border(p->m, row, down), left = border(p->n, column, across);
        product tile = *p;
        tile.m = border(p->m, row + 1, down) - top;
        tile.n = border(p->n, column + 1, across) - left;
        tile.a.data = element(p->a, top, 0);
        tile.b.data = element(p->b, 0, left);
        tile.bias = p->bias ? p->bias + left : NULL;
        size_t corner = (size_t)top * p->ldc + left;
        tile.from = p->from + corner;
        tile.c = p->c + corner;
        if (tile.m > 0 && tile.n > 0)
            multiply(&tile);
    }
}

/* OpenBLAS's own threads would compete with those of the loops around for the cores, both waiting busily. */
static void multiply_shared(const product *p)
{
    const double too_small = 1e5; /* to be shared among threads */
    bool shared = omp_get_max_threads() > 1 && !omp_in_parallel() && (double)p->m * p->n * p->k > too_small;
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
    double elapsed = tec_measurement_close(&measurement);
    tec_gemm_kind *kind = find_kind(p->m, p->n, p->k, p->a.transpose, p->b.transpose);
    kind->calls++;
    kind->seconds += elapsed;
    flops += 2.0 * p->m * p->n * p->k;
}

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
    multiply_by_library(&(product){m, n, k, 1, a, b, 0, c, NULL, c, ldc});
}

int tec_gemm_measured(const tec_gemm_kind **out)
{
    *out = kinds;
    return kind_count + (kinds[TEC_GEMM_KINDS].calls > 0);
}

void tec_gemm_forget(void)
{
    memset(kinds, 0, sizeof kinds);
    memset(place, 0, sizeof place);
    kind_count = 0;
    flops = 0;
}

double tec_gemm_flops(void)
{
    return flops;
}

const char *tec_blas_name(void)
{
    return openblas_get_config ? openblas_get_config() : "CBLAS";
}

void tec_threads_set(int threads)
{
    omp_set_num_threads(threads);
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
}
