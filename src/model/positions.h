/* Module model, private. Fixed two-dimensional sin-cos position embeddings (MAE, arXiv 2111.06377). */
#ifndef TEC_MODEL_POSITIONS_H
#define TEC_MODEL_POSITIONS_H

#include "tec/real.h"
#include "tec/size.h"

/* Row 0, the class token's, is zero. The first half of every other row encodes the patch's column in the grid, the
 * second half its row.
 *
 *   out  [1 + grid.height * grid.width, width]  width a multiple of 4 */
void tec_positions_fill(tec_size grid, int width, real *out);

#endif
