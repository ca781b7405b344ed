/* Consecutive items, and how a number of them is shared out. Local. */
#ifndef TEC_RANGE_H
#define TEC_RANGE_H

#include <stdint.h>

/* The contiguous share of `total` items of `part` among `parts`: sizes differ by at most one. */
typedef struct tec_range {
    int64_t first, count;
} tec_range;
tec_range tec_share(int64_t total, int part, int parts);

#endif
