/* Fixed two-dimensional sin-cos position embeddings (MAE, arXiv 2111.06377). */
#ifndef TEC_MODEL_POSITIONS_H
#define TEC_MODEL_POSITIONS_H

#include "tec/real.h"

/* out [1 + grid * grid, width]: row 0 (class token) zero; the first half of a row encodes the column, the second the
 * row. */
void tec_positions_fill(int grid, int width, real *out);

#endif
