/* The view for evaluation: how an image is resized before its centre is kept. */
#include "tec/augment.h"

#include "resample.h"
#include "tec/text.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

tec_preprocessing tec_preprocessing_complete(tec_preprocessing known, tec_preprocessing more)
{
    return (tec_preprocessing){
        .resize = known.resize != TEC_RESIZE_AUTO ? known.resize : more.resize,
        .crop_pct = known.crop_pct > 0 ? known.crop_pct : more.crop_pct,
        .filter = known.filter != TEC_FILTER_AUTO ? known.filter : more.filter,
    };
}

tec_preprocessing tec_preprocessing_mae(tec_size size)
{
    const bool small = size.height <= 224 && size.width <= 224;
    return (tec_preprocessing){
        .resize = TEC_RESIZE_SHORTER, .crop_pct = small ? 224.0 / 256.0 : 1, .filter = TEC_FILTER_BICUBIC};
}

tec_size tec_preprocessing_resized(tec_preprocessing p, tec_size size)
{
    return (tec_size){(int)(size.height / p.crop_pct), (int)(size.width / p.crop_pct)};
}

const char *tec_resize_name(tec_resize resize)
{
    static const char *const name[] = {TEC_RESIZE_LIST(TEC_COMMA)};
    return name[resize];
}

char *tec_preprocessing_describe(tec_preprocessing preprocessing, tec_size size)
{
    tec_preprocessing p = tec_preprocessing_complete(preprocessing, tec_preprocessing_mae(size));
    const tec_size to = tec_preprocessing_resized(p, size);
    char whole[96] = "", kept[TEC_SIZE_TEXT], target[TEC_SIZE_TEXT];
    tec_size_words(size, kept);
    if (p.resize == TEC_RESIZE_WHOLE)
        snprintf(whole, sizeof whole, "images of %s pixels as they are, others: ", kept);
    if (tec_size_is_square(to))
        snprintf(target, sizeof target, "%d", to.height);
    else
        snprintf(target, sizeof target, "%s%d x %d", p.resize == TEC_RESIZE_SQUASH ? "" : "at least ", to.height,
                 to.width);
    return tec_string_format("%s%s resized to %s pixels (%s), central %s kept", whole,
                             p.resize == TEC_RESIZE_SQUASH || !tec_size_is_square(to) ? "both sides" : "shorter side",
                             target, tec_filter_name(p.filter), kept);
}

/* What a whole image becomes. Of two different sides, timm's ResizeKeepRatio: one of them is met, and the other rounded;
 * else torchvision's Resize, which truncates. */
static void resized_to(const tec_image *image, tec_resize resize, tec_size to, int64_t out[2])
{
    const int in[2] = {image->height, image->width}, target[2] = {to.height, to.width};
    const int shorter = in[0] < in[1] ? in[0] : in[1];
    const double ratio = fmin((double)in[0] / to.height, (double)in[1] / to.width);
    for (int axis = 0; axis < 2; axis++)
        if (resize == TEC_RESIZE_SQUASH)
            out[axis] = target[axis];
        else if (tec_size_is_square(to))
            out[axis] = (int64_t)((double)target[axis] * in[axis] / shorter);
        else
            out[axis] = (int64_t)rint(in[axis] / ratio);
}

/* One of two axes: `in` pixels become `out`, of which the central `kept` are kept. */
static tec_axis central_axis(int in, int64_t out, int kept)
{
    return (tec_axis){.in = in, .out = out, .begin = (int64_t)rint((double)(out - kept) / 2), .count = kept};
}

tec_status tec_view_center(const tec_image *image, const tec_preprocessing *preprocessing, tec_size size, void *out)
{
    tec_preprocessing p = tec_preprocessing_complete(*preprocessing, tec_preprocessing_mae(size));
    const bool ready = p.resize == TEC_RESIZE_WHOLE && image->height == size.height && image->width == size.width;
    int64_t to[2] = {size.height, size.width};
    if (!ready)
        resized_to(image, p.resize, tec_preprocessing_resized(p, size), to);
    assert(size.height > 0 && size.width > 0 && to[0] >= size.height && to[1] >= size.width);
    const tec_axis y = central_axis(image->height, to[0], size.height);
    const tec_axis x = central_axis(image->width, to[1], size.width);
    const size_t row = (size_t)image->width * (size_t)image->channels;
    if (image->values)
        tec_resample_values(image->values, row, image->channels, p.filter, y, x, out);
    else
        tec_resample(image->pixels, row, image->channels, p.filter, y, x, out);
    return TEC_OK;
}
