/* Random erasing. */
#include "tec/erase.h"

#include "tec/philox.h"

#include <math.h>
#include <stddef.h>

#define TRIES 10
#define LEAST_AREA 0.02
#define MOST_AREA (1.0 / 3)
#define LEAST_RATIO 0.3

static bool draw_rectangle(tec_philox *p, double probability, tec_size size, tec_rectangle *out)
{
    if (tec_philox_uniform(p) >= probability)
        return false;
    for (int i = 0; i < TRIES; i++) {
        double area = (LEAST_AREA + (MOST_AREA - LEAST_AREA) * tec_philox_uniform(p)) * size.height * size.width;
        double ratio = exp(log(LEAST_RATIO) * (1 - 2 * tec_philox_uniform(p)));
        int height = (int)rint(sqrt(area * ratio)), width = (int)rint(sqrt(area / ratio));
        if (height >= size.height || width >= size.width)
            continue;
        *out = (tec_rectangle){.height = height, .width = width};
        out->top = (int)tec_philox_below(p, (uint32_t)(size.height - height + 1));
        out->left = (int)tec_philox_below(p, (uint32_t)(size.width - width + 1));
        return true;
    }
    return false;
}

static tec_philox start(uint64_t seed, int64_t image, int view)
{
    return tec_philox_start(seed, TEC_STREAM_ERASE, (uint64_t)image, (uint32_t)view, 0);
}

bool tec_erase_draw(double probability, uint64_t seed, int64_t image, int view, tec_size size, tec_rectangle *out)
{
    tec_philox p = start(seed, image, view);
    return draw_rectangle(&p, probability, size, out);
}

void tec_erase_apply(double probability, uint64_t seed, int64_t image, int view, tec_size size, int channels, real *x)
{
    tec_rectangle box;
    tec_philox p = start(seed, image, view);
    if (!draw_rectangle(&p, probability, size, &box))
        return;
    for (int c = 0; c < channels; c++)
        for (int row = box.top; row < box.top + box.height; row++) {
            real *out = x + ((size_t)c * (size_t)size.height + (size_t)row) * (size_t)size.width + box.left;
            for (int i = 0; i < box.width; i++)
                out[i] = (real)tec_philox_normal(&p);
        }
}
