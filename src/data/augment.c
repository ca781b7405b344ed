/* Drawing crops, cutting them out of images, and normalising pixels. */
#include "tec/augment.h"

#include "resample.h"
#include "tec/clones.h"
#include "tec/philox.h"

#include <math.h>

#define CROP_TRIES 10

static double draw_between(tec_philox *p, double low, double high)
{
    return low + (high - low) * tec_philox_uniform(p);
}

/* torchvision's fallback when no draw fits: the largest central crop with an allowed ratio. */
static tec_view central_crop(const tec_crop_settings *crop, int height, int width)
{
    double ratio = (double)width / height;
    double h = height, w = width;
    if (ratio < crop->ratio[0])
        h = fmax(1, rint(w / crop->ratio[0]));
    else if (ratio > crop->ratio[1])
        w = fmax(1, rint(h * crop->ratio[1]));
    tec_view view = {.height = (int)h, .width = (int)w};
    view.top = (height - view.height) / 2;
    view.left = (width - view.width) / 2;
    return view;
}

static tec_view draw_crop(const tec_crop_settings *crop, tec_philox *p, int height, int width)
{
    double area = (double)height * width, log_ratio[2] = {log(crop->ratio[0]), log(crop->ratio[1])};
    for (int i = 0; i < CROP_TRIES; i++) {
        double target = area * draw_between(p, crop->scale[0], crop->scale[1]);
        double aspect = exp(draw_between(p, log_ratio[0], log_ratio[1]));
        double w = rint(sqrt(target * aspect)), h = rint(sqrt(target / aspect));
        if (!(w > 0 && w <= width && h > 0 && h <= height))
            continue;
        tec_view view = {.height = (int)h, .width = (int)w};
        view.top = (int)tec_philox_below(p, (uint32_t)(height - view.height + 1));
        view.left = (int)tec_philox_below(p, (uint32_t)(width - view.width + 1));
        return view;
    }
    return central_crop(crop, height, width);
}

tec_view tec_view_draw(const tec_crop_settings *crop, uint64_t seed, int64_t image, int view, int height, int width)
{
    tec_philox p = tec_philox_start(seed, TEC_STREAM_VIEW, (uint64_t)image, (uint32_t)view, 0);
    tec_view drawn = draw_crop(crop, &p, height, width);
    drawn.flip = crop->flip && tec_philox_uniform(&p) < 0.5;
    return drawn;
}

/* A pixel has `bytes` bytes. */
static void mirror(uint8_t *pixels, tec_size size, int bytes)
{
    const int width = size.width;
    for (int y = 0; y < size.height; y++) {
        uint8_t *left = pixels + (size_t)y * (size_t)width * (size_t)bytes, *right = left + (width - 1) * bytes;
        for (; left < right; left += bytes, right -= bytes)
            for (int c = 0; c < bytes; c++) {
                uint8_t kept = left[c];
                left[c] = right[c];
                right[c] = kept;
            }
    }
}

static bool inside(int begin, int length, int whole)
{
    return begin >= 0 && length > 0 && length <= whole && begin <= whole - length;
}

static void render_values(const tec_image *image, const tec_view *view, tec_size size, float *out)
{
    const size_t channels = (size_t)image->channels, row_values = (size_t)image->width * channels;
    const float *corner = image->values + (size_t)view->top * row_values + (size_t)view->left * channels;
    tec_axis y = {.in = view->height, .out = size.height, .count = size.height};
    tec_axis x = {.in = view->width, .out = size.width, .count = size.width};
    tec_resample_values(corner, row_values, image->channels, TEC_FILTER_BICUBIC, y, x, out);
}

tec_status tec_view_render(const tec_image *image, const tec_view *view, tec_size size, void *out)
{
    if (!inside(view->top, view->height, image->height) || !inside(view->left, view->width, image->width))
        return tec_fail(TEC_USER_ERROR, "crop of %d x %d pixels at (%d, %d) does not lie inside an image of %d x %d",
                        view->width, view->height, view->left, view->top, image->width, image->height);
    size_t channels = (size_t)image->channels, row_bytes = (size_t)image->width * channels;
    if (image->values)
        render_values(image, view, size, out);
    else
        TEC_TRY(tec_resize_bicubic(image->pixels + (size_t)view->top * row_bytes + (size_t)view->left * channels,
                                   view->height, view->width, image->channels, row_bytes, size.height, size.width,
                                   out));
    if (view->flip)
        mirror(out, size, image->channels * (image->values ? (int)sizeof(float) : 1));
    return TEC_OK;
}

/* Several loops, because only a constant distance between pixels is vectorised. */
TEC_CLONES static void normalize_plane(const uint8_t *restrict pixels, size_t count, int channels, real scale,
                                       real shift, real *restrict out)
{
    if (channels == 1)
        for (size_t i = 0; i < count; i++)
            out[i] = pixels[i] * scale + shift;
    else if (channels == 3)
        for (size_t i = 0; i < count; i++)
            out[i] = pixels[3 * i] * scale + shift;
    else
        for (size_t i = 0; i < count; i++)
            out[i] = pixels[(size_t)channels * i] * scale + shift;
}

void tec_pixels_normalize(const uint8_t *pixels, tec_size size, int channels, const double *mean, const double *std,
                          real *out)
{
    size_t plane = tec_size_area(size);
    for (int c = 0; c < channels; c++)
        normalize_plane(pixels + c, plane, channels, (real)(1 / (255 * std[c])), (real)(-mean[c] / std[c]),
                        out + (size_t)c * plane);
}

TEC_CLONES static void normalize_values(const float *restrict values, size_t count, int channels, double mean,
                                        double std, real *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (real)(((double)values[(size_t)channels * i] - mean) / std);
}

void tec_values_normalize(const float *values, tec_size size, int channels, const double *mean, const double *std,
                          real *out)
{
    size_t plane = tec_size_area(size);
    for (int c = 0; c < channels; c++)
        normalize_values(values + c, plane, channels, mean[c], std[c], out + (size_t)c * plane);
}

void tec_square_normalize(const void *square, bool values, tec_size size, int channels, const double *mean,
                          const double *std, real *out)
{
    if (values)
        tec_values_normalize(square, size, channels, mean, std, out);
    else
        tec_pixels_normalize(square, size, channels, mean, std, out);
}
