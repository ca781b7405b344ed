/* Relative errors of what a replay computed, collected into a result. */
#ifndef TEC_TRAIN_REPLAY_COMPARE_H
#define TEC_TRAIN_REPLAY_COMPARE_H

#include "tec/fixture.h"
#include "tec/params.h"
#include "tec/replay.h"

/* Adds a figure and returns it; its error is -1, so that the first comparison counts. */
tec_replay_figure *tec_replay_add_figure(tec_replay_result *result, const char *name, double limit);

/* Keeps the worst: |got - want| / |want - origin| over n numbers (origin NULL: 0), skipping [skip.begin, skip.end). A
 * want that is all zero is compared absolutely. */
typedef struct replay_span {
    size_t begin, end;
} replay_span;
void tec_replay_compare(tec_replay_figure *figure, const char *where, const real *got, const real *want,
                        const real *origin, size_t n, replay_span skip);
void tec_replay_compare_scalar(tec_replay_figure *figure, double got, double want);

/* params->grad of every trained tensor with expected/grad/NAME; one that is not there must have no gradient.
 * TEC_USER_ERROR: expected/grad is missing. */
tec_status tec_replay_compare_gradient(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params);

/* The change of params->weight since `start` (laid out alike) with that to expected/adamw/weights/NAME, for every
 * tensor with a gradient. The key rows of attn.qkv.bias and decoder_qk.bias are left out: a softmax does not see them,
 * so that their true gradient is zero and Adam makes steps of lr from rounding. TEC_USER_ERROR: a tensor is missing. */
tec_status tec_replay_compare_change(tec_replay_figure *figure, const tec_fixture *fixture, const tec_params *params,
                                     const real *start);

#endif
