/* The loop of a tile along its depth, written once and compiled for every height and width that a tile may have. */
#include "product_tile.h"

#if defined __x86_64__

#include <stdbool.h>
#include <stddef.h>

enum { VECTOR = TILE_VECTOR, ROWS = TILE_ROWS, VECTORS = TILE_VECTORS, UNROLL = 8 };

/* sum += a * b. Left to itself the compiler moves sums between registers, and a core that another hardware thread
 * shares has no instructions to spare for that. */
INLINE void multiply_add(vector *sum, vector a, vector b)
{
#if TEC_REAL_IS_DOUBLE
    __asm__("vfmadd231pd %2, %1, %0" : "+x"(*sum) : "x"(a), "x"(b));
#else
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(*sum) : "x"(a), "x"(b));
#endif
}

INLINE real at(const real *a, long bytes)
{
    return *(const real *)((const char *)a + bytes);
}

/* One product for every sum of the tile. The rows of a are `row` bytes apart and are addressed from two of them: each
 * address is one of the two, plus `row` or nothing, plus a constant. */
INLINE void add_products(vector sum[ROWS][VECTORS], int rows, int vectors, const real *upper, const real *lower,
                         long row, const real *b)
{
    vector right[VECTORS];
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++)
        right[j] = *(const vector *)(b + j * VECTOR);
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
        vector left = (i < ROWS / 2 ? at(upper, i * row) : at(lower, (i - ROWS / 2) * row)) - (vector){0};
#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++)
            multiply_add(&sum[i][j], left, right[j]);
    }
}

INLINE void store_row(const tile *t, long row, const vector *sum, int vectors, const vector *bias, bool add)
{
    const real *from = t->from + row;
    real *c = t->c + row;
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++) {
        vector x = t->alpha * sum[j] + bias[j];
        if (add)
            x += t->beta * *(const vector *)(from + j * VECTOR);
        *(vector *)(c + j * VECTOR) = x;
    }
}

INLINE void store_tile(const tile *t, vector sum[ROWS][VECTORS], int rows, int vectors, bool add)
{
    vector bias[VECTORS] = {{0}};
    if (t->bias)
        for (int j = 0; j < vectors; j++)
            bias[j] = *(const vector *)(t->bias + j * VECTOR);
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
        store_row(t, (long)i * t->ldc, sum[i], vectors, bias, add);
}

/* These rows are needed only at the end; asked for now, they arrive in time. */
INLINE void prefetch_rows(const real *c, int ldc, int rows, int vectors)
{
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++, c += ldc) {
        __builtin_prefetch(c, 1);
        if (vectors == 3) /* two cache lines */
            __builtin_prefetch(c + 3 * VECTOR - 1, 1);
    }
}

/* `rows`, `vectors` and one of a_row and a_step are constants in every call, so that the sums stay in registers. */
INLINE void compute_tile(const tile *t, int rows, int vectors, long a_row, long a_step)
{
    vector sum[ROWS][VECTORS] = {{{0}}};
    const real *upper = t->a, *lower = upper + ROWS / 2 * a_row, *b = t->panel;
    long row = a_row * (long)sizeof(real);
    int l = 0;
    prefetch_rows(t->c, t->ldc, rows, vectors);
    if (t->from != t->c && t->beta != 0)
        prefetch_rows(t->from, t->ldc, rows, vectors);
    for (; l + UNROLL <= t->depth; l += UNROLL) {
#pragma GCC unroll 8
        for (int i = 0; i < UNROLL; i++, b += vectors * VECTOR) {
            if (a_step == 1)
                __asm__("" : "+r"(row)); /* else the compiler keeps every row + i, on the stack */
            add_products(sum, rows, vectors, upper + i * a_step, lower + i * a_step, row, b);
        }
        upper += UNROLL * a_step;
        lower += UNROLL * a_step;
    }
    for (; l < t->depth; l++, upper += a_step, lower += a_step, b += vectors * VECTOR)
        add_products(sum, rows, vectors, upper, lower, row, b);
    if (t->beta != 0)
        store_tile(t, sum, rows, vectors, true);
    else
        store_tile(t, sum, rows, vectors, false);
}

/* For an a that is read in place, and for a packed one. */
#define TILE(rows, vectors)                                                                                            \
    FAST static void tile_##rows##x##vectors(const tile *t)                                                            \
    {                                                                                                                  \
        if (t->a_row)                                                                                                  \
            compute_tile(t, rows, vectors, t->a_row, 1);                                                               \
        else                                                                                                           \
            compute_tile(t, rows, vectors, 1, ROWS);                                                                   \
    }
TILE(1, 1);
TILE(2, 1);
TILE(3, 1);
TILE(4, 1);
TILE(1, 2);
TILE(2, 2);
TILE(3, 2);
TILE(4, 2);
TILE(1, 3);
TILE(2, 3);
TILE(3, 3);
TILE(4, 3);

tile_function *const tec_tile_functions[TILE_VECTORS][TILE_ROWS] = {
    {tile_1x1, tile_2x1, tile_3x1, tile_4x1},
    {tile_1x2, tile_2x2, tile_3x2, tile_4x2},
    {tile_1x3, tile_2x3, tile_3x3, tile_4x3},
};

#endif
