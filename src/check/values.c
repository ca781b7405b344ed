/* Extremes, percentiles, mean and deviation of bands. */
#include "values.h"

#include "tec/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 4096   /* values of a band of an image that are counted for percentiles */
#define FRACTION 60  /* bits behind the point of a sum */
#define LARGEST 1e10 /* of a mean of an image: 2^31 images do not overflow */
#define SHARE 0.02   /* below the lower percentile, and above the upper one */

/* ---- sums ---- */

/* By arithmetic on doubles alone, which is exact here. */
static value_sum to_sum(double value)
{
    value_sum out;
    double left = rint(ldexp(fmax(-LARGEST, fmin(LARGEST, value)), FRACTION));
    for (int i = VALUE_LIMBS - 1; i >= 0; i--) {
        const double unit = ldexp(1, 32 * i), whole = floor(left / unit);
        out.limb[i] = (int64_t)whole;
        left -= whole * unit;
    }
    return out;
}

static double from_sum(const value_sum *sum)
{
    double value = 0;
    for (int i = VALUE_LIMBS - 1; i >= 0; i--)
        value += ldexp((double)sum->limb[i], 32 * i - FRACTION);
    return value;
}

static void add_sum(value_sum *to, const value_sum *sum)
{
    for (int i = 0; i < VALUE_LIMBS; i++)
        to->limb[i] += sum->limb[i];
}

/* ---- percentiles ---- */

/* The upper bits of a float, such that larger values have larger numbers: 128 bins between powers of 2. */
static uint32_t bin_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits >> 31 ? ~bits : bits | UINT32_C(1) << 31) >> 16;
}

static double middle_of(uint32_t bin)
{
    float value;
    uint32_t bits = bin << 16 | UINT32_C(1) << 15;
    bits = bits >> 31 ? bits & ~(UINT32_C(1) << 31) : ~bits;
    memcpy(&value, &bits, sizeof value);
    return fpclassify(value) == FP_SUBNORMAL ? 0 : (double)value; /* the bin of 0 */
}

/* The value that `share` of those that were counted do not exceed, to half a per cent. */
static double percentile(const int64_t *count, double share)
{
    int64_t all = 0, below = 0;
    uint32_t bin = 0;
    for (uint32_t i = 0; i < VALUE_BINS; i++)
        all += count[i];
    for (; bin < VALUE_BINS - 1; bin++) {
        below += count[bin];
        if ((double)below > share * (double)all)
            break;
    }
    return middle_of(bin);
}

/* ---- images ---- */

void tec_values_start(value_survey *s, int channels, int threads)
{
    *s = (value_survey){.channels = channels, .threads = threads};
    s->count = tec_allocate_zeroed((size_t)threads * (size_t)channels * VALUE_BINS, sizeof *s->count);
    s->band = tec_allocate_zeroed((size_t)channels, sizeof *s->band);
    for (int i = 0; i < 4; i++)
        s->scale[i] = -INFINITY;
    for (int c = 0; c < channels; c++) {
        s->band[c].least = INFINITY;
        s->band[c].most = -INFINITY;
    }
}

void tec_values_free(value_survey *s)
{
    free(s->count);
    free(s->band);
}

static void look_at_band(const float *value, int64_t pixels, int step, value_band *out, int64_t *count)
{
    double sum = 0, square = 0;
    float least = value[0], most = value[0];
    for (int64_t i = 0; i < pixels; i++) {
        const float v = value[i * step];
        sum += (double)v;
        square += (double)v * (double)v;
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    *out = (value_band){.sum = to_sum(sum / (double)pixels),
                        .square = to_sum(square / (double)pixels),
                        .least = (double)least,
                        .most = (double)most};
    for (uint32_t i = 0; i < LOOKS; i++) { /* spread by the golden ratio, so that they are not those of a few columns */
        const int64_t pixel = (int64_t)((uint64_t)(i * UINT32_C(2654435769)) * (uint64_t)pixels >> 32);
        count[bin_of(value[pixel * step])]++;
    }
}

void tec_values_look(value_survey *s, int thread, const tec_image *image, value_band *out)
{
    for (int c = 0; c < s->channels; c++)
        look_at_band(image->values + c, (int64_t)image->height * image->width, s->channels, &out[c],
                     s->count + ((size_t)thread * (size_t)s->channels + (size_t)c) * VALUE_BINS);
}

void tec_values_add(value_survey *s, const value_band *image, double low, double high)
{
    const double scale[4] = {low, -low, high, -high};
    for (int i = 0; i < 4; i++)
        s->scale[i] = fmax(s->scale[i], scale[i]);
    for (int c = 0; c < s->channels; c++) {
        add_sum(&s->band[c].sum, &image[c].sum);
        add_sum(&s->band[c].square, &image[c].square);
        s->band[c].least = fmin(s->band[c].least, image[c].least);
        s->band[c].most = fmax(s->band[c].most, image[c].most);
    }
}

/* ---- all ranks ---- */

static void add_threads(value_survey *s)
{
    const size_t bins = (size_t)s->channels * VALUE_BINS;
    for (size_t t = 1; t < (size_t)s->threads; t++)
        for (size_t i = 0; i < bins; i++)
            s->count[i] += s->count[t * bins + i];
}

static void describe(const value_band *band, const int64_t *count, int64_t images, tec_check_band *out)
{
    const double mean = from_sum(&band->sum) / (double)images, square = from_sum(&band->square) / (double)images;
    *out = (tec_check_band){.least = band->least,
                            .most = band->most,
                            .low = fmax(band->least, percentile(count, SHARE)),
                            .high = fmin(band->most, percentile(count, 1 - SHARE)),
                            .mean = mean,
                            .std = sqrt(fmax(square - mean * mean, 0))};
}

void tec_values_finish(value_survey *s, const tec_comm *comm, int64_t images, tec_check *out)
{
    add_threads(s);
    tec_comm_sum_int64(comm, s->count, s->channels * VALUE_BINS);
    tec_comm_max_double(comm, s->scale, 4);
    for (int c = 0; c < s->channels; c++) {
        value_band *band = &s->band[c];
        double ends[2] = {-band->least, band->most};
        tec_comm_sum_int64(comm, band->sum.limb, VALUE_LIMBS);
        tec_comm_sum_int64(comm, band->square.limb, VALUE_LIMBS);
        tec_comm_max_double(comm, ends, 2);
        band->least = -ends[0];
        band->most = ends[1];
    }
    if (images == 0)
        return;
    out->band = tec_allocate((size_t)s->channels * sizeof *out->band);
    out->scales = s->scale[0] == -s->scale[1] && s->scale[2] == -s->scale[3] ? 1 : 2;
    out->low = s->scale[0];
    out->high = s->scale[2];
    for (int c = 0; c < s->channels; c++) {
        describe(&s->band[c], s->count + (size_t)c * VALUE_BINS, images, &out->band[c]);
        out->mean[c] = out->band[c].mean;
        out->std[c] = out->band[c].std;
    }
}
