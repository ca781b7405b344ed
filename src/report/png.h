/* Module report, private. Pictures as PNG inside the page. */
#ifndef TEC_REPORT_PNG_H
#define TEC_REPORT_PNG_H

#include <stdint.h>
#include <stdio.h>

/* Makes a PNG of pixels [height, width, channels], channels 1 or 3; the caller frees it. Ends the program when out of
 * memory. */
unsigned char *tec_png_make(const uint8_t *pixels, int width, int height, int channels, size_t *bytes);

/* Writes bytes as base64. */
void tec_base64_put(FILE *out, const unsigned char *data, size_t bytes);

#endif
