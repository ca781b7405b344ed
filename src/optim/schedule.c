/* Warm-up and cosine. */
#include "tec/schedule.h"

#include <math.h>

double tec_schedule_cosine(double epoch, double epochs, double warmup, double lr, double min_lr)
{
    if (epoch < warmup)
        return lr * epoch / warmup;
    if (epochs <= warmup)
        return lr;
    return min_lr + (lr - min_lr) * 0.5 * (1 + cos(M_PI * (epoch - warmup) / (epochs - warmup)));
}
