/* The scheme of Goto and van de Geijn ("Anatomy of high-performance matrix multiplication", 2008), less the packing of
 * the left operand. A block of b, DEPTH x ACROSS, is brought into panels that a tile of c reads from first to last; it
 * stays in the second-level cache while the rows of a pass by, DOWN at a time so that they do as well. */
#include "src/ops/product.h"

#if defined __x86_64__

#include <string.h>

/* A tile of c fills 12 of the 16 vector registers. */
enum { VECTOR = 32 / sizeof(real), WIDTH = 2 * VECTOR, HEIGHT = 6 };
enum { DEPTH = 384, ACROSS = 256, DOWN = 96 };

#define FAST __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) FAST

typedef real vector __attribute__((vector_size(VECTOR * sizeof(real)), aligned(sizeof(real)), may_alias));
typedef real quad __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));

/* Where a tile of c gets its numbers from and where they go. */
typedef struct tile {
    int depth;     /* of the sums */
    const real *a; /* its first row: element (i, l) is a[i * a_row + l * a_step] */
    long a_row, a_step;
    const real *panel; /* [depth, width], width a whole number of vectors */
    real alpha, beta;
    const real *bias; /* or NULL */
    real *c;
    int ldc;
} tile;

INLINE void store_row(const tile *t, const vector *sum, int vectors, real *c)
{
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) {
        vector x = t->alpha * sum[j];
        if (t->bias)
            x += *(const vector *)(t->bias + j * VECTOR);
        if (t->beta != 0)
            x += t->beta * *(vector *)(c + j * VECTOR);
        *(vector *)(c + j * VECTOR) = x;
    }
}

/* `rows` and `vectors` are constants wherever this is called, so that the sums stay in registers. */
INLINE void compute_tile(const tile *t, int rows, int vectors, long a_row, long a_step)
{
    vector sum[HEIGHT][2] = {{{0}}};
    const real *a = t->a, *b = t->panel;
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) /* c is needed last, but is far away */
        __builtin_prefetch(t->c + (long)i * t->ldc, 1);
    for (int l = 0; l < t->depth; l++, a += a_step, b += vectors * VECTOR) {
        vector left = *(const vector *)b, right = *(const vector *)(b + (vectors - 1) * VECTOR);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            sum[i][0] += a[i * a_row] * left;
            if (vectors == 2)
                sum[i][1] += a[i * a_row] * right;
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
        store_row(t, sum[i], vectors, t->c + (long)i * t->ldc);
}

#define TILE(rows, vectors)                                                                                            \
    FAST static void tile_##rows##x##vectors(const tile *t)                                                            \
    {                                                                                                                  \
        if (t->a_step == 1)                                                                                            \
            compute_tile(t, rows, vectors, t->a_row, 1);                                                               \
        else                                                                                                           \
            compute_tile(t, rows, vectors, 1, t->a_step);                                                              \
    }
TILE(1, 1);
TILE(2, 1);
TILE(3, 1);
TILE(4, 1);
TILE(5, 1);
TILE(6, 1);
TILE(1, 2);
TILE(2, 2);
TILE(3, 2);
TILE(4, 2);
TILE(5, 2);
TILE(6, 2);

typedef void tile_function(const tile *t);

static tile_function *const tiles[2][HEIGHT] = {
    {tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1},
    {tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2},
};

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Columns a panel has in memory that begins with `left` columns to go. */
static int panel_width(int left)
{
    return left > VECTOR ? WIDTH : VECTOR;
}

/* A panel [depth, width] from `columns` columns of b. */
FAST static void pack_plain(const real *b, int ldb, int depth, int columns, int width, real *panel)
{
    for (int l = 0; l < depth; l++, panel += width, b += ldb)
        if (columns == WIDTH) {
            ((vector *)panel)[0] = ((const vector *)b)[0];
            ((vector *)panel)[1] = ((const vector *)b)[1];
        } else {
            for (int j = 0; j < width; j++)
                panel[j] = j < columns ? b[j] : 0;
        }
}

#if defined __clang__
#define SELECT(x, y, i, j, k, l) __builtin_shufflevector(x, y, i, j, k, l)
#elif TEC_REAL_IS_DOUBLE
#define SELECT(x, y, i, j, k, l) __builtin_shuffle(x, y, (long long __attribute__((vector_size(32)))){i, j, k, l})
#else
#define SELECT(x, y, i, j, k, l) __builtin_shuffle(x, y, (int __attribute__((vector_size(16)))){i, j, k, l})
#endif

/* Four elements of four rows of b into four rows of the panel. */
INLINE void transpose_quad(const real *b, int ldb, real *panel, int width)
{
    quad row[4], pair[4];
    for (int i = 0; i < 4; i++)
        row[i] = *(const quad *)(b + (long)i * ldb);
    pair[0] = SELECT(row[0], row[1], 0, 4, 1, 5);
    pair[1] = SELECT(row[2], row[3], 0, 4, 1, 5);
    pair[2] = SELECT(row[0], row[1], 2, 6, 3, 7);
    pair[3] = SELECT(row[2], row[3], 2, 6, 3, 7);
    *(quad *)panel = SELECT(pair[0], pair[1], 0, 1, 4, 5);
    *(quad *)(panel + width) = SELECT(pair[0], pair[1], 2, 3, 6, 7);
    *(quad *)(panel + 2 * width) = SELECT(pair[2], pair[3], 0, 1, 4, 5);
    *(quad *)(panel + 3 * width) = SELECT(pair[2], pair[3], 2, 3, 6, 7);
}

/* The same from `columns` rows of b as it stands in memory. */
FAST static void pack_transposed(const real *b, int ldb, int depth, int columns, int width, real *panel)
{
    for (int j = 0; j < width; j += 4) {
        int l = 0;
        if (j + 4 <= columns)
            for (; l + 4 <= depth; l += 4)
                transpose_quad(b + (long)j * ldb + l, ldb, panel + (long)l * width + j, width);
        for (; l < depth; l++)
            for (int i = j; i < j + 4; i++)
                panel[(long)l * width + i] = i < columns ? b[(long)i * ldb + l] : 0;
    }
}

/* Every panel of the block of b of `depth` rows from row `first` and `n` columns from column `left`. */
FAST static void pack_block(const product *p, int first, int depth, int left, int n, real *panel)
{
    for (int j = 0; j < n; j += WIDTH) {
        int width = panel_width(n - j), columns = smaller(width, n - j);
        long row = first, column = left + j;
        if (p->b.transpose == TEC_TRANSPOSED)
            pack_transposed(p->b.data + column * p->b.stride + row, p->b.stride, depth, columns, width, panel);
        else
            pack_plain(p->b.data + row * p->b.stride + column, p->b.stride, depth, columns, width, panel);
        panel += (long)depth * width;
    }
}

/* A tile at the right border of c, where there is no room for whole vectors: only `columns` of its columns are c's. */
static void compute_border(const tile *t, int rows, int vectors, int columns)
{
    real whole[HEIGHT * WIDTH];
    tile inner = *t;
    inner.c = whole;
    inner.ldc = WIDTH;
    inner.beta = 0;
    inner.bias = NULL;
    tiles[vectors - 1][rows - 1](&inner);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            real *c = t->c + (long)i * t->ldc + j;
            *c = whole[i * WIDTH + j] + (t->bias ? t->bias[j] : 0) + (t->beta != 0 ? t->beta * *c : 0);
        }
}

/* Where part `part` of `parts` nearly equal parts of `total` begins. */
static int part_begin(int total, int part, int parts)
{
    return (int)((int64_t)total * part / parts);
}

/* `m` rows of c below t->c, in tiles of nearly equal height, for the panels of one block. */
static void compute_rows(tile t, int m, int n)
{
    const real *a = t.a;
    real *c = t.c;
    int bands = (m + HEIGHT - 1) / HEIGHT;
    for (int j = 0; j < n; j += WIDTH) {
        int width = panel_width(n - j), columns = smaller(width, n - j), vectors = width / VECTOR;
        for (int i = 0; i < bands; i++) {
            int top = part_begin(m, i, bands), rows = part_begin(m, i + 1, bands) - top;
            t.a = a + top * t.a_row;
            t.c = c + (long)top * t.ldc + j;
            if (columns == width)
                tiles[vectors - 1][rows - 1](&t);
            else
                compute_border(&t, rows, vectors, columns);
        }
        t.panel += (long)t.depth * width;
        t.bias = t.bias ? t.bias + WIDTH : NULL;
    }
}

/* All of c's columns from `left` to `right`. */
static void compute_columns(const product *p, int left, int right, real *panels)
{
    bool transposed = p->a.transpose == TEC_TRANSPOSED;
    int depths = (p->k + DEPTH - 1) / DEPTH, downs = (p->m + DOWN - 1) / DOWN;
    tile t = {.panel = panels,
              .a_row = transposed ? 1 : p->a.stride,
              .a_step = transposed ? p->a.stride : 1,
              .alpha = p->alpha,
              .ldc = p->ldc};
    for (int d = 0; d < depths; d++) {
        int first = part_begin(p->k, d, depths);
        t.depth = part_begin(p->k, d + 1, depths) - first;
        t.beta = d ? 1 : p->beta;
        t.bias = p->bias && !d ? p->bias + left : NULL;
        pack_block(p, first, t.depth, left, right - left, panels);
        for (int i = 0; i < downs; i++) {
            int top = part_begin(p->m, i, downs);
            t.a = p->a.data + top * t.a_row + first * t.a_step;
            t.c = p->c + (long)top * p->ldc + left;
            compute_rows(t, part_begin(p->m, i + 1, downs) - top, right - left);
        }
    }
}

void product_run(const product *p)
{
    static _Thread_local _Alignas(64) real panels[DEPTH * ACROSS];
    for (int left = 0; left < p->n; left += ACROSS)
        compute_columns(p, left, smaller(left + ACROSS, p->n), panels);
}

/* A transposed left operand is read with a step: that is no loss while it stays in a near cache. */
static bool reads_well(const product *p)
{
    enum { NEAR = 60000 };
    return p->a.transpose == TEC_PLAIN || (int64_t)p->m * p->k < NEAR;
}

bool product_suits(const product *p)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && !__builtin_cpu_supports("avx512f") &&
           p->m > 1 && p->n > 1 && reads_well(p);
}

#else

#include <assert.h>

bool product_suits(const product *p)
{
    (void)p;
    return false;
}

void product_run(const product *p)
{
    (void)p;
    assert(!"no product suits on this processor");
}

#endif
