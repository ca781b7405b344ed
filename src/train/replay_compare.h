/* Relative errors of what a replay computed, collected into a result. */
#ifndef TEC_TRAIN_REPLAY_COMPARE_H
#define TEC_TRAIN_REPLAY_COMPARE_H

#include "tec/fixture.h"
#include "tec/params.h"
#include "tec/replay.h"

/* Adds a figure and returns it; its error is -1, so that the first comparison counts. */
tec_replay_figure *replay_figure(tec_replay_result *result, const char *name, double limit);

/* Keeps the worst: |got - want| / |want - origin| over n numbers (origin NULL: 0), skipping [skip, skip_end). A want
 * that is all zero is compared absolutely. */
typedef struct replay_span {
    size_t begin, end;
} replay_span;
void replay_compare(tec_replay_figure *figure, const char *where, const real *got, const real *want, const real *origin,
                    size_t n, replay_span skip);
void replay_compare_scalar(tec_replay_figure *figure, double got, double want);

/* Every trained tensor that the fixture has under GROUP/NAME: `got` is a flat buffer laid out like params->weight,
 * `origin` another one or NULL. skip_key_bias leaves the key rows of attn.qkv.bias and decoder_qk.bias out: a softmax
 * does not see them, so that their true gradient is zero. */
tec_status replay_compare_tensors(tec_replay_figure *figure, const tec_fixture *fixture, const char *group,
                                  const tec_params *params, const real *got, const real *origin, int skip_key_bias);

#endif
