/* Module base, public. How loops over rows are divided among OpenMP threads: each takes one contiguous range of rows,
 * so that sums depend on nothing but the number of threads, or not even on that. */
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

/* Sums over rows are cut into so many parts; 0: as many as there are threads. With a fixed number they are the same, bit
 * for bit, for any number of threads. Set between parallel regions. */
extern int tec_thread_parts;

/* Where the number is to be fixed: as many threads of a rank have something to do. */
enum { TEC_FIXED_PARTS = 16 };

/* In how many rounds the threads work through the parts of a sum: all of them take part in each. */
static inline int tec_thread_rounds(void)
{
    int threads = omp_get_num_threads();
    return tec_thread_parts ? (tec_thread_parts + threads - 1) / threads : 1;
}

/* The calling thread's part of R rows in round `round`; there may be none left for it. */
static inline tec_rows tec_thread_part(int R, int round)
{
    long threads = omp_get_num_threads(), parts = tec_thread_parts ? tec_thread_parts : threads;
    long part = round * threads + omp_get_thread_num();
    if (part >= parts)
        return (tec_rows){0, 0};
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
