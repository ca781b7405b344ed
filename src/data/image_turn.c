/* EXIF orientation: cameras store the picture as the sensor lies, and a number that says which way is up. */
#include "image_turn.h"

#include "image_codec.h"
#include "number.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- finding it ---- */

/* EXIF data are a TIFF file: the entries of its first directory have 12 bytes each: tag, type, count, value. */
int tec_exif_orientation(const uint8_t *tiff, size_t bytes)
{
    enum { ORIENTATION = 0x112, SHORT = 3 };
    if (bytes < 8 || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return 1;
    bool little = tiff[0] == 'I';
    size_t at = tec_number(tiff + 4, 4, little);
    if (at > bytes - 2 || bytes < 2)
        return 1;
    unsigned entries = tec_number(tiff + at, 2, little);
    at += 2;
    for (unsigned i = 0; i < entries && at + 12 <= bytes; i++, at += 12) {
        if (tec_number(tiff + at, 2, little) != ORIENTATION)
            continue;
        bool wide = tec_number(tiff + at + 2, 2, little) != SHORT;
        unsigned value = tec_number(tiff + at + 8, wide ? 4 : 2, little);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* ---- turning ---- */

/* Row 0 of the picture as stored is, by orientation: 1 top, 2 top (mirrored), 3 bottom (mirrored), 4 bottom, 5 left, 6
 * right, 7 right (mirrored), 8 left (mirrored); from 5 on rows are columns. */
tec_status tec_image_turn(tec_image *image, int orientation, const char *name)
{
    tec_image out;
    int h = image->height, w = image->width;
    const size_t bytes = (size_t)image->channels * (image->values ? sizeof *image->values : 1);
    char *from = image->values ? (char *)image->values : (char *)image->pixels;
    bool swapped = orientation >= 5;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    if (orientation == 1)
        return TEC_OK;
    TEC_TRY(tec_image_reserve(&out, (uint32_t)(swapped ? w : h), (uint32_t)(swapped ? h : w), (int)bytes,
                              TEC_IMAGE_MAX_PIXELS, name));
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++) {
            int row = swapped ? x : y, column = swapped ? y : x;
            row = flip_y ? h - 1 - row : row;
            column = flip_x ? w - 1 - column : column;
            memcpy(out.pixels + ((size_t)y * (size_t)out.width + (size_t)x) * bytes,
                   from + ((size_t)row * (size_t)w + (size_t)column) * bytes, bytes);
        }
    free(from);
    if (image->values)
        image->values = (float *)(void *)out.pixels;
    else
        image->pixels = out.pixels;
    image->height = out.height;
    image->width = out.width;
    return TEC_OK;
}
