/* The innermost loops of our own matrix products: a small part of c whose sums stay in registers. x86-64 with AVX2 and
 * FMA. */
#ifndef TEC_OPS_PRODUCT_TILE_H
#define TEC_OPS_PRODUCT_TILE_H

#include "tec/real.h"

#if defined __x86_64__
#define FAST __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) FAST

typedef real vector __attribute__((vector_size(32), aligned(sizeof(real)), may_alias));
#endif

/* A tile is at most 4 rows of three vectors: 12 of the 16 vector registers hold its sums. */
enum { TILE_VECTOR = 32 / sizeof(real), TILE_ROWS = 4, TILE_VECTORS = 3 };

/* Where a tile of c, [rows, width], gets its numbers from and where they go. */
typedef struct tile {
    int depth;         /* of the sums */
    const real *a;     /* its first row; packed: [depth, TILE_ROWS] */
    int a_row;         /* from one row to the next; 0: packed */
    const real *panel; /* [depth, width] */
    real alpha, beta;
    const real *from, *bias; /* bias: or NULL */
    real *c;
    int ldc; /* also of `from` */
} tile;

/* c = alpha * a * panel + beta * from + bias */
typedef void tile_function(const tile *t);

/* By vectors - 1 and rows - 1; NULL: there is none. */
extern tile_function *const tec_tile_functions[TILE_VECTORS][TILE_ROWS];

#endif
