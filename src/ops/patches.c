/* Patches of an image as rows: the input of the patch embedding, and MAE's target. */
#include "tec/ops.h"

#include "tec/measure.h"

#include <math.h>

/* First pixel of patch `index` in channel 0 of an image [c, height, width]. */
static const real *patch_at(const real *image, int width, int patch, int index)
{
    int columns = width / patch;
    return image + (long)(index / columns) * patch * width + (long)(index % columns) * patch;
}

void tec_patches_gather(const real *image, int channels, tec_size size, int patch, const int *index, int n, real *out)
{
    TEC_MEASURE(TEC_OPERATOR_PATCHES);
    const long plane = (long)size.height * size.width;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < channels; c++) {
            const real *in = patch_at(image, size.width, patch, index ? index[i] : i) + c * plane;
            for (int y = 0; y < patch; y++, in += size.width)
                for (int x = 0; x < patch; x++)
                    *out++ = in[x];
        }
}

static void standardise_row(real *row, int n)
{
    real mean = 0, square = 0;
    for (int i = 0; i < n; i++)
        mean += row[i];
    mean /= (real)n;
    for (int i = 0; i < n; i++)
        square += (row[i] - mean) * (row[i] - mean);
    real scale = 1 / (real)sqrt(square / (real)(n - 1) + 1e-6);
    for (int i = 0; i < n; i++)
        row[i] = (row[i] - mean) * scale;
}

void tec_pixel_target(const real *image, int channels, tec_size size, int patch, const int *index, int n,
                      bool standardise, real *out)
{
    TEC_MEASURE(TEC_OPERATOR_PATCHES);
    int pixels = patch * patch * channels;
    for (int i = 0; i < n; i++, out += pixels) {
        const real *in = patch_at(image, size.width, patch, index[i]);
        for (int y = 0; y < patch; y++)
            for (int x = 0; x < patch; x++)
                for (int c = 0; c < channels; c++)
                    out[(y * patch + x) * channels + c] = in[((long)c * size.height + y) * size.width + x];
        if (standardise)
            standardise_row(out, pixels);
    }
}
