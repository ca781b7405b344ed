/* Resizing images of floats: the passes of resize.c, with sums in double and floats between them, as Pillow resizes images
 * of mode F.
 *
 * Both passes add up rows of LANES values. The horizontal pass gets such rows by transposing a band of LANES rows. */
#include "resample.h"

#include "tec/clones.h"
#include "tec/memory.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16

/* Output i is the sum over k < count[i] of weight[i * taps + k] * input[first[i] + k]. */
typedef struct window {
    int taps;
    int *first, *count;
    double *weight;
} window;

static window window_make(tec_filter filter, const tec_axis *axis)
{
    const size_t count = (size_t)axis->count;
    window w = {.taps = tec_filter_taps(filter, axis->in, axis->out)};
    w.weight = tec_allocate(count * (size_t)w.taps * sizeof *w.weight);
    w.first = tec_allocate(2 * count * sizeof *w.first);
    w.count = w.first + count;
    for (int i = 0; i < axis->count; i++)
        w.count[i] = tec_filter_window(filter, axis->in, axis->out, axis->begin + i, &w.first[i],
                                       w.weight + (size_t)i * (size_t)w.taps);
    return w;
}

static void window_free(window *w)
{
    free(w->first);
    free(w->weight);
}

__attribute__((always_inline)) static inline void weighted_sum(const float *in, size_t stride, int count,
                                                               const double *weight, float *out)
{
    double sum[LANES] = {0};
    for (int k = 0; k < count; k++)
        for (int l = 0; l < LANES; l++)
            sum[l] += (double)in[(size_t)k * stride + (size_t)l] * weight[k];
    for (int l = 0; l < LANES; l++)
        out[l] = (float)sum[l];
}

/* Resizes `rows` <= LANES rows.
 *
 *   in    [rows, width, channels]     row_values from one row to the next
 *   band  [width * channels, LANES]   scratch
 *   out   [rows, count, channels]     out_stride from one row to the next */
TEC_CLONES static void values_horizontal(const float *in, size_t row_values, int rows, int width, int channels,
                                         const window *w, int count, float *band, float *out, size_t out_stride)
{
    for (int l = 0; l < LANES; l++) {
        const float *row = in + (size_t)(l < rows ? l : rows - 1) * row_values;
        for (int i = 0; i < width * channels; i++)
            band[(size_t)i * LANES + (size_t)l] = row[i];
    }
    for (int x = 0; x < count; x++)
        for (int c = 0; c < channels; c++) {
            float column[LANES];
            weighted_sum(band + ((size_t)w->first[x] * (size_t)channels + (size_t)c) * LANES, (size_t)channels * LANES,
                         w->count[x], w->weight + (size_t)x * (size_t)w->taps, column);
            for (int l = 0; l < rows; l++)
                out[(size_t)l * out_stride + (size_t)(x * channels + c)] = column[l];
        }
}

/*   in   rows of `stride` values, padded to a multiple of LANES
 *   out  [count, row_values], not padded */
TEC_CLONES static void values_vertical(const float *in, size_t stride, const window *w, int count, float *out,
                                       size_t row_values)
{
    for (int y = 0; y < count; y++)
        for (size_t i = 0; i < row_values; i += LANES) {
            float tail[LANES];
            const bool whole = i + LANES <= row_values;
            float *target = out + (size_t)y * row_values + i;
            weighted_sum(in + (size_t)w->first[y] * stride + i, stride, w->count[y],
                         w->weight + (size_t)y * (size_t)w->taps, whole ? target : tail);
            if (!whole)
                memcpy(target, tail, (row_values - i) * sizeof *tail);
        }
}

static void horizontal_pass(const float *in, size_t row_values, int rows, int channels, tec_filter filter,
                            const tec_axis *x, float *out, size_t out_stride)
{
    window w = window_make(filter, x);
    float *band = tec_allocate((size_t)x->in * (size_t)channels * LANES * sizeof *band);
    for (int y = 0; y < rows; y += LANES)
        values_horizontal(in + (size_t)y * row_values, row_values, rows - y < LANES ? rows - y : LANES, x->in, channels,
                          &w, x->count, band, out + (size_t)y * out_stride, out_stride);
    free(band);
    window_free(&w);
}

void tec_resample_values(const float *in, size_t row_values, int channels, tec_filter filter, tec_axis y, tec_axis x,
                         float *out)
{
    assert(y.in > 0 && x.in > 0 && y.begin >= 0 && y.begin + y.count <= y.out);
    assert(x.begin >= 0 && x.begin + x.count <= x.out);
    const bool resize_y = y.in != y.out, resize_x = x.in != x.out;
    window w = {0};
    int top = (int)(resize_y ? 0 : y.begin), rows = y.count;
    if (resize_y) {
        w = window_make(filter, &y);
        top = w.first[0];
        rows = w.first[y.count - 1] + w.count[y.count - 1] - top;
        for (int i = 0; i < y.count; i++)
            w.first[i] -= top;
    }
    const size_t out_values = (size_t)x.count * (size_t)channels;
    const size_t stride = resize_y ? (out_values + LANES - 1) / LANES * LANES : out_values;
    float *between = resize_y ? tec_allocate_zeroed((size_t)rows, stride * sizeof *between) : out;
    const float *start = in + (size_t)top * row_values;
    if (resize_x)
        horizontal_pass(start, row_values, rows, channels, filter, &x, between, stride);
    for (int i = 0; !resize_x && i < rows; i++)
        memcpy(between + (size_t)i * stride, start + (size_t)i * row_values + (size_t)x.begin * (size_t)channels,
               out_values * sizeof *out);
    if (resize_y) {
        values_vertical(between, stride, &w, y.count, out, out_values);
        free(between);
        window_free(&w);
    }
}
