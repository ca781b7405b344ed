/* Matrix products by a kernel of our own, for processors with AVX2 and FMA but without AVX-512. At the sizes of a
 * Vision Transformer's layers a library spends much of its time on packing both operands; here a left operand is packed
 * only where enough columns come of it, and read in place otherwise. `tec bench` compares it with the library at every
 * shape it meets. With AVX-512, OpenBLAS has kernels for small products itself.
 *
 * The scheme is that of Goto and van de Geijn ("Anatomy of high-performance matrix multiplication", 2008): a block of
 * b, DEPTH x ACROSS, is packed into panels that a tile of c reads from first to last, while the rows of a go past, DOWN
 * at a time, as many as stay in the second-level cache. */
#include "product.h"

#include "product_tile.h"

#if defined __x86_64__

#include "tec/error.h"
#include "tec/minmax.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* RUN: rows of an operand in memory that are packed at a time. Most come from beyond the caches, and only a prefetch of
 * our own knows that they are a constant stride apart. */
enum { VECTOR = TILE_VECTOR, DEPTH = 384, ACROSS = 768, DOWN = 96, RUN = 8, WIDE = TILE_VECTORS * VECTOR };

typedef real quad __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));

/* Tiles read packed rows of a fastest, but packing costs: it pays where enough tiles read each row. */
static bool packs_left(const product *p)
{
    enum { WORTH = 5 }; /* tiles that read a row */
    return p->a.transpose == TEC_TRANSPOSED || p->n >= WORTH * WIDE;
}

/* The columns of b and c that a panel holds, and its width in memory: whole vectors. */
typedef struct span {
    int first, columns, width;
} span;

/* The panel that begins at column `first` of those before `end`. The widest tiles need the fewest instructions; the
 * narrowest leave the processor waiting for sums: where the widest would leave at most one vector, two panels share the
 * columns. Where c is only written, the last panel begins further left if its vectors would reach beyond the end, and
 * some of c is written twice. */
static span span_at(const product *p, int first, int end)
{
    int left = end - first, most = left > WIDE && left <= WIDE + VECTOR ? 2 * VECTOR : WIDE;
    int columns = tec_min_int(left, most), width = (columns + VECTOR - 1) / VECTOR * VECTOR;
    bool twice = p->beta == 0 && p->k <= DEPTH && end >= width;
    return twice ? (span){first + columns - width, width, width} : (span){first, columns, width};
}

/* `vectors` is a constant in every call. Prefetches the rows of the next run. */
INLINE void copy_rows(const real *b, int ldb, int depth, int vectors, real *panel)
{
    for (int l = 0; l < depth; l++, panel += vectors * VECTOR, b += ldb) {
        __builtin_prefetch(b + (long)RUN * ldb);
        __builtin_prefetch(b + (long)RUN * ldb + vectors * VECTOR - 1);
#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++)
            *(vector *)(panel + j * VECTOR) = *(const vector *)(b + j * VECTOR);
    }
}

/* `columns` columns of b -> a panel [depth, width], or some of its rows. */
FAST static void pack_plain(const real *b, int ldb, int depth, int columns, int width, real *panel)
{
    if (columns == 3 * VECTOR)
        copy_rows(b, ldb, depth, 3, panel);
    else if (columns == 2 * VECTOR)
        copy_rows(b, ldb, depth, 2, panel);
    else
        for (int l = 0; l < depth; l++, panel += width, b += ldb)
            for (int j = 0; j < width; j++)
                panel[j] = j < columns ? b[j] : 0;
}

#if defined __clang__
#define SELECT(x, y, i, j, k, l) __builtin_shufflevector(x, y, i, j, k, l)
#elif TEC_REAL_IS_DOUBLE
#define SELECT(x, y, i, j, k, l) __builtin_shuffle(x, y, (long long __attribute__((vector_size(32)))){i, j, k, l})
#else
#define SELECT(x, y, i, j, k, l) __builtin_shuffle(x, y, (int __attribute__((vector_size(16)))){i, j, k, l})
#endif

/* Four elements of each of four rows of b, from column l on -> four rows of the panel. */
INLINE void transpose_quad(const real *const b[4], int l, real *panel, int width)
{
    quad row[4], pair[4];
    for (int i = 0; i < 4; i++)
        row[i] = *(const quad *)(b[i] + l);
    pair[0] = SELECT(row[0], row[1], 0, 4, 1, 5);
    pair[1] = SELECT(row[2], row[3], 0, 4, 1, 5);
    pair[2] = SELECT(row[0], row[1], 2, 6, 3, 7);
    pair[3] = SELECT(row[2], row[3], 2, 6, 3, 7);
    *(quad *)panel = SELECT(pair[0], pair[1], 0, 1, 4, 5);
    *(quad *)(panel + width) = SELECT(pair[0], pair[1], 2, 3, 6, 7);
    *(quad *)(panel + 2 * width) = SELECT(pair[2], pair[3], 0, 1, 4, 5);
    *(quad *)(panel + 3 * width) = SELECT(pair[2], pair[3], 2, 3, 6, 7);
}

/* The same for a transposed b, whose columns are rows in memory; where the panel is wider than `columns`, the last of
 * them is repeated. Prefetches the rows AHEAD of the current ones, a cache line of one row with every quad. */
FAST static void pack_transposed(const real *b, int ldb, int depth, int columns, int width, real *panel)
{
    enum { AHEAD = 16 };
    for (int j = 0; j < width; j += 4) {
        const real *row[4];
        for (int i = 0; i < 4; i++)
            row[i] = b + (long)tec_min_int(j + i, columns - 1) * ldb;
        int l = 0;
        for (; l + 4 <= depth; l += 4) {
            __builtin_prefetch(b + (long)(j + AHEAD + (l >> 2 & 3)) * ldb + l);
            transpose_quad(row, l, panel + (long)l * width + j, width);
        }
        for (; l < depth; l++)
            for (int i = 0; i < 4; i++)
                panel[(long)l * width + j + i] = row[i][l];
    }
}

/* All panels of a block of b: `depth` rows from row `first` on, columns from `left` to `right`. A plain b is packed a
 * few rows at a time, so that it is read along its rows. */
FAST static void pack_block(const product *p, int first, int depth, int left, int right, real *panels)
{
    bool transposed = p->b.transpose == TEC_TRANSPOSED;
    int run = transposed ? depth : RUN, ldb = p->b.stride;
    for (int l = 0; l < depth; l += run)
        for (int j = left, width; j < right; j += width) {
            span at = span_at(p, j, right);
            int rows = tec_min_int(run, depth - l);
            long row = first + l;
            real *to = panels + (long)(j - left) * depth + (long)l * at.width;
            width = at.width;
            if (transposed)
                pack_transposed(p->b.data + (long)at.first * ldb + row, ldb, rows, at.columns, at.width, to);
            else
                pack_plain(p->b.data + row * ldb + at.first, ldb, rows, at.columns, at.width, to);
        }
}

/* A tile at the right border of c, which has no room for whole vectors: only `columns` columns of the tile are c's. */
static void compute_border(const tile *t, int rows, int vectors, int columns)
{
    enum { WIDTH = TILE_VECTORS * VECTOR };
    real whole[TILE_ROWS * WIDTH];
    tile inner = *t;
    inner.c = whole;
    inner.ldc = WIDTH;
    inner.beta = 0;
    inner.bias = NULL;
    tec_tile_functions[vectors - 1][rows - 1](&inner);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            real *c = t->c + (long)i * t->ldc + j;
            real from = t->beta != 0 ? t->beta * t->from[(long)i * t->ldc + j] : 0;
            *c = whole[i * WIDTH + j] + (t->bias ? t->bias[j] : 0) + from;
        }
}

/* Where part `part` of `parts` nearly equal parts of `total` begins; the first ones are longer by one. */
static int part_begin(int total, int part, int parts)
{
    return total / parts * part + tec_min_int(part, total % parts);
}

/* Rows of c are computed in bands of nearly equal height, a tile high. These are the bands that are computed together,
 * while their part of a is in the second-level cache: band i has the rows from top[i] to top[i + 1]. */
typedef struct row_bands {
    int count, top[DOWN / TILE_ROWS + 1];
} row_bands;

/* Those from band `first` on, of the `bands` bands of m rows. */
static row_bands bands_from(int first, int bands, int m)
{
    row_bands b;
    b.count = tec_min_int(DOWN / TILE_ROWS, bands - first);
    for (int i = 0; i <= b.count; i++)
        b.top[i] = part_begin(m, first + i, bands);
    return b;
}

/* Bands of a transposed a, whose rows are columns in memory; a run at a time, like a plain b. */
FAST static void pack_columns(const real *a, int lda, const row_bands *b, int depth, real *bands)
{
    for (int first = 0; first < depth; first += RUN)
        for (int i = 0; i < b->count; i++) {
            const real *from = a + (long)first * lda + b->top[i];
            real *band = bands + ((long)i * depth + first) * TILE_ROWS;
            int rows = b->top[i + 1] - b->top[i], left = b->top[b->count] - b->top[i],
                run = tec_min_int(RUN, depth - first);
            for (int l = 0; l < run; l++, from += lda, band += TILE_ROWS) {
                __builtin_prefetch(from + (long)RUN * lda);
                if (left >= TILE_ROWS)
                    *(quad *)band = *(const quad *)from;
                else
                    memcpy(band, from, (size_t)rows * sizeof(real));
            }
        }
}

/* Packs bands of rows of a, each [depth, TILE_ROWS]. */
static void pack_left(const product *p, const row_bands *b, int first, int depth, real *bands)
{
    const real *a = p->a.data;
    int lda = p->a.stride;
    if (p->a.transpose == TEC_TRANSPOSED)
        pack_columns(a + (long)first * lda, lda, b, depth, bands);
    else
        for (int i = 0; i < b->count; i++, bands += (long)depth * TILE_ROWS)
            pack_transposed(a + (long)b->top[i] * lda + first, lda, depth, b->top[i + 1] - b->top[i], TILE_ROWS, bands);
}

/* The rows of some bands of c, columns from `left` to `right`, by the panels of one block. */
static void compute_rows(const product *p, tile t, const row_bands *b, int left, int right)
{
    const real *a = t.a, *bias = t.bias, *from = t.from;
    for (int j = left, width; j < right; j += width) {
        span at = span_at(p, j, right);
        int vectors = at.width / VECTOR;
        width = at.width;
        t.bias = bias ? bias + at.first : NULL;
        for (int i = 0; i < b->count; i++) {
            int top = b->top[i], rows = b->top[i + 1] - top;
            t.a = t.a_row ? a + (long)top * t.a_row : a + (long)i * TILE_ROWS * t.depth;
            long corner = (long)top * t.ldc + at.first;
            t.c = p->c + corner;
            t.from = from + corner;
            if (at.columns == at.width)
                tec_tile_functions[vectors - 1][rows - 1](&t);
            else
                compute_border(&t, rows, vectors, at.columns);
        }
        t.panel += (long)t.depth * at.width;
    }
}

/* What a thread packs into; aligned, so that no vector crosses a cache line. */
typedef struct room {
    _Alignas(64) real panels[DEPTH * ACROSS], bands[DEPTH * DOWN];
} room;

/* The columns of c from `left` to `right`. */
static void compute_columns(const product *p, int left, int right, room *packed)
{
    bool packs = packs_left(p);
    int depths = (p->k + DEPTH - 1) / DEPTH, bands = (p->m + TILE_ROWS - 1) / TILE_ROWS;
    tile t = {.panel = packed->panels, .a_row = packs ? 0 : p->a.stride, .alpha = p->alpha, .ldc = p->ldc};
    for (int d = 0; d < depths; d++) {
        int first = part_begin(p->k, d, depths);
        t.depth = part_begin(p->k, d + 1, depths) - first;
        t.beta = d ? 1 : p->beta;
        t.from = d ? p->c : p->from;
        t.bias = d ? NULL : p->bias;
        pack_block(p, first, t.depth, left, right, packed->panels);
        for (int i = 0; i < bands; i += DOWN / TILE_ROWS) {
            row_bands some = bands_from(i, bands, p->m);
            if (packs)
                pack_left(p, &some, first, t.depth, packed->bands);
            t.a = packs ? packed->bands : p->a.data + first;
            compute_rows(p, t, &some, left, right);
        }
    }
}

static pthread_key_t room_key;

static void make_room_key(void)
{
    int failed = pthread_key_create(&room_key, free);
    if (failed)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "no key is left for a thread's own memory: %s", strerror(failed)));
}

/* The calling thread's own, freed when the thread ends. Not thread-local storage: every thread would get, and clear,
 * all of it, even one that only reads files. */
static room *thread_room(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_room_key);
    room *mine = pthread_getspecific(room_key);
    if (!mine) {
        mine = aligned_alloc(_Alignof(room), sizeof *mine);
        if (!mine)
            tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: %zu bytes cannot be had", sizeof *mine));
        pthread_setspecific(room_key, mine);
    }
    return mine;
}

static void run(const product *p)
{
    room *packed = thread_room();
    for (int left = 0; left < p->n; left += ACROSS)
        compute_columns(p, left, tec_min_int(left + ACROSS, p->n), packed);
}

static bool suits(const product *p)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && !__builtin_cpu_supports("avx512f") &&
           p->m > 1 && p->n > 1;
}

#else

static bool suits(const product *p)
{
    (void)p;
    return false;
}

static void run(const product *p)
{
    (void)p;
}

#endif

const product_backend tec_product_own = {"own", suits, run};
