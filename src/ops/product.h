/* Module ops, private. A matrix product, and the backends that compute one. A new backend is a file with a
 * product_backend and a line in gemm.c's table. */
#ifndef TEC_OPS_PRODUCT_H
#define TEC_OPS_PRODUCT_H

#include "tec/gemm.h"

/* c = alpha * a b + beta * from + bias
 *
 *   a     [m, k]  after transposition
 *   b     [k, n]  after transposition
 *   from  [m, n]  row stride ldc; c itself or apart from it; not read if beta is 0
 *   bias  [n]     NULL: none
 *   c     [m, n]  row stride ldc */
typedef struct product {
    int m, n, k;
    real alpha;
    tec_matrix a, b;
    real beta;
    const real *from, *bias;
    real *c;
    int ldc;
} product;

typedef struct product_backend {
    const char *name;

    /* Can it compute p on this processor, and is it better than the backends behind it in the table? Depends on the
     * shape of p alone, not on what is in memory. */
    bool (*suits)(const product *p);

    /* Computes p on the calling thread; several threads may do so at once. Workspace is the thread's own. */
    void (*run)(const product *p);
} product_backend;

extern const product_backend tec_product_own, tec_product_library;

/* Counts p, which took `seconds`, for tec_gemm_measured and tec_gemm_flops. */
void tec_product_count(const product *p, double seconds);

#endif
