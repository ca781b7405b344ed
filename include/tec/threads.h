/* Module base, public. How loops over rows are divided among OpenMP threads: each takes one contiguous range of rows,
 * so that sums depend on nothing but the number of threads. */
#ifndef TEC_THREADS_H
#define TEC_THREADS_H

#include "tec/real.h"

#include <omp.h>

/* The most columns whose sums over rows a thread keeps on its stack at a time. */
enum { THREAD_COLUMNS = 4096 };

typedef struct tec_rows {
    int begin, end;
} tec_rows;

/* The calling thread's range of R rows. Call it inside a parallel region. */
static inline tec_rows tec_thread_rows(int R)
{
    long part = omp_get_thread_num(), parts = omp_get_num_threads();
    return (tec_rows){(int)(R * part / parts), (int)(R * (part + 1) / parts)};
}

/* sum += partial, one thread after the other in a fixed order. Every thread of a parallel region must call it.
 *   partial   [n]   of the calling thread
 *   sum       [n]   shared */
static inline void thread_sum(const real *partial, int n, real *sum)
{
    for (int turn = 0; turn < omp_get_num_threads(); turn++) {
        if (turn == omp_get_thread_num())
            for (int i = 0; i < n; i++)
                sum[i] += partial[i];
        if (omp_get_num_threads() > 1) {
#pragma omp barrier
        }
    }
}

#endif
