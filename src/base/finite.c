/* Numbers that are none. */
#include "tec/finite.h"

#include <math.h>

int64_t tec_finite_find_other(const real *value, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(value[i]))
            return i;
    return -1;
}
