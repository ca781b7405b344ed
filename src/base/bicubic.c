/* Weights of resampling, to the bit those of Pillow. */
#include "tec/bicubic.h"

#include "tec/minmax.h"
#include "tec/text.h"

#include <math.h>

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double triangle(double x)
{
    return tec_max_double(1 - fabs(x), 0);
}

static double sinc(double x)
{
    const double pi = 3.14159265358979323846;
    return x == 0 ? 1 : sin(x * pi) / (x * pi);
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

/* By tec_filter. */
static const struct {
    double support;
    double (*value)(double x);
} filters[] = {
    [TEC_FILTER_AUTO] = {2, cubic},
    [TEC_FILTER_BICUBIC] = {2, cubic},
    [TEC_FILTER_BILINEAR] = {1, triangle},
    [TEC_FILTER_LANCZOS] = {3, lanczos},
};

const char *tec_filter_name(tec_filter filter)
{
    static const char *const names[] = {TEC_FILTER_LIST(TEC_COMMA)};
    return names[filter];
}

int tec_filter_taps(tec_filter filter, int in, int64_t out)
{
    double ratio = (double)in / (double)out;
    double taps = ceil(filters[filter].support * tec_max_double(ratio, 1)) * 2 + 1;
    return taps < in ? (int)taps : in;
}

/* Every operation in Pillow's order: a difference in the last bit could change a weight of the 8-bit resize. */
int tec_filter_window(tec_filter filter, int in, int64_t out, int64_t index, int *first, double *weight)
{
    double scale = (double)in / (double)out, stretch = tec_max_double(scale, 1);
    double support = filters[filter].support * stretch, squeeze = 1 / stretch;
    double center = ((double)index + 0.5) * scale, sum = 0;
    int begin = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
    begin = tec_max_int(begin, 0);
    end = tec_min_int(end, in);
    for (int k = 0; k < end - begin; k++)
        sum += weight[k] = filters[filter].value((k + begin - center + 0.5) * squeeze);
    for (int k = 0; k < end - begin; k++)
        weight[k] = sum != 0 ? weight[k] / sum : weight[k];
    *first = begin;
    return end - begin;
}
