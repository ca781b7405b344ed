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

tec_preprocessing tec_preprocessing_mae(int size)
{
    return (tec_preprocessing){
        .resize = TEC_RESIZE_SHORTER, .crop_pct = size <= 224 ? 224.0 / 256.0 : 1, .filter = TEC_FILTER_BICUBIC};
}

int tec_preprocessing_resized(tec_preprocessing p, int size)
{
    return (int)(size / p.crop_pct);
}

const char *tec_resize_name(tec_resize resize)
{
    static const char *const name[] = {TEC_RESIZE_LIST(TEC_COMMA)};
    return name[resize];
}

char *tec_preprocessing_describe(tec_preprocessing preprocessing, int size)
{
    tec_preprocessing p = tec_preprocessing_complete(preprocessing, tec_preprocessing_mae(size));
    char whole[64] = "";
    if (p.resize == TEC_RESIZE_WHOLE)
        snprintf(whole, sizeof whole, "images of %d x %d pixels as they are, others: ", size, size);
    return tec_string_format("%s%s resized to %d pixels (%s), central %d x %d kept", whole,
                             p.resize == TEC_RESIZE_SQUASH ? "both sides" : "shorter side",
                             tec_preprocessing_resized(p, size), tec_filter_name(p.filter), size, size);
}

/* One of two axes: `from` pixels become `to`; of the axis that makes `length`, the central `size` are kept. */
static tec_axis central_axis(int length, int from, int to, int size)
{
    tec_axis axis = {.in = length, .out = (int64_t)((double)to * length / from), .count = size};
    axis.begin = (int64_t)rint((double)(axis.out - size) / 2);
    return axis;
}

tec_status tec_view_center(const tec_image *image, const tec_preprocessing *preprocessing, int size, void *out)
{
    tec_preprocessing p = tec_preprocessing_complete(*preprocessing, tec_preprocessing_mae(size));
    int height = image->height, width = image->width;
    bool ready = p.resize == TEC_RESIZE_WHOLE && height == size && width == size;
    int to = ready ? size : tec_preprocessing_resized(p, size), shorter = height < width ? height : width;
    bool squash = p.resize == TEC_RESIZE_SQUASH;
    assert(size > 0 && to >= size);
    const tec_axis y = central_axis(height, squash ? height : shorter, to, size);
    const tec_axis x = central_axis(width, squash ? width : shorter, to, size);
    const size_t row = (size_t)width * (size_t)image->channels;
    if (image->values)
        tec_resample_values(image->values, row, image->channels, p.filter, y, x, out);
    else
        tec_resample(image->pixels, row, image->channels, p.filter, y, x, out);
    return TEC_OK;
}
