/* Axes: ticks at round numbers, and their labels. */
#include "chart.h"

#include "tec/minmax.h"

#include <math.h>
#include <string.h>

/* The least of 1, 2, 5 times a power of ten that is not below `step`. */
static double round_up(double step)
{
    double power = pow(10, floor(log10(step))), times = step / power;
    return power * (times <= 1 + 1e-9 ? 1 : times <= 2 + 1e-9 ? 2 : times <= 5 + 1e-9 ? 5 : 10);
}

axis tec_axis_fit(double low, double high, int ticks, bool whole)
{
    if (!(high > low)) {
        double around = low == 0 ? 1 : 0.1 * fabs(low);
        high = low + around;
        low = low >= 0 ? tec_max_double(0, low - around) : low - around;
    }
    double step = round_up((high - low) / ticks);
    if (whole)
        step = tec_max_double(step, 1);
    return (axis){.low = step * floor(low / step + 1e-9), .high = step * ceil(high / step - 1e-9), .step = step};
}

void tec_axis_shorten(char *text)
{
    char *e = strchr(text, 'e'), *digit;
    if (!e)
        return;
    char *to = e + 1;
    if (*to == '-')
        to++;
    for (digit = to; *digit == '0' || *digit == '+'; digit++)
        continue;
    memmove(to, digit, strlen(digit) + 1);
}

char *tec_axis_label(const axis *a, double value, char *text, size_t size)
{
    double most = tec_max_double(fabs(a->low), fabs(a->high));
    if (fabs(value) < a->step * 1e-6)
        snprintf(text, size, "0");
    else if (most >= 1e7)
        snprintf(text, size, "%.6gM", value / 1e6);
    else if (most >= 1e4)
        snprintf(text, size, "%.6gk", value / 1e3);
    else
        snprintf(text, size, "%.6g", value);
    tec_axis_shorten(text);
    return text;
}
