/* Matrix products by a kernel of our own, for processors with AVX2 and FMA but without AVX-512. At the sizes of a
 * vision transformer's layers a library spends much of its time on bringing both operands into its own order; here a
 * left one is read in place where few columns come of it. `tec bench` compares it with the library at every shape it
 * meets. With AVX-512 OpenBLAS has kernels for small products itself. */
#ifndef TEC_OPS_PRODUCT_H
#define TEC_OPS_PRODUCT_H

#include "tec/gemm.h"

/* c [m, n] = alpha * a [m, k] * b [k, n] + beta * from [m, n] + bias [n], shapes after transposition; no bias: NULL. c
 * and from have the row distance ldc and are the same or apart. With beta 0 from is not read. */
typedef struct product {
    int m, n, k;
    real alpha;
    tec_matrix a, b;
    real beta;
    const real *from, *bias;
    real *c;
    int ldc;
} product;

/* Whether tec_product_run can compute p on this processor and is the better choice. Depends on shapes and orders alone.
 */
bool tec_product_suits(const product *p);

/* One thread computes p. The workspace is the thread's own. */
void tec_product_run(const product *p);

#endif
