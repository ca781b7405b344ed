/* Encoding and decoding rows: feature as float32, float16, or int8 with a scale per channel; attention as float16 or,
 * beside an int8 feature, as int8 with step and middle per query and head. */
#include "store_parts.h"

#include "tec/half.h"

#include <math.h>
#include <string.h>

#define LARGEST_INT8 127

/* -- int8 feature: x = q * scale[channel], scale = the channel's largest |x| / 127 -- */

static void feature_to_int8(const float *feature, size_t L, size_t C, int8_t *quantum, float *scale)
{
    for (size_t c = 0; c < C; c++)
        scale[c] = 0;
    for (size_t l = 0; l < L; l++)
        for (size_t c = 0; c < C; c++)
            scale[c] = fmaxf(scale[c], fabsf(feature[l * C + c]));
    for (size_t c = 0; c < C; c++)
        scale[c] /= LARGEST_INT8;
    for (size_t l = 0; l < L; l++)
        for (size_t c = 0; c < C; c++) {
            /* A channel of zeros, or of numbers so small that their scale vanished, becomes zeros. */
            float q = scale[c] > 0 ? rintf(feature[l * C + c] / scale[c]) : 0;
            quantum[l * C + c] = (int8_t)fmaxf(-LARGEST_INT8, fminf(LARGEST_INT8, q));
        }
}

static void feature_from_int8(const int8_t *quantum, const float *scale, size_t L, size_t C, float *feature)
{
    for (size_t l = 0; l < L; l++)
        for (size_t c = 0; c < C; c++)
            feature[l * C + c] = (float)quantum[l * C + c] * scale[c];
}

/* -- int8 attention: logit = q * step + middle, where the L logits of a query and head reach from -127 to 127 --
 *
 * They matter only through softmax(logit / tau), but tau is a setting of training, not of the store, so the step must
 * not depend on it. Mean Kullback-Leibler divergence of that softmax from the one of float16 logits, ViT-Ti/16
 * (augreg) on 240 photographs, logits of a row 4 to 13 apart:
 *
 *   tau                                              0.5      1        1.8 (default)   5
 *   scale alone, of the largest |logit|              2.9e-4   8.3e-5   2.8e-5          3.7e-6
 *   step and middle, as here                         1.0e-4   3.4e-5   1.3e-5          1.8e-6
 *   steps that grow with the distance from the top   1.4e-5   2.8e-5   2.1e-5          3.9e-6
 *
 * beside an entropy of 1.7 to 5.2. Small taus would gain from the last (top - logit = step q^2), the usual ones lose.
 * Clipping at 16 tau below the top changed nothing: at tau 1.8 no row reaches that far. */

static void row_to_int8(const float *logit, int L, int8_t *quantum, float *step, float *middle)
{
    float top = logit[0], bottom = logit[0];
    for (int l = 1; l < L; l++) {
        top = fmaxf(top, logit[l]);
        bottom = fminf(bottom, logit[l]);
    }
    /* In double: the sum or the difference of two floats may overflow. */
    *step = (float)(((double)top - bottom) / (2 * LARGEST_INT8));
    *middle = (float)(((double)top + bottom) / 2);
    for (int l = 0; l < L; l++) {
        float q = *step > 0 ? rintf((logit[l] - *middle) / *step) : 0;
        quantum[l] = (int8_t)fmaxf(-LARGEST_INT8, fminf(LARGEST_INT8, q));
    }
}

static void row_from_int8(const int8_t *quantum, int L, float step, float middle, float *logit)
{
    for (int l = 0; l < L; l++)
        logit[l] = (float)quantum[l] * step + middle;
}

/* -- parts of a row -- */

static void feature_encode(const tec_store_spec *spec, const store_layout *layout, const float *feature, char *buffer)
{
    size_t L = (size_t)spec->patches, C = (size_t)spec->width;
    void *out = buffer + layout->part[PART_FEATURE].at;
    if (spec->type == TEC_TARGET_FLOAT32)
        memcpy(out, feature, L * C * sizeof *feature);
    else if (spec->type == TEC_TARGET_FLOAT16)
        tec_half_from_float(feature, L * C, out);
    else
        feature_to_int8(feature, L, C, out, (float *)(void *)(buffer + layout->part[PART_FEATURE_SCALE].at));
}

static void feature_decode(const tec_store_spec *spec, const store_layout *layout, const char *buffer, float *feature)
{
    size_t L = (size_t)spec->patches, C = (size_t)spec->width;
    const void *in = buffer + layout->part[PART_FEATURE].at;
    const void *scale = buffer + layout->part[PART_FEATURE_SCALE].at;
    if (spec->type == TEC_TARGET_FLOAT32)
        memcpy(feature, in, L * C * sizeof *feature);
    else if (spec->type == TEC_TARGET_FLOAT16)
        tec_half_to_float(in, L * C, feature);
    else
        feature_from_int8(in, scale, L, C, feature);
}

/* Rows of L logits: one per query and head. */
static size_t attention_rows(const tec_store_spec *spec)
{
    return (size_t)(1 + spec->topk) * (size_t)spec->heads;
}

static void attention_encode(const tec_store_spec *spec, const store_layout *layout, const float *logit, char *buffer)
{
    size_t L = (size_t)spec->patches, rows = attention_rows(spec);
    void *out = buffer + layout->part[PART_ATTENTION].at;
    float *scale = (float *)(void *)(buffer + layout->part[PART_ATTENTION_SCALE].at);
    if (spec->type == TEC_TARGET_INT8)
        for (size_t i = 0; i < rows; i++)
            row_to_int8(logit + i * L, spec->patches, (int8_t *)out + i * L, &scale[2 * i], &scale[2 * i + 1]);
    else
        tec_half_from_float(logit, rows * L, out);
}

static void attention_decode(const tec_store_spec *spec, const store_layout *layout, const char *buffer, float *logit)
{
    size_t L = (size_t)spec->patches, rows = attention_rows(spec);
    const void *in = buffer + layout->part[PART_ATTENTION].at;
    const float *scale = (const float *)(const void *)(buffer + layout->part[PART_ATTENTION_SCALE].at);
    if (spec->type == TEC_TARGET_INT8)
        for (size_t i = 0; i < rows; i++)
            row_from_int8((const int8_t *)in + i * L, spec->patches, scale[2 * i], scale[2 * i + 1], logit + i * L);
    else
        tec_half_to_float(in, rows * L, logit);
}

/* False: a value is NaN or infinite, which shows in the sum of squares (squares of floats do not overflow a double). */
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

bool tec_store_row_encode(const tec_store_spec *spec, const store_layout *layout, const tec_store_row *row,
                          char *buffer, float *scratch, tec_store_error *error)
{
    size_t features = tec_store_row_features(spec);
    bool finite = true;
    memset(buffer, 0, layout->buffer);
    if (row->sample >= 0) {
        feature_encode(spec, layout, row->feature, buffer);
        feature_decode(spec, layout, buffer, scratch);
        finite = add_error(scratch, row->feature, features, &error->feature_difference, &error->feature_square);
        attention_encode(spec, layout, row->attention, buffer);
        attention_decode(spec, layout, buffer, scratch + features);
        finite &= add_error(scratch + features, row->attention, tec_store_row_logits(spec),
                            &error->attention_difference, &error->attention_square);
        small_parts_encode(spec, layout, row, buffer);
    }
    memcpy(buffer + layout->part[PART_SAMPLE].at, &row->sample, sizeof row->sample);
    uint32_t crc = tec_store_row_crc(layout, buffer);
    memcpy(buffer + layout->part[PART_CRC].at, &crc, sizeof crc);
    return finite;
}

void tec_store_row_decode(const tec_store_spec *spec, const store_layout *layout, const char *buffer,
                          tec_store_row *row)
{
    int32_t view[5];
    const uint16_t *topk = (const uint16_t *)(const void *)(buffer + layout->part[PART_TOPK].at);
    if (row->feature)
        feature_decode(spec, layout, buffer, row->feature);
    if (row->attention)
        attention_decode(spec, layout, buffer, row->attention);
    for (int k = 0; row->topk && k < spec->topk; k++)
        row->topk[k] = topk[k];
    if (row->image)
        memcpy(row->image, buffer + layout->part[PART_IMAGE].at, layout->part[PART_IMAGE].bytes);
    memcpy(view, buffer + layout->part[PART_VIEW].at, sizeof view);
    row->view = (tec_view){view[0], view[1], view[2], view[3], view[4]};
    memcpy(&row->sample, buffer + layout->part[PART_SAMPLE].at, sizeof row->sample);
}

size_t tec_store_round_bytes(const tec_store_spec *spec)
{
    return tec_store_layout_of(spec).buffer;
}

tec_status tec_store_not_finite(int64_t sample)
{
    return tec_fail(TEC_USER_ERROR,
                    "the base model's output for sample %lld is not finite: is the model (base.model) sound?",
                    (long long)sample);
}

bool tec_store_are_finite(const float *value, size_t count)
{
    double difference = 0, square = 0;
    return add_error(value, value, count, &difference, &square);
}

tec_status tec_store_round(const tec_store_spec *spec, int64_t sample, float *feature, float *attention, void *buffer)
{
    const store_layout layout = tec_store_layout_of(spec);
    if (!tec_store_are_finite(feature, tec_store_row_features(spec)) ||
        !tec_store_are_finite(attention, tec_store_row_logits(spec)))
        return tec_store_not_finite(sample);
    feature_encode(spec, &layout, feature, buffer);
    feature_decode(spec, &layout, buffer, feature);
    attention_encode(spec, &layout, attention, buffer);
    attention_decode(spec, &layout, buffer, attention);
    return TEC_OK;
}
