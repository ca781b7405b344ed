/* Pillow's ImagingResample for 8-bit images, bit for bit: a horizontal pass, then a vertical one, with 8-bit values
 * between them and weights in fixed point. When an image shrinks, the support of the filter grows with the ratio
 * (antialiasing).
 *
 * Both passes use one kernel, weighted sums of rows of LANES bytes. The horizontal pass gets such rows by transposing a
 * band of LANES rows of the image. */
#include "tec/augment.h"

#include "resample.h"
#include "tec/clones.h"
#include "tec/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LANES 32
#define WEIGHT_BITS (32 - 8 - 2)

/* Output pixel i is the sum over k < count[i] of weight[i * taps + k] * input[first[i] + k]. */
typedef struct weights {
    int taps;
    int *first, *count;
    int32_t *weight;
} weights;

/* Weights are rounded to fixed point as Pillow rounds them. */
static void weights_fill(weights *f, tec_filter filter, const tec_axis *axis, double *scratch)
{
    for (int i = 0; i < axis->count; i++) {
        f->count[i] = tec_filter_window(filter, axis->in, axis->out, axis->begin + i, &f->first[i], scratch);
        for (int k = 0; k < f->count[i]; k++) {
            double weight = scratch[k] * (1 << WEIGHT_BITS);
            f->weight[(size_t)i * (size_t)f->taps + (size_t)k] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
        }
    }
}

/* One allocation holds the scratch memory and, behind it, the tables. */
static void weights_make(weights *f, tec_filter filter, const tec_axis *axis)
{
    size_t count = (size_t)axis->count;
    f->taps = tec_filter_taps(filter, axis->in, axis->out);
    double *scratch = tec_allocate((size_t)f->taps * sizeof *scratch + count * (size_t)f->taps * sizeof *f->weight +
                                   2 * count * sizeof *f->first);
    f->weight = (int32_t *)(scratch + f->taps);
    f->first = f->weight + count * (size_t)f->taps;
    f->count = f->first + count;
    weights_fill(f, filter, axis, scratch);
}

static void weights_free(weights *f)
{
    free((double *)f->weight - f->taps);
}

__attribute__((always_inline)) static inline void weighted_sum(const uint8_t *in, size_t stride, int count,
                                                               const int32_t *weight, uint8_t *out)
{
    int32_t sum[LANES];
    for (int l = 0; l < LANES; l++)
        sum[l] = 1 << (WEIGHT_BITS - 1);
    for (int k = 0; k < count; k++) {
        for (int l = 0; l < LANES; l++)
            sum[l] += in[(size_t)k * stride + (size_t)l] * weight[k];
    }
    for (int l = 0; l < LANES; l++) {
        int32_t value = sum[l] >> WEIGHT_BITS;
        value = value < 0 ? 0 : value;
        out[l] = (uint8_t)(value > 255 ? 255 : value);
    }
}

/* Resizes `rows` <= LANES rows; they are transposed first.
 *
 *   in    [rows, width, channels]     row_bytes from one row to the next
 *   band  [width * channels, LANES]   scratch
 *   out   [rows, count, channels]     out_stride from one row to the next */
TEC_CLONES static void horizontal_band(const uint8_t *in, size_t row_bytes, int rows, int width, int channels,
                                       const weights *f, int count, uint8_t *band, uint8_t *out, size_t out_stride)
{
    for (int l = 0; l < LANES; l++) {
        const uint8_t *row = in + (size_t)(l < rows ? l : rows - 1) * row_bytes;
        for (int i = 0; i < width * channels; i++)
            band[(size_t)i * LANES + (size_t)l] = row[i];
    }
    for (int x = 0; x < count; x++)
        for (int c = 0; c < channels; c++) {
            uint8_t column[LANES];
            weighted_sum(band + ((size_t)f->first[x] * (size_t)channels + (size_t)c) * LANES, (size_t)channels * LANES,
                         f->count[x], f->weight + (size_t)x * (size_t)f->taps, column);
            for (int l = 0; l < rows; l++)
                out[(size_t)l * out_stride + (size_t)(x * channels + c)] = column[l];
        }
}

/*   in   rows of `stride` bytes, padded to a multiple of LANES
 *   out  [count, row_bytes], not padded */
TEC_CLONES static void vertical_pass(const uint8_t *in, size_t stride, const weights *f, int count, uint8_t *out,
                                     size_t row_bytes)
{
    for (int y = 0; y < count; y++)
        for (size_t i = 0; i < row_bytes; i += LANES) {
            uint8_t tail[LANES];
            bool whole = i + LANES <= row_bytes;
            uint8_t *target = out + (size_t)y * row_bytes + i;
            weighted_sum(in + (size_t)f->first[y] * stride + i, stride, f->count[y],
                         f->weight + (size_t)y * (size_t)f->taps, whole ? target : tail);
            if (!whole)
                memcpy(target, tail, row_bytes - i);
        }
}

static void horizontal_pass(const uint8_t *in, size_t row_bytes, int rows, int channels, tec_filter filter,
                            const tec_axis *x, uint8_t *out, size_t out_stride)
{
    weights f;
    weights_make(&f, filter, x);
    uint8_t *band = tec_allocate((size_t)x->in * (size_t)channels * LANES);
    for (int y = 0; y < rows; y += LANES)
        horizontal_band(in + (size_t)y * row_bytes, row_bytes, rows - y < LANES ? rows - y : LANES, x->in, channels, &f,
                        x->count, band, out + (size_t)y * out_stride, out_stride);
    free(band);
    weights_free(&f);
}

void tec_resample(const uint8_t *in, size_t row_bytes, int channels, tec_filter filter, tec_axis y, tec_axis x,
                  uint8_t *out)
{
    assert(y.in > 0 && x.in > 0 && y.begin >= 0 && y.begin + y.count <= y.out);
    assert(x.begin >= 0 && x.begin + x.count <= x.out);
    bool resize_y = y.in != y.out, resize_x = x.in != x.out;
    weights f = {0};
    int top = (int)(resize_y ? 0 : y.begin), rows = y.count;
    if (resize_y) {
        weights_make(&f, filter, &y);
        top = f.first[0];
        rows = f.first[y.count - 1] + f.count[y.count - 1] - top;
        for (int i = 0; i < y.count; i++)
            f.first[i] -= top;
    }
    size_t out_bytes = (size_t)x.count * (size_t)channels;
    size_t stride = resize_y ? (out_bytes + LANES - 1) / LANES * LANES : out_bytes;
    uint8_t *between = resize_y ? tec_allocate_zeroed((size_t)rows, stride) : out;
    const uint8_t *start = in + (size_t)top * row_bytes;
    if (resize_x)
        horizontal_pass(start, row_bytes, rows, channels, filter, &x, between, stride);
    else
        for (int i = 0; i < rows; i++)
            memcpy(between + (size_t)i * stride, start + (size_t)i * row_bytes + (size_t)x.begin * (size_t)channels,
                   out_bytes);
    if (resize_y) {
        vertical_pass(between, stride, &f, y.count, out, out_bytes);
        free(between);
        weights_free(&f);
    }
}

tec_status tec_resize_bicubic(const uint8_t *in, int height, int width, int channels, size_t row_bytes, int out_height,
                              int out_width, uint8_t *out)
{
    assert(out_height > 0 && out_width > 0);
    tec_axis y = {.in = height, .out = out_height, .count = out_height};
    tec_axis x = {.in = width, .out = out_width, .count = out_width};
    tec_resample(in, row_bytes, channels, TEC_FILTER_BICUBIC, y, x, out);
    return TEC_OK;
}
