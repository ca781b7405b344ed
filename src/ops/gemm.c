#include "tec/gemm.h"

#include "tec/log.h"

#include <cblas.h>
#include <omp.h>

static bool measuring;
static double seconds, flops;
static int blas_threads = 1;

/* OpenBLAS's own; other libraries follow OMP_NUM_THREADS or their own variables. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern char *openblas_get_config(void) __attribute__((weak));

static CBLAS_TRANSPOSE order(tec_matrix x)
{
    return x.transpose == TEC_TRANSPOSED ? CblasTrans : CblasNoTrans;
}

void tec_gemm(int m, int n, int k, real alpha, tec_matrix a, tec_matrix b, real beta, real *c, int ldc)
{
    bool timed = measuring && omp_get_thread_num() == 0;
    double start = timed ? tec_seconds() : 0;
#if TEC_REAL_IS_DOUBLE
    cblas_dgemm(CblasRowMajor, order(a), order(b), m, n, k, alpha, a.data, a.stride, b.data, b.stride, beta, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, order(a), order(b), m, n, k, alpha, a.data, a.stride, b.data, b.stride, beta, c, ldc);
#endif
    if (timed) {
        seconds += tec_seconds() - start;
        flops += 2.0 * m * n * k;
    }
}

void tec_gemm_measure(bool on)
{
    measuring = on;
    seconds = flops = 0;
}

double tec_gemm_seconds(void)
{
    return seconds;
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
    blas_threads = threads;
    if (openblas_set_num_threads)
        openblas_set_num_threads(threads);
}

void tec_gemm_parallel_begin(void)
{
    if (blas_threads > 1 && openblas_set_num_threads)
        openblas_set_num_threads(1);
}

void tec_gemm_parallel_end(void)
{
    if (blas_threads > 1 && openblas_set_num_threads)
        openblas_set_num_threads(blas_threads);
}
