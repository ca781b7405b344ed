/* Module data, private. What src/data/alter*.c share: one function per kind of alteration. */
#ifndef TEC_DATA_ALTER_PARTS_H
#define TEC_DATA_ALTER_PARTS_H

#include "grey.h"

#include "tec/alter.h"

/* An alteration in place; the argument is that of tec_picture_alter. */
typedef void tec_alter_function(tec_image *picture, double argument, const uint8_t *fill);

/* New values depend on the old ones, and on nothing else of the pixel (alter_values.c). */
tec_alter_function tec_alter_auto_contrast, tec_alter_equalize, tec_alter_invert, tec_alter_posterize,
    tec_alter_solarize, tec_alter_solarize_add, tec_alter_contrast, tec_alter_brightness;

/* The picture is blended with a plainer one (alter_blend.c). */
tec_alter_function tec_alter_color, tec_alter_sharpness;

/* Geometry (alter_affine.c). */
tec_alter_function tec_alter_rotate, tec_alter_shear_x, tec_alter_shear_y, tec_alter_translate_x, tec_alter_translate_y;

static inline size_t alter_pixels(const tec_image *picture)
{
    return (size_t)picture->height * (size_t)picture->width;
}

/* Pillow's blend of two values in single precision, cut off at 0 and 255: plain + factor * (value - plain). The
 * product comes separately, since it is the same for equal differences. */
static inline uint8_t alter_blended(uint8_t plain, float product)
{
    float sum = (float)plain + product;
    return (uint8_t)(sum <= 0 ? 0 : sum >= 255 ? 255 : sum);
}

#endif
