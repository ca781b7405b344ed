/* Module report, private. The first three principal components of rows of numbers, as red, green and blue. */
#ifndef TEC_REPORT_PCA_H
#define TEC_REPORT_PCA_H

#include "tec/real.h"

#include <stdint.h>

typedef struct pca {
    int width;
    double *mean;      /* [D] */
    double *component; /* [3, D] of length 1, the one with the most variance first; zero where there is none */
    double low[3],
        high[3]; /* the projections that become 0 and 255: those that 2 % and 98 % of the rows do not exceed */
} pca;

/*   rows  [n, D]  n >= 1 */
pca tec_pca_fit(const real *rows, int n, int D);
void tec_pca_free(pca *p);

/*   row  [D] */
void tec_pca_colour(const pca *p, const real *row, uint8_t rgb[3]);

#endif
