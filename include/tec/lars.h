/* LARS (You, Gitman, Ginsburg: Large batch training of convolutional networks), in the form of MAE's linear probe. */
#ifndef TEC_LARS_H
#define TEC_LARS_H

#include "tec/real.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tec_lars_settings {
    double lr, momentum, weight_decay, trust; /* 0.001 is the usual trust coefficient */
} tec_lars_settings;

/* One step on one tensor. Local; the same bits on every rank for the same input.
 *   weight, moment [count] updated     grad [count]
 * `matrix` (more than one dimension): u = grad + weight_decay * weight, scaled by trust * |weight| / |u| unless one of
 * the norms is 0. Otherwise u = grad. Then moment = momentum * moment + u, weight -= lr * moment. */
void tec_lars_step(const tec_lars_settings *settings, bool matrix, size_t count, real *weight, const real *grad,
                   real *moment);

#endif
