/* Matrix products in the precision of `real`, row-major: by CBLAS, or by a kernel of our own where that suits the
 * processor and the shape (src/ops/product.h). Local. */
#ifndef TEC_GEMM_H
#define TEC_GEMM_H

#include "tec/real.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum tec_transpose { TEC_PLAIN, TEC_TRANSPOSED } tec_transpose;

/* A matrix in memory: first element, distance between rows, and whether it enters the product transposed. */
typedef struct tec_matrix {
    const real *data;
    int stride;
    tec_transpose transpose;
} tec_matrix;

static inline tec_matrix tec_plain(const real *data, int stride)
{
    return (tec_matrix){data, stride, TEC_PLAIN};
}

static inline tec_matrix tec_transposed(const real *data, int stride)
{
    return (tec_matrix){data, stride, TEC_TRANSPOSED};
}

/* c [m, n] (row distance ldc) = alpha * a [m, k] * b [k, n] + beta * c, shapes after transposition. Outside parallel
 * regions the threads of OpenMP share the work, each by a product of its own; BLAS itself has one thread. With beta 0
 * what c held is not read. */
void tec_gemm(int m, int n, int k, real alpha, tec_matrix a, tec_matrix b, real beta, real *c, int ldc);

/* The same with c = a * b + bias + residual: bias [n] is added to every row; residual [m, n] has the row distance ldc,
 * may be c, or NULL for none. */
void tec_gemm_bias(int m, int n, int k, tec_matrix a, tec_matrix b, const real *bias, const real *residual, real *c,
                   int ldc);

/* c = a * b by CBLAS, whatever suits, on the calling thread and not measured: the yardstick. */
void tec_gemm_by_library(int m, int n, int k, tec_matrix a, tec_matrix b, real *c, int ldc);

/* A kind of product: its shape after transposition and how its operands stand in memory. While the calling thread
 * measures (tec/measure.h) every kind of the step is counted; beta 0 and 1 are the same kind. */
typedef struct tec_gemm_kind {
    int m, n, k;
    tec_transpose a, b;
    int64_t calls;
    double seconds;
} tec_gemm_kind;

/* The kinds measured since tec_gemm_forget by this thread, in no order; returns how many. Kinds beyond the first
 * TEC_GEMM_KINDS are counted as the kind { 0 }, which is then the last one. */
enum { TEC_GEMM_KINDS = 256 };
int tec_gemm_measured(const tec_gemm_kind **kinds);
void tec_gemm_forget(void);
double tec_gemm_flops(void); /* of all products measured since then */

/* The library's own description ("OpenBLAS 0.3.21 ..."), or "CBLAS" where it has none. */
const char *tec_blas_name(void);

/* Sets the number of threads of loops and products. To be called before models are created: their scratch memory is
 * sized by it. */
void tec_threads_set(int threads);

#endif
