/* Inside src/data only: what image.c and the two decoders agree on. */
#ifndef TEC_IMAGE_CODEC_H
#define TEC_IMAGE_CODEC_H

#include "tec/image.h"

/* A decoder delivers the components of the file: 1 (grey), 3 (RGB) or, JPEG only, 4 (CMYK as Adobe stores it: 255 means
 * no ink). image.c makes of them what was asked for. On failure out->pixels is NULL. */
tec_status tec_image_decode_jpeg(tec_image *out, const uint8_t *data, size_t bytes, const char *name);
tec_status tec_image_decode_png(tec_image *out, const uint8_t *data, size_t bytes, const char *name);

/* Allocates the pixels for an image whose header was read. `room`: the most pixels that a file of this length can
 * hold; a header that promises more, or more than TEC_IMAGE_MAX_PIXELS, is refused before memory is taken. */
tec_status tec_image_reserve(tec_image *out, uint32_t height, uint32_t width, int channels, double room,
                             const char *name);

/* Pillow refuses above this number, too (twice its MAX_IMAGE_PIXELS). */
#define TEC_IMAGE_MAX_PIXELS 178956970.0

#endif
