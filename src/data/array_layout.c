/* Which arrays are images, and how their bytes lie. */
#include "array_set.h"

#include "image_codec.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

#define MOST_SIDE 65535
#define MOST_IMAGES ((int64_t)1 << 40)

static tec_status refuse(const tec_array *array, const char *place, const char *why)
{
    char *what = tec_array_describe(array);
    tec_status status = tec_fail(TEC_USER_ERROR, "%s: its shape and type are %s, %s", place, what, why);
    free(what);
    return status;
}

/* ---- types ---- */

/* False: they are not read. */
static bool find_sample(const tec_array *array, tec_sample *out)
{
    static const struct {
        tec_array_kind kind;
        int bytes;
        tec_sample sample;
    } known[] = {
        {TEC_ARRAY_UNSIGNED, 1, TEC_SAMPLE_U8},  {TEC_ARRAY_UNSIGNED, 2, TEC_SAMPLE_U16},
        {TEC_ARRAY_UNSIGNED, 4, TEC_SAMPLE_U32}, {TEC_ARRAY_SIGNED, 1, TEC_SAMPLE_I8},
        {TEC_ARRAY_SIGNED, 2, TEC_SAMPLE_I16},   {TEC_ARRAY_SIGNED, 4, TEC_SAMPLE_I32},
        {TEC_ARRAY_FLOAT, 2, TEC_SAMPLE_F16},    {TEC_ARRAY_FLOAT, 4, TEC_SAMPLE_F32},
        {TEC_ARRAY_FLOAT, 8, TEC_SAMPLE_F64},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].kind == array->kind && known[i].bytes == array->bytes) {
            *out = known[i].sample;
            return true;
        }
    return false;
}

static tec_status check_type(const tec_array *array, const char *place, tec_sample *out)
{
    if (!find_sample(array, out))
        return refuse(array, place,
                      "but images are whole numbers of 8, 16 or 32 bits or floats of 16, 32 or 64: save them by "
                      "astype('uint8'), or another of these that holds the values");
    if (array->by_columns)
        return refuse(array, place, "in Fortran's order, which is not read: save numpy.ascontiguousarray of it");
    return TEC_OK;
}

/* ---- shapes ---- */

static bool is_colours(int64_t size)
{
    return size == 1 || size == 3;
}

/* Of [N, a, b, c], in which `at` is 1 or 3: may that be the bands of the images? */
static bool is_bands(const int64_t *dim, int at)
{
    const int64_t bands = dim[at], height = dim[at == 1 ? 2 : 1], width = dim[at == 1 ? 3 : 2];
    return bands >= 1 && bands <= TEC_BANDS_MOST && (height == width || (bands < height && bands < width));
}

/* Where the channels of [N, a, b, c] are: 1 or 3; 0: it cannot be told, and *both says whether they may be either. */
static int find_channels(const int64_t *dim, bool *both)
{
    const bool colours = is_colours(dim[1]) || is_colours(dim[3]);
    const bool first = colours ? is_colours(dim[1]) : is_bands(dim, 1);
    const bool last = colours ? is_colours(dim[3]) : is_bands(dim, 3);
    *both = first && last;
    return first == last ? 0 : first ? 1 : 3;
}

static tec_status find_shape(const tec_array *array, const char *place, tec_array_layout *out)
{
    const int64_t *dim = array->dim;
    bool both;
    const int at = array->dims == 3 ? 3 : find_channels(dim, &both);
    if (at == 0 && both)
        return refuse(
            array, place,
            "of which both the second and the last size may be the channels: save it as [N, H, W], or with images "
            "that are larger");
    if (at == 0)
        return refuse(
            array, place,
            "but [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 to 64 channels C, fewer than pixels in a row or "
            "a column, are expected: save it so");
    const int64_t height = at == 1 ? dim[2] : dim[1], width = at == 1 ? dim[3] : dim[2];
    if (dim[0] < 1 || height < 1 || width < 1)
        return refuse(array, place, "which holds no image: save at least one");
    if (dim[0] > MOST_IMAGES || height > MOST_SIDE || width > MOST_SIDE)
        return refuse(array, place, "more than there can be: the file is damaged, or holds no images");
    if ((double)height * (double)width > TEC_IMAGE_MAX_PIXELS)
        return refuse(array, place,
                      "with more than 178956970 pixels an image, the most that are supported: scale them down");
    out->images = dim[0];
    out->height = (int)height;
    out->width = (int)width;
    out->channels = array->dims == 3 ? 1 : (int)dim[at];
    out->planar = at == 1;
    return TEC_OK;
}

tec_status tec_array_layout_of(const tec_array *array, const char *place, tec_array_layout *out)
{
    *out = (tec_array_layout){.big_endian = array->big_endian};
    if (array->dims < 3 || array->dims > 4)
        return refuse(array, place, "but [N, H, W], [N, H, W, C] or [N, C, H, W] is expected: save it so");
    TEC_TRY(check_type(array, place, &out->sample));
    return find_shape(array, place, out);
}

char *tec_array_layout_words(const tec_array_layout *l)
{
    return tec_string_format("%s: %d band%s of %d x %d pixels", l->planar ? "[N, C, H, W]" : "[N, H, W, C]",
                             l->channels, tec_plural(l->channels), l->width, l->height);
}

/* ---- bytes ---- */

static void swap_bytes(uint8_t *samples, size_t count, size_t bytes)
{
    for (uint8_t *at = samples; at < samples + count * bytes; at += bytes)
        for (size_t i = 0; i < bytes / 2; i++) {
            const uint8_t byte = at[i];
            at[i] = at[bytes - 1 - i];
            at[bytes - 1 - i] = byte;
        }
}

void tec_array_pixels(const tec_array_layout *layout, const uint8_t *stored, uint8_t *out)
{
    const size_t pixels = (size_t)layout->height * (size_t)layout->width, channels = (size_t)layout->channels;
    const size_t bytes = (size_t)tec_sample_bytes(layout->sample);
    if (!layout->planar)
        memcpy(out, stored, pixels * channels * bytes);
    else if (bytes == 1)
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < pixels; i++)
                out[i * channels + c] = stored[c * pixels + i];
    else
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < pixels; i++)
                memcpy(out + (i * channels + c) * bytes, stored + (c * pixels + i) * bytes, bytes);
    if (layout->big_endian)
        swap_bytes(out, pixels * channels, bytes);
}
