/* Which bands of a file become which channels, and how their values are scaled. */
#include "image_bands.h"

#include "image_codec.h"
#include "tec/clones.h"
#include "tec/half.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By tec_sample. */
static const struct {
    int bytes;
    double most; /* the largest value; 0: data.range=type says nothing of such values */
    const char *what;
} samples[] = {
    [TEC_SAMPLE_U8] = {1, UINT8_MAX, "8 bits"},       [TEC_SAMPLE_U16] = {2, UINT16_MAX, "16 bits"},
    [TEC_SAMPLE_U32] = {4, UINT32_MAX, "32 bits"},    [TEC_SAMPLE_I8] = {1, 0, "8 bits with a sign"},
    [TEC_SAMPLE_I16] = {2, 0, "16 bits with a sign"}, [TEC_SAMPLE_I32] = {4, 0, "32 bits with a sign"},
    [TEC_SAMPLE_F16] = {2, 0, "16-bit float"},        [TEC_SAMPLE_F32] = {4, 0, "32-bit float"},
    [TEC_SAMPLE_F64] = {8, 0, "64-bit float"},
};

int tec_sample_bytes(tec_sample sample)
{
    return samples[sample].bytes;
}

/* ---- the plan ---- */

static tec_status plan_scale(tec_band_plan *out, const tec_band_source *source, const tec_bands *bands)
{
    const char *what = samples[source->sample].what;
    out->widen = tec_bands_widen(bands);
    out->low = 0;
    out->high = source->most > 0 ? source->most : samples[source->sample].most;
    if (bands->scaling == TEC_SCALING_GIVEN) {
        out->low = bands->low;
        out->high = bands->high;
    } else if (bands->scaling == TEC_SCALING_TYPE && out->high == 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s: values of %s have no largest that data.range=type could divide by: set "
                        "data.range=LOW,HIGH, the values that become 0 and 1 (0,1 takes them as they are)",
                        out->name, what);
    else if (bands->scaling == TEC_SCALING_BYTES && source->sample != TEC_SAMPLE_U8)
        return tec_fail(TEC_USER_ERROR,
                        "%s: values of %s, and data.range is bytes: set data.range=%sLOW,HIGH, the values that become "
                        "0 and 1 (`tec check` then proposes some)",
                        out->name, what, out->high > 0 ? "type, which divides by the largest possible, or " : "");
    return TEC_OK;
}

static tec_status plan_chosen(tec_band_plan *out, const tec_band_source *source, const tec_bands *bands)
{
    out->channels = bands->chosen;
    for (int i = 0; i < bands->chosen; i++) {
        out->from[i] = bands->band[i];
        if (bands->band[i] >= source->bands)
            return tec_fail(TEC_USER_ERROR, "%s: data.bands names band %d, but the file has %d band%s", out->name,
                            bands->band[i] + 1, source->bands, source->bands == 1 ? "" : "s");
    }
    return TEC_OK;
}

/* A model's channels cannot be set, and of too few bands none can be chosen. */
static void write_remedy(const tec_band_source *source, const tec_decoding *how, char *text, size_t size)
{
    const int bands = source->bands, channels = how->channels;
    const char *as = channels == 1 ? "1" : channels == 3 ? "3,2,1" : "1,2,...";
    if (how->bands.of_model && bands > channels)
        snprintf(text, size, "let data.bands choose %d, as in data.bands=%s", channels, as);
    else if (how->bands.of_model)
        snprintf(text, size, "give it images of as many");
    else if (bands > channels)
        snprintf(text, size, "set data.channels=%d, or let data.bands choose some, as in data.bands=%s", bands, as);
    else
        snprintf(text, size, "set data.channels=%d", bands);
}

static tec_status fail_bands(const tec_band_plan *plan, const tec_band_source *source, const tec_decoding *how)
{
    char remedy[100];
    write_remedy(source, how, remedy, sizeof remedy);
    return tec_fail(TEC_USER_ERROR, "%s: %d band%s, but %s %d: %s", plan->name, source->bands,
                    tec_plural(source->bands), how->bands.of_model ? "the model takes" : "data.channels is",
                    how->channels, remedy);
}

/* Without a choice. */
static tec_status plan_all(tec_band_plan *out, const tec_band_source *source, const tec_decoding *how)
{
    const int channels = how->channels;
    const bool drops = source->bands > source->colours && channels != source->bands;
    const int bands = drops ? source->colours : source->bands;
    out->to_grey = channels == 1 && bands == 3 && source->rgb;
    out->channels = out->to_grey ? 3 : channels;
    if (bands != channels && !out->to_grey && !(bands == 1 && channels == 3))
        return fail_bands(out, source, how);
    if (drops && source->multiplied && how->bands.of_model)
        return tec_fail(TEC_USER_ERROR, "%s: %s: data.bands=%s takes them as they are", out->name, source->multiplied,
                        channels == 3 ? "1,2,3" : "1");
    if (drops && source->multiplied)
        return tec_fail(TEC_USER_ERROR, "%s: %s: data.bands=%s takes them as they are, data.channels=%d alpha too",
                        out->name, source->multiplied, channels == 3 ? "1,2,3" : "1", source->bands);
    for (int i = 0; i < out->channels; i++)
        out->from[i] = bands == 1 ? 0 : i;
    return TEC_OK;
}

tec_status tec_band_plan_make(tec_band_plan *out, const tec_band_source *source, const tec_decoding *how,
                              const char *name)
{
    *out = (tec_band_plan){.sample = source->sample, .name = name};
    TEC_TRY(how->bands.chosen ? plan_chosen(out, source, &how->bands) : plan_all(out, source, how));
    out->whole = out->channels == source->bands && !out->to_grey;
    for (int i = 0; i < out->channels; i++)
        out->whole &= out->from[i] == i;
    return plan_scale(out, source, &how->bands);
}

/* ---- values ---- */

tec_status tec_band_reserve(tec_image *out, const tec_band_plan *plan, uint32_t height, uint32_t width, double room)
{
    const size_t bytes = plan->widen ? sizeof(float) : 1;
    const double pixels = room / ((double)plan->channels * (double)bytes);
    TEC_TRY(tec_image_reserve(out, height, width, plan->channels * (int)bytes, pixels, plan->name));
    out->channels = plan->channels;
    out->low = plan->low;
    out->high = plan->high;
    if (plan->widen) {
        out->values = (float *)(void *)out->pixels;
        out->pixels = NULL;
    }
    return TEC_OK;
}

/* clang-format off */
#define WIDEN(name, type)                                                                                              \
    TEC_CLONES static void name(const char *restrict in, size_t step, size_t count, double *restrict out)             \
    {                                                                                                                  \
        for (size_t i = 0; i < count; i++) {                                                                           \
            type value;                                                                                                \
            memcpy(&value, in + i * step, sizeof value);                                                               \
            out[i] = (double)value;                                                                                    \
        }                                                                                                              \
    }
WIDEN(widen_u8, uint8_t)
WIDEN(widen_u16, uint16_t)
WIDEN(widen_u32, uint32_t)
WIDEN(widen_i8, int8_t)
WIDEN(widen_i16, int16_t)
WIDEN(widen_i32, int32_t)
WIDEN(widen_f32, float)
WIDEN(widen_f64, double)
/* clang-format on */

static void widen_f16(const char *restrict in, size_t step, size_t count, double *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        float value;
        memcpy(&half, in + i * step, sizeof half);
        tec_half_to_float_portable(&half, 1, &value);
        out[i] = (double)value;
    }
}

static void (*const widen[])(const char *restrict in, size_t step, size_t count, double *restrict out) = {
    [TEC_SAMPLE_U8] = widen_u8,   [TEC_SAMPLE_U16] = widen_u16, [TEC_SAMPLE_U32] = widen_u32,
    [TEC_SAMPLE_I8] = widen_i8,   [TEC_SAMPLE_I16] = widen_i16, [TEC_SAMPLE_I32] = widen_i32,
    [TEC_SAMPLE_F16] = widen_f16, [TEC_SAMPLE_F32] = widen_f32, [TEC_SAMPLE_F64] = widen_f64,
};

static tec_status fail_value(const tec_band_plan *plan, int channel, size_t y, size_t x, double value)
{
    if (isfinite(value))
        return tec_fail(TEC_USER_ERROR,
                        "%s: band %d has the value %.9g at row %zu, column %zu, which is beyond reason "
                        "for data.range=%.9g,%.9g",
                        plan->name, plan->from[channel] + 1, value, y, x, plan->low, plan->high);
    return tec_fail(TEC_USER_ERROR, "%s: band %d has no number (%s) at row %zu, column %zu: fill such pixels",
                    plan->name, plan->from[channel] + 1, isnan(value) ? "NaN" : "infinite", y, x);
}

/* Scales into out, of every `channels`-th place; returns the first index that is not finite, or count. */
TEC_CLONES static size_t scale_values(const double *restrict in, size_t count, double low, double range,
                                      float *restrict out, size_t channels)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        float value = (float)((in[i] - low) / range);
        out[i * channels] = value;
        finite &= value - value == 0;
    }
    for (size_t i = 0; !finite && i < count; i++)
        if (!isfinite(out[i * channels]))
            return i;
    return count;
}

static void put_bytes(const tec_band_plan *plan, uint8_t *out, const uint8_t *in, size_t step, size_t count)
{
    const uint8_t flip = plan->inverted ? UINT8_MAX : 0;
    for (size_t i = 0; i < count; i++)
        out[i * (size_t)plan->channels] = (uint8_t)(in[i * step] ^ flip);
}

tec_status tec_band_put(const tec_band_plan *plan, tec_image *out, int channel, const void *in, size_t step, size_t y,
                        size_t x, size_t count)
{
    enum { PIECE = 256 };
    const size_t channels = (size_t)plan->channels;
    const size_t at = (y * (size_t)out->width + x) * channels + (size_t)channel;
    if (!plan->widen) {
        put_bytes(plan, out->pixels + at, in, step, count);
        return TEC_OK;
    }
    for (size_t i = 0; i < count; i += PIECE) {
        double value[PIECE];
        const size_t some = count - i < PIECE ? count - i : PIECE;
        widen[plan->sample]((const char *)in + i * step, step, some, value);
        for (size_t k = 0; plan->inverted && k < some; k++)
            value[k] = samples[plan->sample].most - value[k];
        size_t good =
            scale_values(value, some, plan->low, plan->high - plan->low, out->values + at + i * channels, channels);
        if (good < some)
            return fail_value(plan, channel, y, x + i + good, value[good]);
    }
    return TEC_OK;
}

tec_status tec_band_put_row(const tec_band_plan *plan, tec_image *out, const void *in, int bands, size_t y, size_t x,
                            size_t count)
{
    const size_t bytes = (size_t)tec_sample_bytes(plan->sample), step = bytes * (size_t)bands;
    for (int c = 0; c < plan->channels; c++)
        TEC_TRY(tec_band_put(plan, out, c, (const char *)in + (size_t)plan->from[c] * bytes, step, y, x, count));
    return TEC_OK;
}

/* The weights of Pillow's convert("L"), in place: a pixel is read before it is written. */
tec_status tec_band_finish(const tec_band_plan *plan, tec_image *image)
{
    if (!plan->to_grey)
        return TEC_OK;
    if (!plan->widen)
        return tec_image_convert(image, 1, plan->name);
    float *v = image->values;
    for (size_t i = 0; i < (size_t)image->height * (size_t)image->width; i++)
        v[i] = (float)((19595.0 * (double)v[3 * i] + 38470.0 * (double)v[3 * i + 1] + 7471.0 * (double)v[3 * i + 2]) /
                       65536);
    image->channels = 1;
    return TEC_OK;
}

/* ---- images that are in memory ---- */

tec_status tec_band_take(tec_image *image, const tec_band_source *source, const tec_decoding *how, const char *name)
{
    const size_t width = (size_t)image->width, row = width * (size_t)(source->bands * tec_sample_bytes(source->sample));
    tec_band_plan plan;
    tec_image out;
    TEC_TRY(tec_band_plan_make(&plan, source, how, name));
    if (plan.whole && !plan.widen)
        return TEC_OK;
    TEC_TRY(tec_band_reserve(&out, &plan, (uint32_t)image->height, (uint32_t)image->width, INFINITY));
    tec_status status = TEC_OK;
    for (size_t y = 0; y < (size_t)image->height && status == TEC_OK; y++)
        status = tec_band_put_row(&plan, &out, image->pixels + y * row, source->bands, y, 0, width);
    if (status == TEC_OK)
        status = tec_band_finish(&plan, &out);
    if (status != TEC_OK) {
        tec_image_free(&out);
        return status;
    }
    out.notes = image->notes;
    tec_image_free(image);
    *image = out;
    return TEC_OK;
}

tec_status tec_band_convert(tec_image *image, const tec_decoding *how, const char *name)
{
    if (tec_bands_plain(&how->bands, how->channels))
        return tec_image_convert(image, how->channels, name);
    if (image->channels == 4) /* CMYK */
        TEC_TRY(tec_image_convert(image, 3, name));
    const tec_band_source source = tec_band_source_of(TEC_SAMPLE_U8, image->channels);
    return tec_band_take(image, &source, how, name);
}
