/* Numbers of ranks and their sums, for tests of sums over ranks. */
#ifndef TEC_TESTS_NUMBERS_H
#define TEC_TESTS_NUMBERS_H

#include "tec/real.h"

#include <stddef.h>

/* A small whole number, so that sums are exact in any order. */
static inline real number_of(int rank, int step, size_t i)
{
    return (real)((i * 7 + (size_t)(step * 13 + rank * 5)) % 1000);
}

static inline real sum_of(int ranks, int step, size_t i)
{
    real sum = 0;
    for (int rank = 0; rank < ranks; rank++)
        sum += number_of(rank, step, i);
    return sum;
}

#endif
