/* Replays a frozen model's targets. */
#include "targets.h"

#include "compare.h"

#include "tec/checkpoint.h"
#include "tec/frozen.h"
#include "tec/memory.h"
#include "tec/ops.h"

#include <stdlib.h>

typedef struct targets {
    real *feature;   /* [B, L, D] */
    real *attention; /* [B, 1 + K, H, L] */
    int *topk;       /* [B, K] */
} targets;

static tec_status compare_reals(const tec_fixture *f, const char *name, const char *dataset, const real *got,
                                size_t count, tec_replay_result *result)
{
    real *want;
    TEC_TRY(tec_fixture_reals(f, dataset, count, &want));
    tec_replay_compare(tec_replay_add_figure(result, name, 1), "", got, want, count);
    free(want);
    return TEC_OK;
}

static tec_status compare_topk(const tec_fixture *f, const int *got, size_t count, tec_replay_result *result)
{
    int *want, different = 0;
    TEC_TRY(tec_fixture_ints(f, "expected/topk", count, &want));
    for (size_t i = 0; i < count; i++)
        different += want[i] != got[i];
    tec_replay_compare_scalar(tec_replay_add_figure(result, "topk", 1), different, 0);
    free(want);
    return TEC_OK;
}

static tec_status compare(const tec_fixture *f, const tec_model_config *c, const replay_inputs *in, targets *got,
                          tec_replay_result *result)
{
    size_t B = (size_t)in->B, L = (size_t)tec_model_patches(c), D = (size_t)c->width, H = (size_t)c->heads,
           K = (size_t)in->K;
    TEC_TRY(compare_reals(f, "feature", "expected/feature", got->feature, B * L * D, result));
    for (size_t b = 0; b < B; b++)
        tec_standardize_patches(got->feature + b * L * D, (int)L, (int)D, got->feature + b * L * D);
    TEC_TRY(compare_reals(f, "feature_normalized", "expected/feature_normalized", got->feature, B * L * D, result));
    TEC_TRY(compare_reals(f, "attention", "expected/attention", got->attention, B * (1 + K) * H * L, result));
    return compare_topk(f, got->topk, B * K, result);
}

tec_status tec_replay_targets(const tec_fixture *f, const tec_model_config *c, const replay_inputs *in,
                              tec_replay_result *result)
{
    tec_frozen *frozen;
    size_t B = (size_t)in->B, L = (size_t)tec_model_patches(c), D = (size_t)c->width, H = (size_t)c->heads,
           K = (size_t)in->K;
    TEC_TRY(tec_frozen_create(&frozen, c, in->B));
    targets got = {.feature = tec_allocate(B * L * D * sizeof(real)),
                   .attention = tec_allocate(B * (1 + K) * H * L * sizeof(real)),
                   .topk = tec_allocate(B * K * sizeof(int))};
    tec_status status = tec_checkpoint_read_weights(tec_fixture_path(f), tec_frozen_params(frozen));
    if (status == TEC_OK) {
        tec_frozen_ready(frozen);
        tec_frozen_targets(frozen, in->images, in->B, in->last_layers, in->K, got.feature, got.attention, got.topk);
        status = compare(f, c, in, &got, result);
    }
    free(got.topk);
    free(got.attention);
    free(got.feature);
    tec_frozen_close(frozen);
    return status;
}
