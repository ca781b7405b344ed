/* Module eval, private. Selects the rows that may be among the k most similar, when similarities are known only up to
 * an error. Local; one thread per selection. */
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
    real *best;  /* [k] the largest similarities so far, a heap with the smallest of them on top */
    int best_count;
    tec_candidate *item; /* [count] rows that may be among the k nearest */
    int64_t count, capacity;
} tec_nearest;

/* The margin for similarities of unit vectors of `width` numbers that a matrix product has computed. */
real tec_nearest_margin(int width);

/* The exact similarity of two of them: eight partial sums in double, with the same bits for the same rows, wherever they
 * are.
 *
 *   a, b  [width] */
double tec_nearest_product(const real *a, const real *b, int width);

/* Compares two rows for sorting, as qsort wants it: the more similar first, of equal ones the one of the lower number. */
int tec_nearest_order(double similarity, int64_t row, double other_similarity, int64_t other_row);

void tec_nearest_open(tec_nearest *n, int k, real margin);
void tec_nearest_close(tec_nearest *n);
void tec_nearest_clear(tec_nearest *n);

/* Adds rows first .. first + count - 1 with similarity[count]. */
void tec_nearest_add(tec_nearest *n, const real *similarity, int64_t first, int count);

/* Reduces item to the final candidates: all rows within the margin of the k-th best. There are at least k of them if so
 * many rows were added. */
void tec_nearest_finish(tec_nearest *n);

#endif
