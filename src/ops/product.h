/* Module ops, private. Matrix products by a kernel of our own, for processors with AVX2 and FMA but without AVX-512. At
 * the sizes of a Vision Transformer's layers a library spends much of its time on packing both operands; here a left
 * operand is read in place where few columns come of it. `tec bench` compares it with the library at every shape it
 * meets. With AVX-512, OpenBLAS has kernels for small products itself. */
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

/* Whether tec_product_run can compute p on this processor and is the better choice. Depends on the shape alone. */
bool tec_product_suits(const product *p);

/* One thread computes p. The workspace is the thread's own. */
void tec_product_run(const product *p);

#endif
