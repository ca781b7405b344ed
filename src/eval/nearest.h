/* Module eval, private. Which of many rows may be among the k of largest similarity, when a similarity is only known to
 * within an error. Local; one thread per selection. */
#ifndef TEC_NEAREST_H
#define TEC_NEAREST_H

#include "tec/real.h"

#include <stdint.h>

typedef struct tec_candidate {
    real similarity;
    int64_t row;
} tec_candidate;

typedef struct tec_nearest {
    int k;
    real margin; /* twice the largest error of a similarity */
    real *best;  /* [k], a heap: the smallest of the k largest similarities so far on top */
    int best_count;
    tec_candidate *item; /* [count] rows that may be among the k nearest */
    int64_t count, capacity;
} tec_nearest;

void tec_nearest_open(tec_nearest *n, int k, real margin);
void tec_nearest_close(tec_nearest *n);
void tec_nearest_clear(tec_nearest *n);

/* Rows first, first + 1, ... with these similarities. */
void tec_nearest_add(tec_nearest *n, const real *similarity, int64_t first, int count);

/* Leaves only the final candidates in item: every row within the margin of the k-th best. At least k if so many were
 * added. */
void tec_nearest_finish(tec_nearest *n);

#endif
