/* Module base, public. Numbers that are none. Local and pure. */
#ifndef TEC_FINITE_H
#define TEC_FINITE_H

#include "tec/real.h"

#include <stdint.h>

/* The first of `count` numbers that is infinite or none (NaN); -1: all are finite. */
int64_t tec_finite_find_other(const real *value, int64_t count);

#endif
