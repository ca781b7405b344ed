/* Resampling position embeddings to another grid. */
#include "import_parts.h"

#include "tec/bicubic.h"
#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

/* A new row (or column) is the sum of weight[k] * old[first + k] over k < count. */
typedef struct blend {
    int first, count;
    double *weight;
} blend;

/* out [D] = sum over k of weight[k] * in[(first + k) * stride .. + D]. */
static void blend_rows(const blend *b, const real *in, size_t stride, int D, real *out)
{
    memset(out, 0, (size_t)D * sizeof(real));
    for (int k = 0; k < b->count; k++) {
        const real *row = in + (size_t)(b->first + k) * stride;
        for (int d = 0; d < D; d++)
            out[d] += (real)b->weight[k] * row[d];
    }
}

/* Number of the row of the patch at (y, x) in a table of `columns` patches a line. */
static size_t row_of(int y, int columns, int x)
{
    return (size_t)y * (size_t)columns + (size_t)x;
}

void tec_import_resample_positions(const real *in, int side, int D, int new_side, real *out)
{
    int taps = tec_bicubic_taps(side, new_side);
    size_t width = (size_t)D;
    blend *b = tec_allocate((size_t)new_side * sizeof *b);
    double *weight = tec_allocate((size_t)new_side * (size_t)taps * sizeof *weight);
    real *narrow = tec_allocate((size_t)side * (size_t)new_side * width * sizeof *narrow); /* [side, new_side, D] */
    for (int i = 0; i < new_side; i++) {
        b[i].weight = weight + (size_t)i * (size_t)taps;
        b[i].count = tec_bicubic_window(side, new_side, i, &b[i].first, b[i].weight);
    }
    for (int y = 0; y < side; y++)
        for (int x = 0; x < new_side; x++)
            blend_rows(&b[x], in + row_of(y, side, 0) * width, width, D, narrow + row_of(y, new_side, x) * width);
    for (int y = 0; y < new_side; y++)
        for (int x = 0; x < new_side; x++)
            blend_rows(&b[y], narrow + row_of(0, new_side, x) * width, (size_t)new_side * width, D,
                       out + row_of(y, new_side, x) * width);
    free(narrow);
    free(weight);
    free(b);
}
