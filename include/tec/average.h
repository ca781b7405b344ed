/* Module optim, public. A running mean of weights in training (EMA), as timm's ModelEmaV2 keeps it. Local. */
#ifndef TEC_AVERAGE_H
#define TEC_AVERAGE_H

#include "tec/real.h"

#include <stddef.h>

/* average = decay average + (1 - decay) weight. The same bits for any number of threads and on any processor.
 *
 *   average, weight  [count] */
void tec_average_update(real *average, const real *weight, size_t count, double decay);

/* Exchanges the two. */
void tec_average_swap(real *average, real *weight, size_t count);

#endif
