/* What the kinds of model share: creation, workspace, the loss of patch values. */
#include "model.h"

#include "matrix.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/ops.h"

#include <assert.h>
#include <stdlib.h>

static const model_kind *const kinds[] = {[TEC_MODEL_VIT] = NULL,
                                          [TEC_MODEL_MAE] = &tec_model_kind_mae,
                                          [TEC_MODEL_TEC] = &tec_model_kind_tec,
                                          [TEC_MODEL_CLASSIFIER] = &tec_model_kind_classifier};

static tec_status check_inputs(const tec_model_config *config, int visible, int topk)
{
    int L = tec_model_patches(config);
    if (config->kind == TEC_MODEL_VIT)
        return tec_fail(TEC_USER_ERROR,
                        "model: a plain encoder has no loss to train with; the objectives are mae and tec");
    assert(config->kind != TEC_MODEL_CLASSIFIER || (visible == L && topk == 0));
    if (visible < 1 || (visible >= L && config->kind != TEC_MODEL_CLASSIFIER))
        return tec_fail(TEC_USER_ERROR,
                        "model: %d of %d patches would be visible; at least one must be visible and one hidden",
                        visible, L);
    if (topk < 0 || topk > L)
        return tec_fail(TEC_USER_ERROR, "model: %d attention queries were requested, but an image has %d patches", topk,
                        L);
    return TEC_OK;
}

tec_status tec_model_create(tec_model **out, const tec_model_config *config, int batch, int visible, int topk)
{
    *out = NULL;
    TEC_TRY(tec_model_config_check(config));
    TEC_TRY(check_inputs(config, visible, topk));
    tec_model *m = tec_allocate_zeroed(1, sizeof *m);
    m->kind = kinds[config->kind];
    m->config = *config;
    m->batch = batch;
    m->visible = visible;
    m->topk = topk;
    m->kind->build(m);
    for (int i = 0; m->kind->loss_names[i] && i < tec_max_int(2 * m->sides, 1); i++)
        m->loss_name[i] = m->kind->loss_names[i];
    tec_params_allocate(&m->params, true);
    tec_encoder_fill_positions(&m->encoder);
    tec_encoder_fill_periods(&m->encoder);
    for (int i = 0; i < m->sides; i++)
        tec_decoder_fill_positions(&m->side[i].decoder);
    m->kind->lay_out(m, &m->arena);
    tec_arena_reserve(&m->arena);
    m->kind->lay_out(m, &m->arena);
    *out = m;
    return TEC_OK;
}

void tec_model_free(tec_model *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->sides; i++) {
        tec_encoder_adaptor_free(&m->side[i].adaptor);
        tec_decoder_free(&m->side[i].decoder);
    }
    tec_encoder_free(&m->encoder);
    tec_arena_free(&m->arena);
    tec_params_free(&m->params);
    free(m);
}

int tec_model_micro_batch(const tec_model_config *config, int inputs)
{
    enum { DECODER_ROWS = 8192 };
    int most = DECODER_ROWS / (MAX_DECODERS * (1 + tec_model_patches(config)));
    if (most <= 1)
        return 1;
    int parts = (inputs + most - 1) / most;
    return (inputs + parts - 1) / parts;
}

tec_params *tec_model_params(tec_model *m)
{
    return &m->params;
}

const tec_model_config *tec_model_get_config(const tec_model *m)
{
    return &m->config;
}

size_t tec_model_workspace_bytes(const tec_model *m)
{
    return m->arena.size;
}

const char *const *tec_model_loss_names(const tec_model *m)
{
    return m->loss_name;
}

double tec_loss_total(const double *loss)
{
    double total = 0;
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        total += loss[i];
    return total;
}

void tec_model_forward(tec_model *m, const tec_example *example, int count, const double *weight, double scale,
                       double *loss)
{
    m->example = example;
    m->B = count;
    m->kind->forward(m, weight, scale, loss);
}

void tec_model_predict(tec_model *m, const tec_example *example, int count, real *out)
{
    const model_side *side = &m->side[0];
    assert(m->kind->decode);
    m->example = example;
    m->B = count;
    m->kind->decode(m, 1);
    tec_patch_prediction_forward(&side->patches, side->decoder_cache.normed[0],
                                 count * tec_decoder_rows(&side->decoder, 0, m->visible), out);
}

void tec_model_predict_attention(tec_model *m, const tec_example *example, int count, real *out)
{
    assert(m->config.kind == TEC_MODEL_TEC && m->config.predict_attention);
    m->example = example;
    m->B = count;
    m->kind->decode(m, 1);
    model_side *side = &m->side[0];
    tec_attention_prediction_infer(&side->attention, example, count, side->decoder_cache.normed[1],
                                   &side->attention_cache, out);
}

void tec_model_backward(tec_model *m)
{
    m->kind->backward(m);
}

double tec_model_patch_loss(tec_model *m, int i, double scale,
                            const real *(*target)(tec_model *m, int side, const tec_example *example), bool by_patch)
{
    model_side *side = &m->side[i];
    int hidden = tec_decoder_rows(&side->decoder, 0, m->visible), outputs = side->patches.outputs;
    double mean = 1.0 / ((double)hidden * outputs), total = 0;
    tec_patch_prediction_forward(&side->patches, side->decoder_cache.normed[0], m->B * hidden, side->pred);
    for (int b = 0; b < m->B; b++) {
        real *pred = side->pred + reals(b * hidden, outputs);
        const real *wanted = target(m, i, &m->example[b]);
        if (wanted)
            total += tec_mse_rows(pred, wanted, by_patch ? m->example[b].shuffle + m->visible : NULL, hidden, outputs,
                                  (real)(scale * mean));
        else
            zero_reals(pred, reals(hidden, outputs));
    }
    return total * mean;
}
