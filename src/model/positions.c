/* Sin-cos position embeddings, the angles of rotary positions, and which two patches share a relative position. */
#include "positions.h"

#include <math.h>

static void encode(int position, int quarter, real *out)
{
    for (int i = 0; i < quarter; i++) {
        double angle = position / pow(10000, (double)i / quarter);
        out[i] = (real)sin(angle);
        out[quarter + i] = (real)cos(angle);
    }
}

void tec_positions_fill(tec_size grid, int width, real *out)
{
    int quarter = width / 4;
    for (int d = 0; d < width; d++)
        out[d] = 0;
    for (int row = 0; row < grid.height; row++)
        for (int column = 0; column < grid.width; column++) {
            out += width;
            encode(column, quarter, out);
            encode(row, quarter, out + 2 * quarter);
        }
}

static const double TURN = 6.283185307179586; /* 2 pi */

static int planes_of(const tec_model_config *c)
{
    return c->width / c->heads / 2;
}

/* But for DINOv3 frequencies are given: periods are 2 pi times their reciprocals. */
void tec_rotary_fill_periods(const tec_model_config *c, real *out)
{
    const tec_vit_variant *v = &c->variant;
    int half = planes_of(c) / 2;
    for (int j = 0; j < half; j++)
        out[j] = (real)(pow(v->rotary_base, (double)j / half) * (v->rotary == TEC_ROTARY_HALVES ? 1 : TURN));
}

/* Of row or column i out of n. */
static double place_of(const tec_vit_variant *v, int i, int n)
{
    if (v->rotary == TEC_ROTARY_HALVES)
        return 2 * (i + 0.5) / n - 1;
    const double place = i + (v->rotary == TEC_ROTARY_COLUMNS ? v->rotary_first : 0);
    return v->rotary_grid ? place * v->rotary_grid / n : place;
}

static void fill_half(double place, const real *period, int half, real *cosine, real *sine)
{
    for (int j = 0; j < half; j++) {
        double angle = TURN * place / (double)period[j];
        cosine[j] = (real)cos(angle);
        sine[j] = (real)sin(angle);
    }
}

void tec_rotary_fill_angles(const tec_model_config *c, const real *period, real *cosine, real *sine)
{
    const tec_size grid = tec_model_grid(c);
    const int planes = planes_of(c), half = planes / 2;
    const int of_row = c->variant.rotary == TEC_ROTARY_COLUMNS ? half : 0, of_column = half - of_row;
    for (int row = 0; row < grid.height; row++)
        for (int column = 0; column < grid.width; column++, cosine += planes, sine += planes) {
            fill_half(place_of(&c->variant, row, grid.height), period, half, cosine + of_row, sine + of_row);
            fill_half(place_of(&c->variant, column, grid.width), period, half, cosine + of_column, sine + of_column);
        }
}

void tec_rotary_fill_mixed(const tec_model_config *c, const real *frequency, int block, real *cosine, real *sine)
{
    const tec_size grid = tec_model_grid(c);
    const int planes = c->heads * planes_of(c);
    const real *by_column = frequency + (size_t)block * (size_t)planes,
               *by_row = by_column + (size_t)c->depth * (size_t)planes;
    for (int row = 0; row < grid.height; row++)
        for (int column = 0; column < grid.width; column++)
            for (int j = 0; j < planes; j++) {
                const double angle = column * (double)by_column[j] + row * (double)by_row[j];
                *cosine++ = (real)cos(angle);
                *sine++ = (real)sin(angle);
            }
}

int tec_relative_rows(tec_size grid)
{
    return (2 * grid.height - 1) * (2 * grid.width - 1) + 3;
}

/* The last three rows: the class token's query of a patch, a patch's of the class token, and that of itself. */
static int relative_row(tec_size grid, int query, int key)
{
    const int rows = tec_relative_rows(grid);
    if (query == 0 || key == 0)
        return query == key ? rows - 1 : query == 0 ? rows - 3 : rows - 2;
    const int down = (query - 1) / grid.width - (key - 1) / grid.width,
              right = (query - 1) % grid.width - (key - 1) % grid.width;
    return (down + grid.height - 1) * (2 * grid.width - 1) + right + grid.width - 1;
}

void tec_relative_fill_index(tec_size grid, int *out)
{
    const int N = 1 + grid.height * grid.width;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            *out++ = relative_row(grid, i, j);
}
