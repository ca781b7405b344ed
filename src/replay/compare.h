/* Module replay, private. Relative errors of what a replay computed, collected in a result. */
#ifndef TEC_REPLAY_COMPARE_H
#define TEC_REPLAY_COMPARE_H

#include "tec/fixture.h"
#include "tec/params.h"
#include "tec/replay.h"

/* Adds a figure and returns it; its error is -1, so that the first comparison counts. */
tec_replay_figure *tec_replay_add_figure(tec_replay_result *result, const char *name, double limit);

/* Keeps the worst of the errors |got - want| / |want|, absolute where want is all zero.
 *
 *   got, want  [n] */
void tec_replay_compare(tec_replay_figure *figure, const char *where, const real *got, const real *want, size_t n);
void tec_replay_compare_scalar(tec_replay_figure *figure, double got, double want);

/* Compares params->grad of every trained tensor with expected/grad/NAME; without one the gradient must be zero.
 * TEC_USER_ERROR: expected/grad is missing. */
tec_status tec_replay_compare_gradient(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params);

/* Compares the change of params->weight since `start` (a copy of all of it), in `steps` steps, with the change to
 * expected/adamw/weights/NAME, for every tensor with a gradient. Of each number's difference that much is left out which
 * rounding explains: with layer-wise decay the first of many layers move by less than a hundred units in the last place
 * of a norm's weight, and the fixture has float32. The key rows of attn.qkv.bias and decoder_qk.bias are
 * skipped: softmax does not depend on them, so that their true gradient is zero, and Adam turns rounding errors into
 * steps of size lr. TEC_USER_ERROR: a tensor is missing. */
tec_status tec_replay_compare_change(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params,
                                     const real *start, int steps);

#endif
