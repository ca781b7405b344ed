/* Module data, public. Alterations of a picture's colours and geometry, as RandAugment and colour jitter use them: bit
 * for bit what Pillow makes of the same image in mode RGB (3 channels) or L (1 channel). Local and thread-safe. */
#ifndef TEC_ALTER_H
#define TEC_ALTER_H

#include "tec/image.h"

/* Behind each: what its argument means. In (x, y), pixels are counted from the upper left corner to their centres. */
typedef enum tec_alteration {
    TEC_ALTER_AUTO_CONTRAST, /* none: each channel's darkest value becomes 0, its brightest 255 */
    TEC_ALTER_EQUALIZE,      /* none: all values of a channel become equally frequent */
    TEC_ALTER_INVERT,        /* none */
    TEC_ALTER_ROTATE,        /* degrees, counterclockwise */
    TEC_ALTER_POSTERIZE,     /* upper bits of each value that are kept, 0 to 8 */
    TEC_ALTER_SOLARIZE,      /* values from here on are inverted, 0 to 256 */
    TEC_ALTER_SOLARIZE_ADD,  /* is added to values below 128, 0 to 255 */
    TEC_ALTER_COLOR,         /* 0: grey, 1: as it is, above: more colourful; a grey picture stays as it is */
    TEC_ALTER_CONTRAST,      /* 0: uniform grey, 1: as it is, above: more contrast */
    TEC_ALTER_BRIGHTNESS,    /* 0: black, 1: as it is, above: brighter */
    TEC_ALTER_SHARPNESS,     /* 0: smoothed, 1: as it is, above: sharper */
    TEC_ALTER_SHEAR_X,       /* pixel (x, y) comes from (x + argument * y, y) */
    TEC_ALTER_SHEAR_Y,       /* pixel (x, y) comes from (x, y + argument * x) */
    TEC_ALTER_TRANSLATE_X,   /* pixels: pixel (x, y) comes from (x + argument, y) */
    TEC_ALTER_TRANSLATE_Y,   /* pixels: pixel (x, y) comes from (x, y + argument) */
    TEC_ALTERATIONS
} tec_alteration;

/* "AutoContrast", "Equalize", ...: as timm calls them. */
const char *tec_alteration_name(tec_alteration what);

/* Alters `picture` in place; its size stays. Geometry is sampled by Pillow's bicubic filter, and what comes from
 * outside the picture gets the colour `fill`. An argument out of its range is our own bug.
 *
 *   picture->pixels  [height, width, c]
 *   fill             [c]; read by geometry only, else it may be NULL */
void tec_picture_alter(tec_image *picture, tec_alteration what, double argument, const uint8_t *fill);

#endif
