/* Module data, public. From a decoded image to the part that the model sees, a square in general: crops are drawn as
 * torchvision draws them and resized as Pillow resizes. All functions are local and thread-safe. H x W is the size of
 * what the model sees (`size`), c the number of channels. */
#ifndef TEC_AUGMENT_H
#define TEC_AUGMENT_H

#include "tec/bicubic.h"
#include "tec/image.h"
#include "tec/real.h"
#include "tec/size.h"

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

/* How evaluation resizes an image to R = int(S / crop_pct) pixels, before the central S x S are kept. Of a rectangle,
 * each side has such an R. */
typedef enum tec_resize {
    TEC_RESIZE_AUTO,    /* not said */
    TEC_RESIZE_SHORTER, /* the shorter side becomes R; where there are two, the image just covers both (timm's
                         * ResizeKeepRatio) */
    TEC_RESIZE_SQUASH,  /* both sides become R, whatever the shape */
    TEC_RESIZE_WHOLE    /* as SHORTER, but an image of H x W pixels is used as it is */
} tec_resize;
#define TEC_RESIZE_LIST(BETWEEN) "auto" BETWEEN "shorter" BETWEEN "squash" BETWEEN "whole"
#define TEC_RESIZE_WORDS TEC_RESIZE_LIST("|")

/* What a user, or the sidecar of a model, says of it. Zeroed: nothing. */
typedef struct tec_preprocessing {
    tec_resize resize;
    double crop_pct; /* 0 < crop_pct <= 1; 0: not said */
    tec_filter filter;
} tec_preprocessing;

const char *tec_resize_name(tec_resize resize);

/* What `known` leaves open is taken from `more`. */
tec_preprocessing tec_preprocessing_complete(tec_preprocessing known, tec_preprocessing more);

/* What MAE does: the shorter side, bicubic, crop_pct 224 / 256 where no side is above 224, else 1. */
tec_preprocessing tec_preprocessing_mae(tec_size size);

/* What images are resized to (R) before H x W of them are kept. */
tec_size tec_preprocessing_resized(tec_preprocessing preprocessing, tec_size size);

/* "shorter side resized to 256 pixels (bicubic), central 224 x 224 kept"; the caller frees it. */
char *tec_preprocessing_describe(tec_preprocessing preprocessing, tec_size size);

/* The view for evaluation; what `preprocessing` leaves open is done as MAE does. Returns TEC_OK.
 *
 *   out  [H, W, c]  uint8_t or, where the image has values, float */
tec_status tec_view_center(const tec_image *image, const tec_preprocessing *preprocessing, tec_size size, void *out);

/* Cuts `view` out of the image, resizes it and mirrors it: bit for bit what torchvision makes of a PIL image,
 * image.crop(view).resize((W, H), BICUBIC). Nothing outside the crop has an influence. Values are resized in floats, as
 * images of mode F. TEC_USER_ERROR: the view does not lie inside the image.
 *
 *   out  [H, W, c]  uint8_t or, where the image has values, float */
tec_status tec_view_render(const tec_image *image, const tec_view *view, tec_size size, void *out);

/* Pillow's bicubic resize of a part of an image. Returns TEC_OK.
 *
 *   in   [height, width, c]          row_bytes from one row to the next
 *   out  [out_height, out_width, c] */
tec_status tec_resize_bicubic(const uint8_t *in, int height, int width, int channels, size_t row_bytes, int out_height,
                              int out_width, uint8_t *out);

/* How a model's images are normalised, by channel. */
typedef struct tec_normalisation {
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST];
} tec_normalisation;

/* out = (pixels / 255 - mean) / std, by channel.
 *
 *   pixels     [H, W, c]
 *   mean, std  [c]
 *   out        [c, H, W] */
void tec_pixels_normalize(const uint8_t *pixels, tec_size size, int channels, const double *mean, const double *std,
                          real *out);

/* out = (values - mean) / std, by channel; shapes likewise. */
void tec_values_normalize(const float *values, tec_size size, int channels, const double *mean, const double *std,
                          real *out);

/* One of the two: of values, or of pixels. */
void tec_square_normalize(const void *square, bool values, tec_size size, int channels, const double *mean,
                          const double *std, real *out);

#endif
