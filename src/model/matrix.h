/* Module model, private. Matrices in memory: shapes are int, sizes and offsets in memory size_t, and this is where one
 * becomes the other. */
#ifndef TEC_MODEL_MATRIX_H
#define TEC_MODEL_MATRIX_H

#include "tec/arena.h"
#include "tec/real.h"

#include <string.h>

/* The number of reals in a matrix [rows, columns], which is also where row `rows` of a longer one begins. */
static inline size_t reals(int rows, int columns)
{
    return (size_t)rows * (size_t)columns;
}

/* `count` elements of `bytes` each; NULL while the arena measures. */
static inline void *take_array(tec_arena *arena, int count, size_t bytes)
{
    return tec_arena_take(arena, (size_t)count * bytes);
}

static inline real *take_reals(tec_arena *arena, int rows, int columns)
{
    return tec_arena_take(arena, reals(rows, columns) * sizeof(real));
}

/*   from, to  [n] */
static inline void copy_reals(const real *from, size_t n, real *to)
{
    memcpy(to, from, n * sizeof(real));
}

static inline void zero_reals(real *x, size_t n)
{
    memset(x, 0, n * sizeof(real));
}

#endif
