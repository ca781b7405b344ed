/* Module data, public. From a decoded image to the square that the model sees: crops are drawn as torchvision draws
 * them and resized as Pillow resizes. All functions are local and thread-safe. S is the side of the square (`size`), c
 * the number of channels. */
#ifndef TEC_AUGMENT_H
#define TEC_AUGMENT_H

#include "tec/image.h"
#include "tec/real.h"

#include <stdbool.h>
#include <stdint.h>

/* A crop of an image, in pixels of the image, and whether it is mirrored afterwards. */
typedef struct tec_view {
    int top, left, height, width, flip;
} tec_view;

typedef struct tec_crop_settings {
    double scale[2]; /* area of the crop as a share of the image's: least, most */
    double ratio[2]; /* width / height, drawn log-uniformly: least, most */
    bool flip;       /* mirror one view in two, at random */
} tec_crop_settings;

/* torchvision's RandomResizedCrop (10 attempts, then the centre) and RandomHorizontalFlip(0.5), drawn from
 * Philox(seed, TEC_STREAM_VIEW, image, view): the same on any number of ranks. */
tec_view tec_view_draw(const tec_crop_settings *crop, uint64_t seed, int64_t image, int view, int height, int width);

/* The view for evaluation. The short side is resized to int(S / crop_pct), where crop_pct is 224 / 256 for S <= 224 and
 * 1 above, as MAE does; then the central S x S pixels are kept. An image that is S x S already is copied as it is.
 * Returns TEC_OK.
 *
 *   out  [S, S, c] */
tec_status tec_view_center(const tec_image *image, int size, uint8_t *out);

/* Cuts `view` out of the image, resizes it and mirrors it: bit for bit what torchvision makes of a PIL image,
 * image.crop(view).resize((S, S), BICUBIC). Nothing outside the crop has an influence. TEC_USER_ERROR: the view does
 * not lie inside the image.
 *
 *   out  [S, S, c] */
tec_status tec_view_render(const tec_image *image, const tec_view *view, int size, uint8_t *out);

/* Pillow's bicubic resize of a part of an image. Returns TEC_OK.
 *
 *   in   [height, width, c]          row_bytes from one row to the next
 *   out  [out_height, out_width, c] */
tec_status tec_resize_bicubic(const uint8_t *in, int height, int width, int channels, size_t row_bytes, int out_height,
                              int out_width, uint8_t *out);

/* How a model's images are normalised, by channel. */
typedef struct tec_normalisation {
    double mean[3], std[3];
} tec_normalisation;

/* out = (pixels / 255 - mean) / std, by channel.
 *
 *   pixels     [S, S, c]
 *   mean, std  [c]
 *   out        [c, S, S] */
void tec_pixels_normalize(const uint8_t *pixels, int size, int channels, const double *mean, const double *std,
                          real *out);

#endif
