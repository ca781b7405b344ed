/* Module data, public. An image in memory, decoded from JPEG or PNG. All functions are local and thread-safe. */
#ifndef TEC_IMAGE_H
#define TEC_IMAGE_H

#include "tec/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct tec_image {
    int height, width, channels; /* channels: 1 (grey) or 3 (RGB) */
    uint8_t *pixels;             /* [height, width, channels], owned; tec_image_free frees them */
} tec_image;

/* Decodes a whole JPEG or PNG file, told apart by its first bytes, from memory. Grey, palette, 16-bit (the upper 8 bits
 * are kept), alpha (dropped), CMYK and YCCK, progressive and interlaced files all come out with `channels` (1 or 3)
 * channels and the values of PIL's convert("L") or convert("RGB"). After a failure out->pixels is NULL.
 *
 * TEC_USER_ERROR names `name`, what is wrong and, where known, the byte offset: truncated or damaged data, a wrong
 * checksum, more than 178,956,970 pixels (PIL's limit), or more pixels than a file of this length can hold.
 * TEC_SYSTEM_ERROR: no memory. */
tec_status tec_image_decode(tec_image *out, const void *data, size_t bytes, int channels, const char *name);

void tec_image_free(tec_image *image);

#endif
