/* Module replay, private. Relative errors of what a replay computed, collected in a result. */
#ifndef TEC_REPLAY_COMPARE_H
#define TEC_REPLAY_COMPARE_H

#include "tec/fixture.h"
#include "tec/params.h"
#include "tec/replay.h"

/* Adds a figure and returns it; its error is -1, so that the first comparison counts. */
tec_replay_figure *tec_replay_add_figure(tec_replay_result *result, const char *name, double limit);

/* Numbers that are not compared: [begin, end). */
typedef struct replay_span {
    size_t begin, end;
} replay_span;

/* Keeps the worst of the errors |got - want| / |want - origin|, absolute where want - origin is all zero.
 *
 *   got, want, origin  [n]  origin NULL: 0 */
void tec_replay_compare(tec_replay_figure *figure, const char *where, const real *got, const real *want,
                        const real *origin, size_t n, replay_span skip);
void tec_replay_compare_scalar(tec_replay_figure *figure, double got, double want);

/* Compares params->grad of every trained tensor with expected/grad/NAME; without one the gradient must be zero.
 * TEC_USER_ERROR: expected/grad is missing. */
tec_status tec_replay_compare_gradient(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params);

/* Compares the change of params->weight since `start` (a copy of all of it) with the change to
 * expected/adamw/weights/NAME, for every tensor with a gradient. The key rows of attn.qkv.bias and decoder_qk.bias are
 * skipped: softmax does not depend on them, so that their true gradient is zero, and Adam turns rounding errors into
 * steps of size lr. TEC_USER_ERROR: a tensor is missing. */
tec_status tec_replay_compare_change(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params,
                                     const real *start);

#endif
