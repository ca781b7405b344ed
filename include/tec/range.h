/* Module base, public. Contiguous ranges of items, and an even division of work into them. Local. */
#ifndef TEC_RANGE_H
#define TEC_RANGE_H

#include <stdint.h>

typedef struct tec_range {
    int64_t first, count;
} tec_range;

/* The share of part `part` (0 .. parts - 1) of `total` items. The shares are contiguous, in order, and their sizes
 * differ by at most one. */
tec_range tec_share(int64_t total, int part, int parts);

#endif
