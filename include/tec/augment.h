/* From a decoded image to the square the model sees: crops as torchvision draws them, resizing as Pillow does it.
 * All functions are local and thread-safe. S = image size, c = channels. */
#ifndef TEC_AUGMENT_H
#define TEC_AUGMENT_H

#include "tec/image.h"
#include "tec/real.h"

#include <stdbool.h>
#include <stdint.h>

/* A crop of an image, in its pixels, and whether it is mirrored afterwards. */
typedef struct tec_view {
    int top, left, height, width, flip;
} tec_view;

typedef struct tec_crop_settings {
    double scale[2]; /* area of the crop as a share of the image's */
    double ratio[2]; /* width / height, drawn log-uniformly */
    bool flip;       /* mirror every second view */
} tec_crop_settings;

/* torchvision's RandomResizedCrop (10 tries, then the centre) and RandomHorizontalFlip(0.5), drawn from
 * Philox(seed, TEC_STREAM_VIEW, image, view): the same whatever the number of ranks. */
tec_view tec_view_draw(const tec_crop_settings *crop, uint64_t seed, int64_t image, int view, int height, int width);

/* Evaluation: resize the short side to S * 256 / 224 (as MAE: int(S / crop_pct), crop_pct = 224 / 256 for S <= 224, 1
 * above), keep the centre S x S -> out [S, S, c]. For images that are S x S already: the image itself. */
tec_status tec_view_center(const tec_image *image, int size, uint8_t *out);

/* Cuts `view` out of `image`, resizes it to [size, size, c] and mirrors it: bit for bit what torchvision makes of a PIL
 * image, image.crop(view).resize((size, size), BICUBIC). Nothing outside the crop reaches the result. TEC_USER_ERROR:
 * the view does not lie inside the image. */
tec_status tec_view_render(const tec_image *image, const tec_view *view, int size, uint8_t *out);

/* Pillow's bicubic resize of a part of an image: in [.., width, c] with the given row stride in bytes -> out
 * [out_height, out_width, c]. */
tec_status tec_resize_bicubic(const uint8_t *in, int height, int width, int channels, size_t row_bytes, int out_height,
                              int out_width, uint8_t *out);

/* How a model's images are normalised: pixels / 255 less mean, divided by std, per channel. */
typedef struct tec_normalisation {
    double mean[3], std[3];
} tec_normalisation;

/* [S, S, c] bytes -> [c, S, S] real: (x / 255 - mean[c]) / std[c]. */
void tec_pixels_normalize(const uint8_t *pixels, int size, int channels, const double *mean, const double *std,
                          real *out);

#endif
