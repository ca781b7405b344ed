/* The TEC model: class-token MLP and encoder; for each base model an encoder adaptor and two decoders, features and
 * attention. Without adaptors the decoders see the encoder's output, as MAE's does.
 *
 * The first base model's tensors have the names that they have alone, those of a further one begin with "base2." and so
 * on. Sides are registered one after the other, and so backward goes through them from the last to the first. */
#include "model.h"

#include "matrix.h"

#include "tec/ops.h"

#include <stdio.h>

static void build_side(tec_model *m, int i)
{
    static const char *const prefix[] = {"forward_fea_decoder.", "forward_att_decoder."};
    const tec_model_config *c = &m->config;
    const tec_base_shape base = tec_model_base(c, i);
    model_side *side = &m->side[i];
    if (i > 0)
        snprintf(m->params.prefix, sizeof m->params.prefix, "base%d.", i + 1);
    if (tec_model_has_adaptors(c))
        tec_encoder_adaptor_register(&side->adaptor, &m->params, c);
    tec_decoder_register(&side->decoder, &m->params, c, c->predict_attention ? 2 : 1, prefix, (bool[]){true, false});
    side->patches =
        tec_patch_prediction_register(&m->params, c->decoder_width, base.width, "forward_fea_decoder.decoder_pred");
    if (c->predict_attention)
        side->attention =
            tec_attention_prediction_register(&m->params, c, i, m->topk, "forward_att_decoder.decoder_qk");
}

static void build(tec_model *m)
{
    const tec_model_config *c = &m->config;
    /* Before the encoder, whose token it needs: backward completes its gradient last. */
    if (tec_model_has_adaptors(c))
        tec_class_adaptor_register(&m->class_adaptor, &m->params, -1, c->width);
    tec_encoder_register(&m->encoder, &m->params, c);
    m->class_adaptor.token = m->encoder.cls_token;
    for (m->sides = 0; m->sides < tec_model_bases(c); m->sides++)
        build_side(m, m->sides);
}

static void lay_out_side(const tec_model *m, model_side *side, tec_arena *arena)
{
    if (tec_model_has_adaptors(&m->config))
        tec_encoder_adaptor_lay_out(&side->adaptor, m->batch * (1 + m->visible), &side->adaptor_cache, arena);
    tec_decoder_lay_out(&side->decoder, m->batch, m->visible, &side->decoder_cache, arena);
    if (m->config.predict_attention)
        tec_attention_prediction_lay_out(&side->attention, m->batch, &side->attention_cache, arena);
    side->pred = take_reals(arena, m->batch * tec_decoder_rows(&side->decoder, 0, m->visible), side->patches.outputs);
}

static void lay_out(tec_model *m, tec_arena *arena)
{
    int tokens = m->batch * (1 + m->visible);
    tec_encoder_scratch(&m->encoder, m->batch, m->visible, &m->scratch);
    tec_decoder_scratch(&m->side[0].decoder, m->batch, m->visible, &m->scratch); /* all sides' are alike */
    tec_encoder_lay_out(&m->encoder, m->batch, m->visible, &m->encoder_cache, arena);
    if (tec_model_has_adaptors(&m->config)) {
        tec_class_adaptor_scratch(&m->class_adaptor, &m->scratch);
        tec_encoder_adaptor_scratch(&m->side[0].adaptor, tokens, &m->scratch);
        tec_class_adaptor_lay_out(&m->class_adaptor, &m->class_adaptor_cache, arena);
    }
    for (int i = 0; i < m->sides; i++)
        lay_out_side(m, &m->side[i], arena);
    tec_scratch_lay_out(&m->scratch, arena);
    m->dz = take_reals(arena, tokens, m->config.width);
    m->dx = take_reals(arena, tokens, m->config.width);
}

static const real *feature_target(tec_model *m, int side, const tec_example *example)
{
    (void)m;
    return tec_example_targets(example, side).feature;
}

/* -> encoder_cache.normed */
static void encode(tec_model *m)
{
    const real *class_row = tec_params_weight(&m->params, m->encoder.cls_token);
    if (tec_model_has_adaptors(&m->config)) {
        tec_class_adaptor_forward(&m->class_adaptor, &m->class_adaptor_cache);
        class_row = m->class_adaptor_cache.out;
    }
    tec_encoder_forward(&m->encoder, m->example, m->B, class_row, &m->encoder_cache, &m->scratch);
}

/* Returns what the decoders of a side see [B (1 + V), D]. */
static const real *adapt(tec_model *m, model_side *side)
{
    const encoder_cache *e = &m->encoder_cache;
    encoder_adaptor_cache *adaptor = &side->adaptor_cache;
    if (!tec_model_has_adaptors(&m->config))
        return e->normed;
    for (int i = 0; i < m->config.depth; i++)
        adaptor->x[i] = i + 1 < m->config.depth ? e->block[i].out : e->normed;
    tec_encoder_adaptor_forward(&side->adaptor, m->B * (1 + m->visible), adaptor);
    return adaptor->out;
}

static void decode(tec_model *m, int sides)
{
    encode(m);
    for (int i = 0; i < sides; i++) {
        model_side *side = &m->side[i];
        tec_decoder_forward(&side->decoder, m->example, m->B, adapt(m, side), &side->decoder_cache, &m->scratch);
    }
}

static void forward(tec_model *m, const double *weight, double scale, double *loss)
{
    decode(m, m->sides);
    for (int i = 0; i < m->sides; i++, loss += 2, weight += 2) {
        model_side *side = &m->side[i];
        loss[0] += scale * tec_model_patch_loss(m, i, scale * weight[0], feature_target, true);
        if (m->config.predict_attention)
            loss[1] += scale * tec_attention_prediction_forward(&side->attention, m->example, m->B,
                                                                side->decoder_cache.normed[1], scale * weight[1],
                                                                &side->attention_cache);
    }
}

/* The last block's columns of the adaptor's gradient, dense: d [B (1 + V), D], gradient of the final norm's output. */
static void last_block_gradient(const tec_model *m, const real *dnormed, real *d)
{
    int D = m->config.width, all = D * m->config.depth;
    for (int r = 0; r < m->B * (1 + m->visible); r++)
        copy_reals(dnormed + reals(r, all) + all - D, reals(1, D), d + reals(r, D));
}

/* From the losses of a side to the gradient of what its decoders see: dz [B (1 + V), D]. */
static void decode_backward(tec_model *m, model_side *side, real *dz)
{
    decoder_cache *d = &side->decoder_cache;
    if (m->config.predict_attention)
        tec_attention_prediction_backward(&side->attention, m->B, d->normed[1], &side->attention_cache, d->dnormed[1]);
    tec_patch_prediction_backward(&side->patches, side->pred, d->normed[0],
                                  m->B * tec_decoder_rows(&side->decoder, 0, m->visible), d->dnormed[0]);
    tec_decoder_backward(&side->decoder, m->B, d, &m->scratch, dz);
}

/* All sides' gradients: of what the decoders see in m->dz; with adaptors of the blocks' outputs, in those of side 0. */
static void sides_backward(tec_model *m)
{
    const int tokens = m->B * (1 + m->visible), D = m->config.width;
    for (int i = m->sides - 1; i >= 0; i--) {
        model_side *side = &m->side[i];
        const bool adaptors = tec_model_has_adaptors(&m->config), first = i == m->sides - 1;
        real *dz = adaptors || first ? m->dz : m->dx;
        decode_backward(m, side, dz);
        if (adaptors)
            tec_encoder_adaptor_backward(&side->adaptor, dz, tokens, &side->adaptor_cache, &m->scratch);
        else if (!first)
            tec_add(m->dz, dz, tokens * D, m->dz);
    }
    real *sum = m->side[0].adaptor_cache.dnormed;
    for (int i = 1; i < m->sides && sum; i++)
        for (int r = 0; r < tokens; r++) {
            const size_t at = reals(r, D * m->config.depth);
            tec_add(sum + at, m->side[i].adaptor_cache.dnormed + at, D * m->config.depth, sum + at);
        }
}

static void encode_backward(tec_model *m)
{
    const encoder_cache *e = &m->encoder_cache;
    const bool adaptors = tec_model_has_adaptors(&m->config);
    const int tokens = m->B * (1 + m->visible);
    const real *extra = adaptors ? m->side[0].adaptor_cache.dnormed : NULL;
    real *dclass = adaptors ? m->class_adaptor_cache.dout : tec_params_grad(&m->params, m->encoder.cls_token);
    if (adaptors) {
        last_block_gradient(m, extra, m->dz);
        zero_reals(dclass, reals(1, m->config.width));
    }
    tec_norm_backward(&m->encoder.norm, m->dz, e->block[m->config.depth - 1].out, tokens, &e->norm, m->dx, false);
    tec_encoder_backward(&m->encoder, m->B, m->dx, extra, dclass, e, &m->scratch);
    if (adaptors)
        tec_class_adaptor_backward(&m->class_adaptor, &m->class_adaptor_cache, &m->scratch);
}

static void backward(tec_model *m)
{
    sides_backward(m);
    encode_backward(m);
}

static const char *const loss_names[] = {"loss_fea",  "loss_att",  "loss_fea2", "loss_att2", "loss_fea3",
                                         "loss_att3", "loss_fea4", "loss_att4", NULL};
const model_kind tec_model_kind_tec = {loss_names, build, lay_out, decode, forward, backward};
