/* Module ops, public. Matrix products in the precision of `real`, row-major: by CBLAS, or by a kernel of our own where
 * that suits processor and shape (src/ops/product_own.c). Local. */
#ifndef TEC_GEMM_H
#define TEC_GEMM_H

#include "tec/real.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum tec_transpose { TEC_PLAIN, TEC_TRANSPOSED } tec_transpose;

/* A matrix in memory: its first element, its row stride in elements, and whether it enters the product transposed. */
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

/* c = alpha * a b + beta * c. With beta 0 what c held is not read. Outside parallel regions the OpenMP threads share
 * the work, a part of c each; BLAS itself runs on one thread.
 *
 *   a  [m, k]  after transposition
 *   b  [k, n]  after transposition
 *   c  [m, n]  row stride ldc */
void tec_gemm(int m, int n, int k, real alpha, tec_matrix a, tec_matrix b, real beta, real *c, int ldc);

/* c = a b + bias + residual, a, b and c as above.
 *
 *   bias      [n]     added to every row
 *   residual  [m, n]  row stride ldc; may be c; NULL: none */
void tec_gemm_bias(int m, int n, int k, tec_matrix a, tec_matrix b, const real *bias, const real *residual, real *c,
                   int ldc);

/* The yardstick: c = a b by CBLAS, even where our own kernel suits, on the calling thread and not measured. */
void tec_gemm_by_library(int m, int n, int k, tec_matrix a, tec_matrix b, real *c, int ldc);

/* What computes a product of that shape on this processor: "own" or "library". For
 * tests. */
const char *tec_gemm_backend(int m, int n, int k, tec_transpose a, tec_transpose b);

/* ---- what was computed ---- */

/* A kind of product: its shape after transposition, and which operands are transposed; alpha, beta, bias and residual
 * make no difference. While the calling thread measures (tec/measure.h), the products of each kind are counted and
 * timed. */
typedef struct tec_gemm_kind {
    int m, n, k;
    tec_transpose a, b;
    int64_t calls;
    double seconds;
} tec_gemm_kind;

/* The kinds that this thread has measured since tec_gemm_forget, in no particular order; returns how many. Beyond
 * TEC_GEMM_KINDS all further ones are counted as one kind whose shape is 0, which is then the last. */
enum { TEC_GEMM_KINDS = 256 };
int tec_gemm_measured(const tec_gemm_kind **kinds);
void tec_gemm_forget(void);
double tec_gemm_flops(void); /* of all products measured since then */

/* ---- the library and its threads ---- */

/* The library's own description ("OpenBLAS 0.3.21 ..."), or "CBLAS" if it has none. */
const char *tec_blas_name(void);

/* Sets the number of threads of loops and products. Call it before models are created: the size of their scratch memory
 * depends on it. */
void tec_threads_set(int threads);

#endif
