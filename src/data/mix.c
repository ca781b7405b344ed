/* Mixup, CutMix and their soft targets. */
#include "tec/mix.h"

#include "tec/clones.h"
#include "tec/measure.h"
#include "tec/philox.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

/* The part of a box around `center` that lies in [0, size). */
static void clip_box(int center, int length, int size, int *begin, int *count)
{
    int low = center - length / 2, high = center + length / 2;
    *begin = low < 0 ? 0 : low;
    *count = (high > size ? size : high) - *begin;
}

/* A part of 1 - lambda of the picture's area and of its shape, its centre anywhere. */
static void draw_box(tec_philox *p, tec_size size, tec_mix *mix)
{
    const double share = sqrt(1 - mix->lambda);
    int y = (int)tec_philox_below(p, (uint32_t)size.height), x = (int)tec_philox_below(p, (uint32_t)size.width);
    clip_box(y, (int)(size.height * share), size.height, &mix->box.top, &mix->box.height);
    clip_box(x, (int)(size.width * share), size.width, &mix->box.left, &mix->box.width);
    mix->lambda = 1 - (double)mix->box.height * mix->box.width / ((double)size.height * size.width);
}

bool tec_mix_is_on(const tec_mix_settings *s)
{
    return s->probability > 0 && (s->mixup > 0 || s->cutmix > 0);
}

tec_mix tec_mix_draw(const tec_mix_settings *settings, uint64_t seed, int64_t step, int epoch, tec_size size)
{
    tec_philox p = tec_philox_start(seed, TEC_STREAM_MIX, (uint64_t)step, (uint32_t)epoch, 0);
    tec_mix mix = {.lambda = 1};
    bool mixup = settings->mixup > 0, cutmix = settings->cutmix > 0;
    if (!tec_mix_is_on(settings) || tec_philox_uniform(&p) >= settings->probability)
        return mix;
    mix.cut = cutmix && (!mixup || tec_philox_uniform(&p) < settings->switching);
    double alpha = mix.cut ? settings->cutmix : settings->mixup;
    mix.lambda = tec_philox_beta(&p, alpha, alpha);
    if (mix.cut)
        draw_box(&p, size, &mix);
    return mix;
}

TEC_CLONES static void average_both(real lambda, size_t n, real *restrict a, real *restrict b)
{
    for (size_t i = 0; i < n; i++) {
        real own = a[i], other = b[i];
        a[i] = lambda * own + (1 - lambda) * other;
        b[i] = lambda * other + (1 - lambda) * own;
    }
}

static void swap_boxes(tec_rectangle box, tec_size size, int channels, real *restrict a, real *restrict b)
{
    for (int c = 0; c < channels; c++)
        for (int row = box.top; row < box.top + box.height; row++) {
            size_t begin = ((size_t)c * (size_t)size.height + (size_t)row) * (size_t)size.width + (size_t)box.left;
            for (size_t i = begin; i < begin + (size_t)box.width; i++) {
                real own = a[i];
                a[i] = b[i];
                b[i] = own;
            }
        }
}

void tec_mix_pair(const tec_mix *mix, tec_size size, int channels, real *a, real *b)
{
    TEC_MEASURE(TEC_OPERATOR_MIX);
    if (a == b || mix->lambda == 1)
        return;
    if (mix->cut)
        swap_boxes(mix->box, size, channels, a, b);
    else
        average_both((real)mix->lambda, (size_t)channels * tec_size_area(size), a, b);
}

void tec_mix_target(const tec_mix *mix, double smoothing, int classes, int own, int other, real *out)
{
    assert(own >= 0 && own < classes && other >= 0 && other < classes);
    for (int i = 0; i < classes; i++)
        out[i] = (real)(smoothing / classes +
                        (1 - smoothing) * (mix->lambda * (i == own) + (1 - mix->lambda) * (i == other)));
}
