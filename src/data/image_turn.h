/* Module data, private. EXIF orientation, and turning its pixels by it. Local and pure. */
#ifndef TEC_DATA_IMAGE_TURN_H
#define TEC_DATA_IMAGE_TURN_H

#include "tec/image.h"

/* The orientation (1 to 8) that EXIF data give; 1, upright, where they say nothing. */
int tec_exif_orientation(const uint8_t *exif, size_t bytes);

/* Turns and mirrors the pixels so that they are upright, as Pillow's ImageOps.exif_transpose does. TEC_SYSTEM_ERROR: no
 * memory. */
tec_status tec_image_turn(tec_image *image, int orientation, const char *name);

#endif
