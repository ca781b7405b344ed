#include "tec/replay.h"

#include "replay_compare.h"

#include "tec/adamw.h"
#include "tec/checkpoint.h"
#include "tec/frozen.h"
#include "tec/model.h"
#include "tec/ops.h"

#include <stdlib.h>
#include <string.h>

/* The weights' change under AdamW against rounding: see tec/replay.h. */
static const double ADAMW_LIMIT = 50;

/* A fixture's inputs in memory. */
typedef struct inputs {
    int B, K, keep;
    real *images, *feature, *attention;
    int *shuffle, *topk;
    tec_example *example;
} inputs;

static void inputs_free(inputs *in)
{
    free(in->images);
    free(in->feature);
    free(in->attention);
    free(in->shuffle);
    free(in->topk);
    free(in->example);
}

static tec_status check_indices(const char *path, const char *name, const int *index, int rows, int n, int L)
{
    char *seen = tec_allocate_zeroed(L, 1);
    tec_status status = TEC_OK;
    for (int r = 0; r < rows && status == TEC_OK; r++) {
        memset(seen, 0, L);
        for (int i = 0; i < n && status == TEC_OK; i++) {
            int l = index[(size_t)r * n + i];
            if (l < 0 || l >= L || seen[l]++)
                status = tec_fail(TEC_USER_ERROR, "%s: %s of image %d names patch %d twice, or it is not below %d",
                                  path, name, r, l, L);
        }
    }
    free(seen);
    return status;
}

static tec_status read_targets(const tec_fixture *f, const char *path, const tec_model_config *c, inputs *in)
{
    size_t L = tec_model_patches(c), C = c->base_width, B = in->B;
    TEC_TRY(tec_fixture_dimension(f, "inputs/topk", 1, &in->K));
    TEC_TRY(tec_fixture_ints(f, "inputs/topk", B * in->K, &in->topk));
    TEC_TRY(check_indices(path, "inputs/topk", in->topk, in->B, in->K, (int)L));
    TEC_TRY(tec_fixture_reals(f, "inputs/feature", B * L * C, &in->feature));
    for (size_t b = 0; b < B; b++)
        tec_standardize_patches(in->feature + b * L * C, (int)L, (int)C, in->feature + b * L * C);
    return tec_fixture_reals(f, "inputs/attention", B * (1 + in->K) * c->base_heads * L, &in->attention);
}

static tec_status read_inputs(const tec_fixture *f, const char *path, const tec_model_config *c, inputs *in)
{
    size_t L = tec_model_patches(c), pixels = (size_t)c->channels * c->image_size * c->image_size;
    double keep;
    TEC_TRY(tec_fixture_dimension(f, "inputs/images", 0, &in->B));
    if (in->B < 1)
        return tec_fail(TEC_USER_ERROR, "%s: inputs/images holds no image", path);
    TEC_TRY(tec_fixture_reals(f, "inputs/images", in->B * pixels, &in->images));
    if (c->kind == TEC_MODEL_VIT)
        return TEC_OK;
    TEC_TRY(tec_fixture_attribute(f, "inputs", "keep", &keep));
    in->keep = (int)keep;
    TEC_TRY(tec_fixture_ints(f, "inputs/ids_shuffle", in->B * L, &in->shuffle));
    TEC_TRY(check_indices(path, "inputs/ids_shuffle", in->shuffle, in->B, (int)L, (int)L));
    if (c->kind == TEC_MODEL_TEC)
        TEC_TRY(read_targets(f, path, c, in));
    in->example = tec_allocate_zeroed(in->B, sizeof *in->example);
    for (size_t b = 0; b < (size_t)in->B; b++) {
        in->example[b].image = in->images + b * pixels;
        in->example[b].shuffle = in->shuffle + b * L;
        if (c->kind == TEC_MODEL_TEC) {
            in->example[b].feature = in->feature + b * L * c->base_width;
            in->example[b].attention = in->attention + b * (1 + in->K) * c->base_heads * L;
            in->example[b].topk = in->topk + b * in->K;
        }
    }
    return TEC_OK;
}

static const double BOTH[TEC_MAX_LOSSES] = {1, 1};

static tec_status compare_losses(const tec_fixture *f, tec_model *model, const double *loss, tec_replay_result *result)
{
    const char *const *name = tec_model_loss_names(model);
    for (int i = 0; name[i]; i++) {
        char dataset[64] = "expected/";
        double want;
        TEC_TRY(tec_fixture_double(f, strcat(dataset, name[i]), &want));
        replay_compare_scalar(replay_figure(result, name[i], 1), loss[i], want);
    }
    return TEC_OK;
}

static double total_loss(tec_model *model, const inputs *in)
{
    double loss[TEC_MAX_LOSSES] = {0};
    tec_model_forward(model, in->example, in->B, BOTH, 1.0 / in->B, loss);
    return loss[0] + loss[1];
}

typedef struct adamw_case {
    double steps, lr, beta1, beta2, decay;
} adamw_case;

static tec_status read_adamw(const tec_fixture *f, const char *path, adamw_case *c)
{
    const char *group = "expected/adamw";
    TEC_TRY(tec_fixture_attribute(f, group, "steps", &c->steps));
    TEC_TRY(tec_fixture_attribute(f, group, "lr", &c->lr));
    TEC_TRY(tec_fixture_attribute(f, group, "beta1", &c->beta1));
    TEC_TRY(tec_fixture_attribute(f, group, "beta2", &c->beta2));
    TEC_TRY(tec_fixture_attribute(f, group, "weight_decay", &c->decay));
    if (!(c->steps >= 0 && c->steps < 10000))
        return tec_fail(TEC_USER_ERROR, "%s: expected/adamw: %g steps cannot be replayed; 0 to 9999 can", path,
                        c->steps);
    return TEC_OK;
}

/* `loss` [steps + 1] before each step and after the last; the gradient of the first step is there already. */
static void take_steps(tec_model *model, const inputs *in, const adamw_case *c, const real *want,
                       tec_replay_figure *figure)
{
    tec_adamw adamw;
    tec_params *params = tec_model_params(model);
    tec_adamw_create(&adamw, params, c->beta1, c->beta2, c->decay);
    memset(params->grad, 0, params->trained * sizeof(real));
    for (int step = 0; step < (int)c->steps; step++) {
        replay_compare_scalar(figure, total_loss(model, in), want[step]);
        tec_model_backward(model);
        tec_adamw_step(&adamw, params, c->lr, 1);
    }
    replay_compare_scalar(figure, total_loss(model, in), want[(int)c->steps]);
    tec_adamw_free(&adamw);
}

static tec_status replay_adamw(const tec_fixture *f, const char *path, tec_model *model, const inputs *in,
                               tec_replay_result *result)
{
    const tec_params *params = tec_model_params(model);
    adamw_case c;
    real *want;
    TEC_TRY(read_adamw(f, path, &c));
    TEC_TRY(tec_fixture_reals(f, "expected/adamw/loss", (size_t)c.steps + 1, &want));
    real *start = tec_allocate(params->total * sizeof *start);
    memcpy(start, params->weight, params->total * sizeof *start);
    take_steps(model, in, &c, want, replay_figure(result, "adamw_loss", 1));
    tec_status status = replay_compare_tensors(replay_figure(result, "adamw_weights", ADAMW_LIMIT), f,
                                               "expected/adamw/weights", params, params->weight, start, 1);
    free(start);
    free(want);
    return status;
}

static tec_status replay_model(const tec_fixture *f, const char *path, const tec_model_config *config, const inputs *in,
                               tec_replay_result *result)
{
    tec_model *model = NULL;
    double loss[TEC_MAX_LOSSES] = {0};
    TEC_TRY(tec_model_create(&model, config, in->B, in->keep, in->K));
    tec_params *params = tec_model_params(model);
    tec_status status = tec_checkpoint_read_weights(path, params);
    if (status == TEC_OK) {
        tec_model_forward(model, in->example, in->B, BOTH, 1.0 / in->B, loss);
        tec_model_backward(model);
        status = compare_losses(f, model, loss, result);
    }
    if (status == TEC_OK)
        status = replay_compare_tensors(replay_figure(result, "gradient", 1), f, "expected/grad", params, params->grad,
                                        NULL, 0);
    if (status == TEC_OK && tec_fixture_has(f, "expected/adamw"))
        status = replay_adamw(f, path, model, in, result);
    tec_model_free(model);
    return status;
}

/* What a frozen model yields for a fixture's images. */
typedef struct targets {
    real *feature, *attention;
    int *topk;
} targets;

static tec_status compare_targets(const tec_fixture *f, const tec_model_config *c, const inputs *in, targets *got,
                                  tec_replay_result *result)
{
    size_t L = tec_model_patches(c), D = c->width, B = in->B;
    struct {
        const char *name, *dataset;
        size_t count;
        real *got;
    } item[] = {{"feature", "expected/feature", B * L * D, got->feature},
                {"feature_normalized", "expected/feature_normalized", B * L * D, got->feature},
                {"attention", "expected/attention", B * (1 + in->K) * c->heads * L, got->attention}};
    for (int i = 0; i < 3; i++) {
        real *want;
        TEC_TRY(tec_fixture_reals(f, item[i].dataset, item[i].count, &want));
        if (i == 1)
            for (size_t b = 0; b < B; b++)
                tec_standardize_patches(got->feature + b * L * D, (int)L, (int)D, got->feature + b * L * D);
        replay_compare(replay_figure(result, item[i].name, 1), "", item[i].got, want, NULL, item[i].count,
                       (replay_span){0, 0});
        free(want);
    }
    int *topk, different = 0;
    TEC_TRY(tec_fixture_ints(f, "expected/topk", B * in->K, &topk));
    for (size_t i = 0; i < B * in->K; i++)
        different += topk[i] != got->topk[i];
    replay_compare_scalar(replay_figure(result, "topk", 1), different, 0);
    free(topk);
    return TEC_OK;
}

static tec_status replay_targets(const tec_fixture *f, const char *path, const tec_model_config *c, inputs *in,
                                 tec_replay_result *result)
{
    double last_layers, topk;
    tec_frozen *frozen = NULL;
    size_t L = tec_model_patches(c);
    TEC_TRY(tec_fixture_attribute(f, "inputs", "last_layers", &last_layers));
    TEC_TRY(tec_fixture_attribute(f, "inputs", "topk", &topk));
    if (!(last_layers >= 1 && last_layers <= c->depth && topk >= 0 && topk <= L))
        return tec_fail(TEC_USER_ERROR, "%s: inputs ask for %g last layers of %d and %g of %zu patches", path,
                        last_layers, c->depth, topk, L);
    in->K = (int)topk;
    TEC_TRY(tec_frozen_create(&frozen, c, in->B));
    tec_status status = tec_checkpoint_read_weights(path, tec_frozen_params(frozen));
    targets got = {.feature = tec_allocate(in->B * L * c->width * sizeof(real)),
                   .attention = tec_allocate(in->B * (1 + in->K) * c->heads * L * sizeof(real)),
                   .topk = tec_allocate((size_t)in->B * in->K * sizeof(int))};
    if (status == TEC_OK) {
        tec_frozen_ready(frozen);
        tec_frozen_targets(frozen, in->images, in->B, (int)last_layers, in->K, got.feature, got.attention, got.topk);
        status = compare_targets(f, c, in, &got, result);
    }
    free(got.feature);
    free(got.attention);
    free(got.topk);
    tec_frozen_close(frozen);
    return status;
}

tec_status tec_replay(const char *path, tec_replay_result *result)
{
    tec_model_config config;
    tec_fixture *f;
    inputs in = {0};
    *result = (tec_replay_result){0};
    TEC_TRY(tec_fixture_open(&f, path));
    tec_status status = tec_checkpoint_read_config(path, &config);
    if (status == TEC_OK)
        status = tec_model_config_check(&config);
    if (status == TEC_OK)
        status = read_inputs(f, path, &config, &in);
    if (status == TEC_OK)
        status = config.kind == TEC_MODEL_VIT ? replay_targets(f, path, &config, &in, result)
                                              : replay_model(f, path, &config, &in, result);
    inputs_free(&in);
    tec_fixture_close(f);
    return status;
}
