/* A row between memory and file: feature as float32, float16 or int8 with a scale per channel, attention as float16. */
#include "store_parts.h"
#include "tec/half.h"

#include <math.h>
#include <string.h>

#define LARGEST_INT8 127

/* -- int8: x = q * scale[channel], scale = the channel's largest |x| / 127 -- */

static void int8_encode(const float *feature, int L, int C, int8_t *quantum, float *scale)
{
    for (int c = 0; c < C; c++)
        scale[c] = 0;
    for (int l = 0; l < L; l++)
        for (int c = 0; c < C; c++)
            scale[c] = fmaxf(scale[c], fabsf(feature[(size_t)l * C + c]));
    for (int c = 0; c < C; c++)
        scale[c] /= LARGEST_INT8;
    for (int l = 0; l < L; l++)
        for (int c = 0; c < C; c++) {
            /* A channel of zeros, or of numbers so small that their scale vanished, becomes zeros. */
            float q = scale[c] > 0 ? rintf(feature[(size_t)l * C + c] / scale[c]) : 0;
            quantum[(size_t)l * C + c] = (int8_t)fmaxf(-LARGEST_INT8, fminf(LARGEST_INT8, q));
        }
}

static void int8_decode(const int8_t *quantum, const float *scale, int L, int C, float *feature)
{
    for (int l = 0; l < L; l++)
        for (int c = 0; c < C; c++)
            feature[(size_t)l * C + c] = (float)quantum[(size_t)l * C + c] * scale[c];
}

/* -- parts of a row -- */

static void feature_encode(const tec_store_spec *spec, const store_layout *layout, const float *feature, char *buffer)
{
    size_t count = (size_t)spec->patches * (size_t)spec->width;
    void *out = buffer + layout->part[PART_FEATURE].at;
    if (spec->type == TEC_TARGET_FLOAT32)
        memcpy(out, feature, count * sizeof *feature);
    else if (spec->type == TEC_TARGET_FLOAT16)
        tec_half_from_float(feature, count, out);
    else
        int8_encode(feature, spec->patches, spec->width, out, (float *)(void *)(buffer + layout->part[PART_SCALE].at));
}

static void feature_decode(const tec_store_spec *spec, const store_layout *layout, const char *buffer, float *feature)
{
    size_t count = (size_t)spec->patches * (size_t)spec->width;
    const void *in = buffer + layout->part[PART_FEATURE].at;
    if (spec->type == TEC_TARGET_FLOAT32)
        memcpy(feature, in, count * sizeof *feature);
    else if (spec->type == TEC_TARGET_FLOAT16)
        tec_half_to_float(in, count, feature);
    else
        int8_decode(in, (const float *)(const void *)(buffer + layout->part[PART_SCALE].at), spec->patches, spec->width,
                    feature);
}

static size_t attention_count(const tec_store_spec *spec)
{
    return (size_t)(1 + spec->topk) * (size_t)spec->heads * (size_t)spec->patches;
}

/* Not a number or infinite anywhere shows in the sum of the squares (floats squared do not overflow a double). */
static bool add_error(const float *stored, const float *given, size_t count, double *difference, double *square)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < count; i++) {
        double error = (double)stored[i] - (double)given[i];
        d += error * error;
        s += (double)given[i] * (double)given[i];
    }
    *difference += d;
    *square += s;
    return isfinite(s);
}

static void small_parts_encode(const tec_store_spec *spec, const store_layout *layout, const tec_store_row *row,
                               char *buffer)
{
    const int32_t view[5] = {row->view.top, row->view.left, row->view.height, row->view.width, row->view.flip};
    uint16_t *topk = (uint16_t *)(void *)(buffer + layout->part[PART_TOPK].at);
    for (int k = 0; k < spec->topk; k++)
        topk[k] = (uint16_t)row->topk[k];
    memcpy(buffer + layout->part[PART_VIEW].at, view, sizeof view);
    if (spec->images)
        memcpy(buffer + layout->part[PART_IMAGE].at, row->image, layout->part[PART_IMAGE].bytes);
}

bool store_row_encode(const tec_store_spec *spec, const store_layout *layout, const tec_store_row *row, char *buffer,
                      float *scratch, tec_store_error *error)
{
    size_t features = (size_t)spec->patches * (size_t)spec->width, logits = attention_count(spec);
    bool finite = true;
    memset(buffer, 0, layout->buffer);
    if (row->sample >= 0) {
        uint16_t *half = (uint16_t *)(void *)(buffer + layout->part[PART_ATTENTION].at);
        feature_encode(spec, layout, row->feature, buffer);
        feature_decode(spec, layout, buffer, scratch);
        finite = add_error(scratch, row->feature, features, &error->feature_difference, &error->feature_square);
        tec_half_from_float(row->attention, logits, half);
        tec_half_to_float(half, logits, scratch + features);
        finite &= add_error(scratch + features, row->attention, logits, &error->attention_difference,
                            &error->attention_square);
        small_parts_encode(spec, layout, row, buffer);
    }
    memcpy(buffer + layout->part[PART_SAMPLE].at, &row->sample, sizeof row->sample);
    uint32_t crc = store_row_crc(layout, buffer);
    memcpy(buffer + layout->part[PART_CRC].at, &crc, sizeof crc);
    return finite;
}

void store_row_decode(const tec_store_spec *spec, const store_layout *layout, const char *buffer, tec_store_row *row)
{
    int32_t view[5];
    const uint16_t *topk = (const uint16_t *)(const void *)(buffer + layout->part[PART_TOPK].at);
    if (row->feature)
        feature_decode(spec, layout, buffer, row->feature);
    if (row->attention)
        tec_half_to_float((const uint16_t *)(const void *)(buffer + layout->part[PART_ATTENTION].at),
                          attention_count(spec), row->attention);
    for (int k = 0; row->topk && k < spec->topk; k++)
        row->topk[k] = topk[k];
    if (row->image)
        memcpy(row->image, buffer + layout->part[PART_IMAGE].at, layout->part[PART_IMAGE].bytes);
    memcpy(view, buffer + layout->part[PART_VIEW].at, sizeof view);
    row->view = (tec_view){view[0], view[1], view[2], view[3], view[4]};
    memcpy(&row->sample, buffer + layout->part[PART_SAMPLE].at, sizeof row->sample);
}
