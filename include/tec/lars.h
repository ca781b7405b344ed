/* Module optim, public. LARS (You, Gitman, Ginsburg, arXiv 1708.03888: Large batch training of convolutional networks),
 * in the form of MAE's linear probe. Local. */
#ifndef TEC_LARS_H
#define TEC_LARS_H

#include "tec/real.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tec_lars_settings {
    double lr, momentum, weight_decay, trust; /* trust coefficient: usually 0.001 */
} tec_lars_settings;

/* One step on one tensor; the same bits on every rank for the same input. With `matrix` (more than one dimension)
 *
 *   d       = grad + weight_decay * weight
 *   u       = trust * |weight| / |d| * d, or d where one of the norms is 0
 *   moment  = momentum * moment + u
 *   weight -= lr * moment
 *
 * and without it u = grad.
 *
 *   weight, moment  [count]  updated
 *   grad            [count] */
void tec_lars_step(const tec_lars_settings *settings, bool matrix, size_t count, real *weight, const real *grad,
                   real *moment);

#endif
