/* Module ops, private. The innermost loops of our own matrix products: a small part of c whose sums stay in registers.
 * x86-64 with AVX2 and FMA. */
#ifndef TEC_OPS_PRODUCT_TILE_H
#define TEC_OPS_PRODUCT_TILE_H

#include "tec/real.h"

#if defined __x86_64__
#define FAST __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) FAST

typedef real vector __attribute__((vector_size(32), aligned(sizeof(real)), may_alias));
#endif

/* A tile is at most 4 rows of 3 vectors: 12 of the 16 vector registers hold its sums. */
enum { TILE_VECTOR = 32 / sizeof(real), TILE_ROWS = 4, TILE_VECTORS = 3 };

/* The operands of a tile: c = alpha * a panel + beta * from + bias.
 *
 *   a      [rows, depth]   row stride a_row; packed [depth, TILE_ROWS] if a_row is 0
 *   panel  [depth, width]
 *   from   [rows, width]   row stride ldc; not read if beta is 0
 *   bias   [width]         NULL: none
 *   c      [rows, width]   row stride ldc */
typedef struct tile {
    int depth;
    const real *a;
    int a_row;
    const real *panel;
    real alpha, beta;
    const real *from, *bias;
    real *c;
    int ldc;
} tile;

typedef void tile_function(const tile *t);

/* By vectors - 1 and rows - 1. */
extern tile_function *const tec_tile_functions[TILE_VECTORS][TILE_ROWS];

#endif
