/* Which arrays are images, and how their bytes lie. */
#include "array_set.h"

#include "image_codec.h"
#include "tec/text.h"

#include <stdlib.h>

#define MOST_SIDE 65535
#define MOST_IMAGES ((int64_t)1 << 40)

static bool is_channels(int64_t size)
{
    return size == 1 || size == 3;
}

static tec_status refuse(const tec_array *array, const char *place, const char *why)
{
    char *what = tec_array_describe(array);
    tec_status status = tec_fail(TEC_USER_ERROR, "%s: its shape and type are %s, %s", place, what, why);
    free(what);
    return status;
}

static tec_status check_type(const tec_array *array, const char *place)
{
    if (array->kind != TEC_ARRAY_UNSIGNED || array->bytes != 1)
        return refuse(array, place,
                      "but images are read as uint8 only, 0 to 255: scale the values and save them by astype('uint8')");
    if (array->by_columns)
        return refuse(array, place, "in Fortran's order, which is not read: save numpy.ascontiguousarray of it");
    return TEC_OK;
}

tec_status tec_array_layout_of(const tec_array *array, const char *place, tec_array_layout *out)
{
    static const char shapes[] =
        "but [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels C are expected: save it so";
    const int64_t *dim = array->dim;
    if (array->dims < 3 || array->dims > 4)
        return refuse(array, place, shapes);
    TEC_TRY(check_type(array, place));
    bool last = array->dims == 3 || is_channels(dim[3]), first = array->dims == 4 && is_channels(dim[1]);
    if (!last && !first)
        return refuse(array, place, shapes);
    if (last && first)
        return refuse(
            array, place,
            "of which both the second and the last size may be the channels: save it as [N, H, W], or with images "
            "that are larger");
    int64_t height = first ? dim[2] : dim[1], width = first ? dim[3] : dim[2];
    if (dim[0] < 1 || height < 1 || width < 1)
        return refuse(array, place, "which holds no image: save at least one");
    if (dim[0] > MOST_IMAGES || height > MOST_SIDE || width > MOST_SIDE)
        return refuse(array, place, "more than there can be: the file is damaged, or holds no images");
    if ((double)height * (double)width > TEC_IMAGE_MAX_PIXELS)
        return refuse(array, place,
                      "with more than 178956970 pixels an image, the most that are supported: scale them down");
    *out = (tec_array_layout){.images = dim[0],
                              .height = (int)height,
                              .width = (int)width,
                              .channels = (int)(array->dims == 3 ? 1
                                                : first          ? dim[1]
                                                                 : dim[3]),
                              .planar = first};
    return TEC_OK;
}

void tec_array_pixels(const tec_array_layout *layout, const uint8_t *stored, uint8_t *out)
{
    const size_t pixels = (size_t)layout->height * (size_t)layout->width, channels = (size_t)layout->channels;
    if (!layout->planar) {
        for (size_t i = 0; i < pixels * channels; i++)
            out[i] = stored[i];
        return;
    }
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < pixels; i++)
            out[i * channels + c] = stored[c * pixels + i];
}
