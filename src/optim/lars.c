/* One step of LARS. */
#include "tec/lars.h"

#include <math.h>

void tec_lars_step(const tec_lars_settings *settings, bool matrix, size_t count, real *weight, const real *grad,
                   real *moment)
{
    double decay = matrix ? settings->weight_decay : 0, scale = 1;
    if (matrix) {
        double weight_square = 0, update_square = 0;
        for (size_t i = 0; i < count; i++) {
            double update = grad[i] + decay * weight[i];
            weight_square += (double)weight[i] * weight[i];
            update_square += update * update;
        }
        if (weight_square > 0 && update_square > 0)
            scale = settings->trust * sqrt(weight_square) / sqrt(update_square);
    }
    for (size_t i = 0; i < count; i++) {
        moment[i] = (real)(settings->momentum * moment[i] + scale * (grad[i] + decay * weight[i]));
        weight[i] = (real)(weight[i] - settings->lr * moment[i]);
    }
}
