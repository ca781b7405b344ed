/* Replays a fixture: losses, gradients and AdamW steps of a model in training, or the targets of a frozen one. */
#include "tec/replay.h"

#include "compare.h"
#include "inputs.h"
#include "targets.h"

#include "tec/adamw.h"
#include "tec/checkpoint.h"
#include "tec/memory.h"
#include "tec/model.h"

#include <stdlib.h>
#include <string.h>

/* In tolerances, for the change of the weights under AdamW: see tec/replay.h. */
static const double ADAMW_LIMIT = 50;

static const double ALL[TEC_MAX_LOSSES] = {1, 1, 1, 1, 1, 1, 1, 1};

static tec_status compare_losses(const tec_fixture *f, tec_model *model, const double *loss, tec_replay_result *result)
{
    const char *const *name = tec_model_loss_names(model);
    for (int i = 0; name[i]; i++) {
        char dataset[64] = "expected/";
        double want;
        TEC_TRY(tec_fixture_double(f, strcat(dataset, name[i]), &want));
        tec_replay_compare_scalar(tec_replay_add_figure(result, name[i], 1), loss[i], want);
    }
    return TEC_OK;
}

typedef struct adamw_case {
    double steps, lr, beta1, beta2, eps, weight_decay, layer_decay;
} adamw_case;

static tec_status read_adamw(const tec_fixture *f, bool classifier, adamw_case *c)
{
    const char *group = "expected/adamw";
    TEC_TRY(tec_fixture_attribute(f, group, "steps", &c->steps));
    TEC_TRY(tec_fixture_attribute(f, group, "lr", &c->lr));
    TEC_TRY(tec_fixture_attribute(f, group, "beta1", &c->beta1));
    TEC_TRY(tec_fixture_attribute(f, group, "beta2", &c->beta2));
    TEC_TRY(tec_fixture_attribute(f, group, "eps", &c->eps));
    TEC_TRY(tec_fixture_attribute(f, group, "weight_decay", &c->weight_decay));
    c->layer_decay = 1;
    if (classifier)
        TEC_TRY(tec_fixture_attribute(f, group, "layer_decay", &c->layer_decay));
    if (!(c->steps >= 0 && c->steps < 10000))
        return tec_fail(TEC_USER_ERROR, "%s: expected/adamw: %g steps cannot be replayed; 0 to 9999 can",
                        tec_fixture_path(f), c->steps);
    return TEC_OK;
}

static double total_loss(tec_model *model, const replay_inputs *in)
{
    double loss[TEC_MAX_LOSSES] = {0};
    tec_model_forward(model, in->example, in->B, ALL, 1.0 / in->B, loss);
    return tec_loss_total(loss);
}

/* Takes AdamW steps and compares the losses.
 *
 *   want  [steps + 1]  the loss before each step, and after the last one */
static void take_steps(tec_model *model, const replay_inputs *in, const adamw_case *c, const real *want,
                       tec_replay_figure *figure)
{
    tec_adamw adamw;
    tec_params *params = tec_model_params(model);
    tec_adamw_create(&adamw, params, c->beta1, c->beta2, c->weight_decay);
    adamw.eps = c->eps;
    memset(params->grad, 0, params->trained * sizeof(real));
    for (int step = 0; step < (int)c->steps; step++) {
        tec_replay_compare_scalar(figure, total_loss(model, in), want[step]);
        tec_model_backward(model);
        tec_adamw_step(&adamw, params, c->lr, 1);
    }
    tec_replay_compare_scalar(figure, total_loss(model, in), want[(int)c->steps]);
    tec_adamw_free(&adamw);
}

static tec_status replay_adamw(const tec_fixture *f, tec_model *model, const replay_inputs *in,
                               tec_replay_result *result)
{
    const tec_params *params = tec_model_params(model);
    const bool classifier = tec_model_get_config(model)->kind == TEC_MODEL_CLASSIFIER;
    adamw_case c;
    real *want;
    TEC_TRY(read_adamw(f, classifier, &c));
    if (classifier)
        tec_model_decay_layers(model, c.layer_decay);
    TEC_TRY(tec_fixture_reals(f, "expected/adamw/loss", (size_t)c.steps + 1, &want));
    real *start = tec_allocate(params->total * sizeof *start);
    memcpy(start, params->weight, params->total * sizeof *start);
    take_steps(model, in, &c, want, tec_replay_add_figure(result, "adamw_loss", 1));
    tec_replay_figure *weights = tec_replay_add_figure(result, "adamw_weights", ADAMW_LIMIT);
    tec_status status = tec_replay_compare_change(weights, f, params, start, (int)c.steps);
    free(start);
    free(want);
    return status;
}

/* A classifier's, which it has before its loss. */
static tec_status compare_logits(const tec_fixture *f, tec_model *model, const replay_inputs *in,
                                 tec_replay_result *result)
{
    size_t count = (size_t)in->B * (size_t)tec_model_get_config(model)->classes;
    real *want, *got;
    TEC_TRY(tec_fixture_reals(f, "expected/logits", count, &want));
    got = tec_allocate(count * sizeof *got);
    tec_model_classify(model, in->example, in->B, got);
    tec_replay_compare(tec_replay_add_figure(result, "logits", 1), "", got, want, count);
    free(got);
    free(want);
    return TEC_OK;
}

static tec_status replay_training(const tec_fixture *f, const tec_model_config *config, const replay_inputs *in,
                                  tec_replay_result *result)
{
    tec_model *model;
    double loss[TEC_MAX_LOSSES] = {0};
    TEC_TRY(tec_model_create(&model, config, in->B, in->keep, in->K));
    tec_params *params = tec_model_params(model);
    tec_status status = tec_checkpoint_read_weights(tec_fixture_path(f), params);
    if (status == TEC_OK && config->kind == TEC_MODEL_CLASSIFIER)
        status = compare_logits(f, model, in, result);
    if (status == TEC_OK) {
        tec_model_forward(model, in->example, in->B, ALL, 1.0 / in->B, loss);
        tec_model_backward(model);
        status = compare_losses(f, model, loss, result);
    }
    if (status == TEC_OK)
        status = tec_replay_compare_gradient(tec_replay_add_figure(result, "gradient", 1), f, params);
    if (status == TEC_OK && tec_fixture_has(f, "expected/adamw"))
        status = replay_adamw(f, model, in, result);
    tec_model_free(model);
    return status;
}

tec_status tec_replay(const char *path, tec_replay_result *result)
{
    tec_model_config config;
    tec_fixture *f;
    replay_inputs in = {0};
    *result = (tec_replay_result){0};
    TEC_TRY(tec_fixture_open(&f, path));
    tec_status status = tec_checkpoint_read_config(path, &config);
    if (status == TEC_OK)
        status = tec_replay_inputs_read(f, &config, &in);
    if (status == TEC_OK)
        status = config.kind == TEC_MODEL_VIT ? tec_replay_targets(f, &config, &in, result)
                                              : replay_training(f, &config, &in, result);
    tec_replay_inputs_free(&in);
    tec_fixture_close(f);
    return status;
}
