/* Module replay, private. Fixtures of kind "targets": the targets that a frozen model yields for a few images. */
#ifndef TEC_REPLAY_TARGETS_H
#define TEC_REPLAY_TARGETS_H

#include "inputs.h"

#include "tec/replay.h"

/* Adds the figures feature, feature_normalized, attention and topk (how many indices differ). */
tec_status tec_replay_targets(const tec_fixture *fixture, const tec_model_config *config, const replay_inputs *in,
                              tec_replay_result *result);

#endif
