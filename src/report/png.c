/* PNG in memory, and base64. */
#include "png.h"

#include "tec/error.h"
#include "tec/memory.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

unsigned char *tec_png_make(const uint8_t *pixels, int width, int height, int channels, size_t *bytes)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
    png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(image);
    unsigned char *data = tec_allocate(room);
    if (!png_image_write_to_memory(&image, data, &room, 0, pixels, width * channels, NULL))
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "a picture cannot be made: %s", image.message));
    *bytes = room;
    return data;
}

void tec_base64_put(FILE *out, const unsigned char *data, size_t bytes)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        uint32_t group = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)data[i + 2] : 0);
        char text[4] = {digit[group >> 18], digit[group >> 12 & 63], left > 1 ? digit[group >> 6 & 63] : '=',
                        left > 2 ? digit[group & 63] : '='};
        fwrite(text, 1, sizeof text, out);
    }
}
