/* Drawing the alterations of RandAugment and of colour jitter, and carrying them out. */
#include "tec/rand_augment.h"

#include "tec/philox.h"

#include <math.h>

/* What a magnitude, as a share of the greatest, means to an alteration; `sign` is -1 or 1. The least that happens to
 * colours is still something, as in timm: 4 bits are kept, say. */
static double of_rotate(double share, int sign, tec_size size)
{
    (void)size;
    return sign * share * 30;
}

static double of_posterize(double share, int sign, tec_size size)
{
    (void)sign, (void)size;
    return 4 - floor(share * 4);
}

static double of_solarize(double share, int sign, tec_size size)
{
    (void)sign, (void)size;
    return 256 - floor(share * 256);
}

static double of_solarize_add(double share, int sign, tec_size size)
{
    (void)sign, (void)size;
    return floor(share * 110);
}

static double of_enhance(double share, int sign, tec_size size)
{
    (void)size;
    return 1 + sign * share * 0.9;
}

static double of_shear(double share, int sign, tec_size size)
{
    (void)size;
    return sign * share * 0.3;
}

static double of_translate_x(double share, int sign, tec_size size)
{
    return sign * share * 0.45 * size.width;
}

static double of_translate_y(double share, int sign, tec_size size)
{
    return sign * share * 0.45 * size.height;
}

static double (*const argument_of[TEC_ALTERATIONS])(double share, int sign, tec_size size) = {
    [TEC_ALTER_ROTATE] = of_rotate,           [TEC_ALTER_POSTERIZE] = of_posterize,
    [TEC_ALTER_SOLARIZE] = of_solarize,       [TEC_ALTER_SOLARIZE_ADD] = of_solarize_add,
    [TEC_ALTER_COLOR] = of_enhance,           [TEC_ALTER_CONTRAST] = of_enhance,
    [TEC_ALTER_BRIGHTNESS] = of_enhance,      [TEC_ALTER_SHARPNESS] = of_enhance,
    [TEC_ALTER_SHEAR_X] = of_shear,           [TEC_ALTER_SHEAR_Y] = of_shear,
    [TEC_ALTER_TRANSLATE_X] = of_translate_x, [TEC_ALTER_TRANSLATE_Y] = of_translate_y,
};

int tec_rand_augment_draw(const tec_rand_augment *how, uint64_t seed, int64_t image, int view, tec_size size,
                          tec_alter_step *steps)
{
    tec_philox p = tec_philox_start(seed, TEC_STREAM_AUGMENT, (uint64_t)image, (uint32_t)view, 0);
    int count = 0;
    for (int layer = 0; layer < how->layers; layer++) {
        tec_alteration what = (tec_alteration)tec_philox_below(&p, TEC_ALTERATIONS);
        if (tec_philox_uniform(&p) >= how->probability)
            continue;
        double magnitude = how->magnitude + how->std * tec_philox_normal(&p);
        int sign = tec_philox_uniform(&p) < 0.5 ? -1 : 1;
        double share = fmax(0, fmin(magnitude, 10)) / 10;
        steps[count++] = (tec_alter_step){what, argument_of[what] ? argument_of[what](share, sign, size) : 0};
    }
    return count;
}

static void carry_out(tec_image *picture, const tec_alter_step *steps, int count, const uint8_t *fill)
{
    for (int i = 0; i < count; i++)
        tec_picture_alter(picture, steps[i].what, steps[i].argument, fill);
}

void tec_rand_augment_apply(const tec_rand_augment *how, uint64_t seed, int64_t image, int view, const double *mean,
                            tec_image *picture)
{
    tec_alter_step steps[TEC_RAND_AUGMENT_LAYERS];
    uint8_t fill[3] = {0};
    for (int c = 0; c < picture->channels; c++)
        fill[c] = (uint8_t)fmax(0, fmin(255, rint(255 * mean[c])));
    const tec_size size = {picture->height, picture->width};
    int count = tec_rand_augment_draw(how, seed, image, view, size, steps);
    carry_out(picture, steps, count, fill);
}

int tec_color_jitter_draw(double strength, uint64_t seed, int64_t image, int view, tec_alter_step *steps)
{
    static const tec_alteration kinds[3] = {TEC_ALTER_BRIGHTNESS, TEC_ALTER_CONTRAST, TEC_ALTER_COLOR};
    tec_philox p = tec_philox_start(seed, TEC_STREAM_JITTER, (uint64_t)image, (uint32_t)view, 0);
    int64_t order[3];
    tec_philox_permutation(&p, 3, order);
    double least = fmax(0, 1 - strength);
    for (int i = 0; i < 3; i++)
        steps[i] = (tec_alter_step){kinds[order[i]], least + (1 + strength - least) * tec_philox_uniform(&p)};
    return 3;
}

void tec_color_jitter_apply(double strength, uint64_t seed, int64_t image, int view, tec_image *picture)
{
    tec_alter_step steps[3];
    int count = tec_color_jitter_draw(strength, seed, image, view, steps);
    carry_out(picture, steps, count, NULL);
}
