/* The pixels of an image: their memory, and conversion between grey, RGB and CMYK with Pillow's values. */
#include "grey.h"
#include "image_codec.h"

#include <assert.h>
#include <stdlib.h>

tec_status tec_image_reserve(tec_image *out, uint32_t height, uint32_t width, int channels, double room,
                             const char *name)
{
    double pixels = (double)height * width;
    if (pixels < 1)
        return tec_fail(TEC_USER_ERROR, "%s: the header says %u x %u pixels: not an image", name, width, height);
    if (pixels > TEC_IMAGE_MAX_PIXELS)
        return tec_fail(TEC_USER_ERROR, "%s: %u x %u pixels, at most %.0f are supported: scale the image down", name,
                        width, height, TEC_IMAGE_MAX_PIXELS);
    if (pixels > room)
        return tec_fail(TEC_USER_ERROR, "%s: the header says %u x %u pixels, but the file is too short to hold them",
                        name, width, height);
    uint8_t *memory = malloc((size_t)height * width * (size_t)channels);
    if (!memory)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for %u x %u pixels", name, width, height);
    *out = (tec_image){.height = (int)height, .width = (int)width, .channels = channels, .pixels = memory};
    return TEC_OK;
}

double tec_image_room(size_t bytes, double most)
{
    double room = most * (double)bytes;
    return room > TEC_IMAGE_FREE_PIXELS ? room : TEC_IMAGE_FREE_PIXELS;
}

tec_status tec_image_truncated(const char *kind, size_t bytes, const char *name)
{
    return tec_fail(TEC_USER_ERROR, "%s: truncated %s: the data ends after %zu bytes, before the image does", name,
                    kind, bytes);
}

void tec_image_free(tec_image *image)
{
    free(image->pixels);
    free(image->values);
    *image = (tec_image){0};
}

/* ---- conversion ---- */

static void grey_to_rgb(const uint8_t *in, uint8_t *out, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++)
        out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = in[i];
}

static void rgb_to_grey(const uint8_t *in, uint8_t *out, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++)
        out[i] = grey_of(in + 3 * i);
}

/* Pillow's convert("RGB") of inverted CMYK, K - round((255 - C) * K / 255), rounded as Pillow rounds. */
static void cmyk_pixel(const uint8_t *in, uint8_t *rgb)
{
    for (int c = 0; c < 3; c++) {
        unsigned product = (255u - in[c]) * in[3] + 128;
        rgb[c] = (uint8_t)(in[3] - ((product + (product >> 8)) >> 8));
    }
}

static void cmyk_to_rgb(const uint8_t *in, uint8_t *out, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++)
        cmyk_pixel(in + 4 * i, out + 3 * i);
}

static void cmyk_to_grey(const uint8_t *in, uint8_t *out, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        uint8_t rgb[3];
        cmyk_pixel(in + 4 * i, rgb);
        out[i] = grey_of(rgb);
    }
}

tec_status tec_image_convert(tec_image *image, int channels, const char *name)
{
    static const struct {
        int from, to;
        void (*apply)(const uint8_t *in, uint8_t *out, size_t pixels);
    } conversion[] = {{1, 3, grey_to_rgb}, {3, 1, rgb_to_grey}, {4, 3, cmyk_to_rgb}, {4, 1, cmyk_to_grey}};
    for (size_t i = 0; i < sizeof conversion / sizeof *conversion; i++) {
        if (conversion[i].from != image->channels || conversion[i].to != channels)
            continue;
        tec_image out;
        TEC_TRY(tec_image_reserve(&out, (uint32_t)image->height, (uint32_t)image->width, channels, TEC_IMAGE_MAX_PIXELS,
                                  name));
        conversion[i].apply(image->pixels, out.pixels, (size_t)image->height * (size_t)image->width);
        out.notes = image->notes;
        out.deep = image->deep;
        tec_image_free(image);
        *image = out;
        return TEC_OK;
    }
    assert(image->channels == channels);
    return TEC_OK;
}
