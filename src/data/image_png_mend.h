/* Module data, private. PNG files that are damaged, but hold an image that Pillow reads. Local and pure. */
#ifndef TEC_DATA_IMAGE_PNG_MEND_H
#define TEC_DATA_IMAGE_PNG_MEND_H

#include "tec/image.h"

/* Makes a whole PNG file of one that libpng refuses, where Pillow (9.4) decodes it, so that it decodes to what Pillow
 * makes of it: a file without its end, wrong checksums from the image data on, image data without their own checksum,
 * whole rows missing at the end (black), chunks that are damaged or out of place. NULL: there is more wrong, or not
 * enough memory. The caller frees it. *note: what is wrong. */
uint8_t *tec_png_mend(const uint8_t *data, size_t bytes, size_t *mended_bytes, tec_image_note *note);

#endif
