/* Matrix products by CBLAS, and what is particular to OpenBLAS. */
#include "product.h"

#include <cblas.h>
#include <omp.h>

/* OpenBLAS's own; other libraries follow OMP_NUM_THREADS or variables of their own. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern char *openblas_get_config(void) __attribute__((weak));

static CBLAS_TRANSPOSE order(tec_matrix x)
{
    return x.transpose == TEC_TRANSPOSED ? CblasTrans : CblasNoTrans;
}

/* CBLAS adds a product to what c holds, and to nothing else: bias and `from` are put there first. The compiler cannot
 * tell that storing to c leaves *p as it is, hence the copies. */
static real put_addends(const product *p)
{
    const real *bias = p->bias, *from = p->from;
    const real beta = p->beta;
    const int n = p->n;
    real *c = p->c;
    if (!bias && from == c)
        return beta;
    for (int i = 0; i < p->m; i++, c += p->ldc, from += p->ldc)
        for (int j = 0; j < n; j++)
            c[j] = (bias ? bias[j] : 0) + (beta != 0 ? beta * from[j] : 0);
    return 1;
}

static void run(const product *p)
{
    real beta = put_addends(p);
#if TEC_REAL_IS_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, order(p->a), order(p->b), p->m, p->n, p->k, p->alpha, p->a.data, p->a.stride, p->b.data,
        p->b.stride, beta, p->c, p->ldc);
}

static bool suits(const product *p)
{
    (void)p;
    return true;
}

const product_backend tec_product_library = {"library", suits, run};

const char *tec_blas_name(void)
{
    return openblas_get_config ? openblas_get_config() : "CBLAS";
}

/* Products are shared out among our own threads (gemm.c). Those of OpenBLAS would compete with them for the cores, both
 * waiting busily. */
void tec_threads_set(int threads)
{
    omp_set_num_threads(threads);
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
}
