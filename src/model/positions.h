/* Module model, private. Positions that are computed: fixed two-dimensional sin-cos embeddings (MAE, arXiv 2111.06377),
 * and the angles of rotary ones. */
#ifndef TEC_MODEL_POSITIONS_H
#define TEC_MODEL_POSITIONS_H

#include "tec/model_config.h"
#include "tec/real.h"
#include "tec/size.h"

/* Row 0, the class token's, is zero. The first half of every other row encodes the patch's column in the grid, the
 * second half its row.
 *
 *   out  [1 + grid.height * grid.width, width]  width a multiple of 4 */
void tec_positions_fill(tec_size grid, int width, real *out);

/* Rows of the table of a relative position bias: for how far a patch may be from another one, down and to the right, and
 * three for the class token (BEiT, arXiv 2106.08254). */
int tec_relative_rows(tec_size grid);

/* Which of them is for a query and a key; token 0 is the class token.
 *
 *   out  [1 + L, 1 + L] */
void tec_relative_fill_index(tec_size grid, int *out);

/* The periods of the rotary positions of a variant, in the unit of its places (tec_rotary_form).
 *
 *   out  [D / H / 4] */
void tec_rotary_fill_periods(const tec_model_config *config, real *out);

/* Cosine and sine of the angles by which the patches' queries and keys are turned.
 *
 *   period        [D / H / 4]
 *   cosine, sine  [L, D / H / 2]  half of a row by the row of the patch, half by its column (tec_rotary_form) */
void tec_rotary_fill_angles(const tec_model_config *config, const real *period, real *cosine, real *sine);

/* Likewise those of block number `block` of a model of the form MIXED (RoPE-ViT, arXiv 2403.13298, section 3.2), in which
 * an angle is the patch's column times one frequency and its row times another.
 *
 *   frequency     [2, depth, H, D / H / 2]  by the column, then by the row
 *   cosine, sine  [L, H, D / H / 2] */
void tec_rotary_fill_mixed(const tec_model_config *config, const real *frequency, int block, real *cosine, real *sine);

#endif
