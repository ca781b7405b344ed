/* The MAE model: encoder, one decoder, pixels. */
#include "model.h"

#include "matrix.h"

#include "tec/ops.h"

static void build(tec_model *m)
{
    const tec_model_config *c = &m->config;
    model_side *side = &m->side[m->sides++];
    tec_encoder_register(&m->encoder, &m->params, c);
    tec_decoder_register(&side->decoder, &m->params, c, 1, (const char *[]){""}, (bool[]){true});
    side->patches =
        tec_patch_prediction_register(&m->params, c->decoder_width, c->patch * c->patch * c->channels, "decoder_pred");
}

static void lay_out(tec_model *m, tec_arena *arena)
{
    model_side *side = &m->side[0];
    int tokens = m->batch * (1 + m->visible), hidden = tec_decoder_rows(&side->decoder, 0, m->visible);
    tec_encoder_scratch(&m->encoder, m->batch, m->visible, &m->scratch);
    tec_decoder_scratch(&side->decoder, m->batch, m->visible, &m->scratch);
    tec_encoder_lay_out(&m->encoder, m->batch, m->visible, &m->encoder_cache, arena);
    tec_decoder_lay_out(&side->decoder, m->batch, m->visible, &side->decoder_cache, arena);
    tec_scratch_lay_out(&m->scratch, arena);
    side->pred = take_reals(arena, m->batch * hidden, side->patches.outputs);
    m->target = take_reals(arena, hidden, side->patches.outputs);
    m->dz = take_reals(arena, tokens, m->config.width);
    m->dx = take_reals(arena, tokens, m->config.width);
}

static const real *pixel_target(tec_model *m, int side, const tec_example *example)
{
    (void)side;
    const tec_model_config *c = &m->config;
    tec_pixel_target(example->image, c->channels, c->image_size, c->patch, example->shuffle + m->visible,
                     tec_model_patches(c) - m->visible, c->norm_pix, m->target);
    return m->target;
}

static void decode(tec_model *m, int sides)
{
    (void)sides; /* there is one */
    model_side *side = &m->side[0];
    const real *class_row = tec_params_weight(&m->params, m->encoder.cls_token);
    tec_encoder_forward(&m->encoder, m->example, m->B, class_row, &m->encoder_cache, &m->scratch);
    tec_decoder_forward(&side->decoder, m->example, m->B, m->encoder_cache.normed, &side->decoder_cache, &m->scratch);
}

static void forward(tec_model *m, const double *weight, double scale, double *loss)
{
    decode(m, 1);
    loss[0] += scale * tec_model_patch_loss(m, 0, scale * weight[0], pixel_target, false);
}

static void backward(tec_model *m)
{
    model_side *side = &m->side[0];
    const encoder_cache *e = &m->encoder_cache;
    int rows = m->B * tec_decoder_rows(&side->decoder, 0, m->visible);
    tec_patch_prediction_backward(&side->patches, side->pred, side->decoder_cache.normed[0], rows,
                                  side->decoder_cache.dnormed[0]);
    tec_decoder_backward(&side->decoder, m->B, &side->decoder_cache, &m->scratch, m->dz);
    tec_norm_backward(&m->encoder.norm, m->dz, e->block[m->config.depth - 1].out, m->B * (1 + m->visible), &e->norm,
                      m->dx, false);
    tec_encoder_backward(&m->encoder, m->B, m->dx, NULL, tec_params_grad(&m->params, m->encoder.cls_token), e,
                         &m->scratch);
}

static const char *const loss_names[] = {"loss", NULL};
const model_kind tec_model_kind_mae = {loss_names, build, lay_out, decode, forward, backward};
