/* Resampling position embeddings to another grid, in the ways of PyTorch that families use. */
#include "import_parts.h"

#include "tec/bicubic.h"
#include "tec/memory.h"
#include "tec/minmax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *tec_interpolation_name(tec_interpolation interpolation)
{
    static const char *const name[] = {"antialias", "plain", "offset", "corners"};
    return name[interpolation];
}

/* A new row (or column) is the sum of weight[k] * old[first + k] over k < count. */
typedef struct blend {
    int first, count;
    double *weight;
} blend;

/* Without antialiasing there are 4 taps, whatever the scale, with a sharper kernel than with it. */
enum { PLAIN_TAPS = 4 };

static double sharp_cubic(double x)
{
    const double a = -0.75;
    x = fabs(x);
    return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

/* Where point `index` of the new grid lies in the old one. */
static double place_of(tec_interpolation how, int side, int new_side, int index)
{
    const double OFFSET = 0.1; /* DINO gives the scale as (new_side + 0.1) / side, lest the new grid be one too small */
    if (how == TEC_INTERPOLATION_CORNERS)
        return new_side > 1 ? (double)index * (side - 1) / (new_side - 1) : 0;
    double wanted = new_side + (how == TEC_INTERPOLATION_OFFSET ? OFFSET : 0);
    return (index + 0.5) * side / wanted - 0.5;
}

/* Fills a blend of at most PLAIN_TAPS; points beyond the border count as the border's. */
static void plain_blend(tec_interpolation how, int side, int new_side, int index, blend *b)
{
    double place = place_of(how, side, new_side, index);
    int before = (int)floor(place);
    b->first = tec_max_int(tec_min_int(before - 1, side - 1), 0);
    b->count = tec_max_int(tec_min_int(before + 2, side - 1), 0) - b->first + 1;
    memset(b->weight, 0, PLAIN_TAPS * sizeof *b->weight);
    for (int k = before - 1; k <= before + 2; k++)
        b->weight[tec_max_int(tec_min_int(k, side - 1), 0) - b->first] += sharp_cubic(place - k);
}

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

/* The blends of an axis: [new_side], and the memory of their weights behind them. One allocation, which the caller
 * frees. */
static blend *make_blends(tec_interpolation how, int side, int new_side)
{
    const size_t count = (size_t)new_side;
    const int taps = tec_max_int(tec_filter_taps(TEC_FILTER_BICUBIC, side, new_side), PLAIN_TAPS);
    blend *b = tec_allocate(count * sizeof *b + count * (size_t)taps * sizeof(double));
    double *weight = (double *)(b + count);
    for (int i = 0; i < new_side; i++) {
        b[i].weight = weight + (size_t)i * (size_t)taps;
        if (how == TEC_INTERPOLATION_ANTIALIAS)
            b[i].count = tec_filter_window(TEC_FILTER_BICUBIC, side, new_side, i, &b[i].first, b[i].weight);
        else
            plain_blend(how, side, new_side, i, &b[i]);
    }
    return b;
}

void tec_import_resample_positions(const real *in, tec_size grid, int D, tec_size wanted, tec_interpolation how,
                                   real *out)
{
    const size_t width = (size_t)D;
    const int columns = wanted.width;
    blend *across = make_blends(how, grid.width, wanted.width), *down = make_blends(how, grid.height, wanted.height);
    real *narrow = tec_allocate((size_t)grid.height * (size_t)columns * width * sizeof *narrow);
    for (int y = 0; y < grid.height; y++)
        for (int x = 0; x < columns; x++)
            blend_rows(&across[x], in + row_of(y, grid.width, 0) * width, width, D,
                       narrow + row_of(y, columns, x) * width);
    for (int y = 0; y < wanted.height; y++)
        for (int x = 0; x < columns; x++)
            blend_rows(&down[y], narrow + row_of(0, columns, x) * width, (size_t)columns * width, D,
                       out + row_of(y, columns, x) * width);
    free(narrow);
    free(down);
    free(across);
}
