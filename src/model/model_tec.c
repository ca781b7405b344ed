/* The TEC model: class-token MLP, encoder, encoder adaptor, two decoders, features and attention. Without adaptors
 * the decoders see the encoder's output, as MAE's does. */
#include "model.h"

#include "matrix.h"

#include "tec/ops.h"

static void build(tec_model *m)
{
    const tec_model_config *c = &m->config;
    static const char *const prefix[] = {"forward_fea_decoder.", "forward_att_decoder."};
    /* Before the encoder, whose token it needs: backward completes its gradient last. */
    if (tec_model_has_adaptors(c))
        tec_class_adaptor_register(&m->class_adaptor, &m->params, -1, c->width);
    tec_encoder_register(&m->encoder, &m->params, c);
    m->class_adaptor.token = m->encoder.cls_token;
    if (tec_model_has_adaptors(c))
        tec_encoder_adaptor_register(&m->encoder_adaptor, &m->params, c);
    tec_decoder_register(&m->decoder, &m->params, c, c->predict_attention ? 2 : 1, prefix, (bool[]){true, false});
    m->patches =
        tec_patch_prediction_register(&m->params, c->decoder_width, c->base_width, "forward_fea_decoder.decoder_pred");
    if (c->predict_attention)
        m->attention = tec_attention_prediction_register(&m->params, c, m->topk, "forward_att_decoder.decoder_qk");
}

static void lay_out(tec_model *m, tec_arena *arena)
{
    int tokens = m->batch * (1 + m->visible), hidden = m->batch * tec_decoder_rows(&m->decoder, 0, m->visible);
    tec_encoder_scratch(&m->encoder, m->batch, m->visible, &m->scratch);
    tec_decoder_scratch(&m->decoder, m->batch, m->visible, &m->scratch);
    tec_encoder_lay_out(&m->encoder, m->batch, m->visible, &m->encoder_cache, arena);
    if (tec_model_has_adaptors(&m->config)) {
        tec_class_adaptor_scratch(&m->class_adaptor, &m->scratch);
        tec_encoder_adaptor_scratch(&m->encoder_adaptor, tokens, &m->scratch);
        tec_class_adaptor_lay_out(&m->class_adaptor, &m->class_adaptor_cache, arena);
        tec_encoder_adaptor_lay_out(&m->encoder_adaptor, tokens, &m->encoder_adaptor_cache, arena);
    }
    tec_decoder_lay_out(&m->decoder, m->batch, m->visible, &m->decoder_cache, arena);
    if (m->config.predict_attention)
        tec_attention_prediction_lay_out(&m->attention, m->batch, &m->attention_cache, arena);
    tec_scratch_lay_out(&m->scratch, arena);
    m->pred = take_reals(arena, hidden, m->patches.outputs);
    m->dz = take_reals(arena, tokens, m->config.width);
    m->dx = take_reals(arena, tokens, m->config.width);
}

static const real *feature_target(tec_model *m, const tec_example *example)
{
    (void)m;
    return example->feature;
}

/* Returns what the decoders see [B (1 + V), D]. */
static const real *encode(tec_model *m)
{
    encoder_cache *e = &m->encoder_cache;
    encoder_adaptor_cache *adaptor = &m->encoder_adaptor_cache;
    if (!tec_model_has_adaptors(&m->config)) {
        const real *class_row = tec_params_weight(&m->params, m->encoder.cls_token);
        tec_encoder_forward(&m->encoder, m->example, m->B, class_row, e, &m->scratch);
        return e->normed;
    }
    tec_class_adaptor_forward(&m->class_adaptor, &m->class_adaptor_cache);
    tec_encoder_forward(&m->encoder, m->example, m->B, m->class_adaptor_cache.out, e, &m->scratch);
    for (int i = 0; i < m->config.depth; i++)
        adaptor->x[i] = i + 1 < m->config.depth ? e->block[i].out : e->normed;
    tec_encoder_adaptor_forward(&m->encoder_adaptor, m->B * (1 + m->visible), adaptor);
    return adaptor->out;
}

static void decode(tec_model *m)
{
    tec_decoder_forward(&m->decoder, m->example, m->B, encode(m), &m->decoder_cache, &m->scratch);
}

static void forward(tec_model *m, const double *weight, double scale, double *loss)
{
    decode(m);
    loss[0] += scale * tec_model_patch_loss(m, scale * weight[0], feature_target, true);
    if (m->config.predict_attention)
        loss[1] += scale * tec_attention_prediction_forward(&m->attention, m->example, m->B, m->decoder_cache.normed[1],
                                                            scale * weight[1], &m->attention_cache);
}

/* The last block's columns of the adaptor's gradient, dense: d [B (1 + V), D], gradient of the final norm's output. */
static void last_block_gradient(tec_model *m, real *d)
{
    int D = m->config.width, all = D * m->config.depth;
    for (int r = 0; r < m->B * (1 + m->visible); r++)
        copy_reals(m->encoder_adaptor_cache.dnormed + reals(r, all) + all - D, reals(1, D), d + reals(r, D));
}

/* m->dz: the gradient of what the decoders see. */
static void encode_backward(tec_model *m)
{
    const encoder_cache *e = &m->encoder_cache;
    const bool adaptors = tec_model_has_adaptors(&m->config);
    const int tokens = m->B * (1 + m->visible);
    const real *extra = adaptors ? m->encoder_adaptor_cache.dnormed : NULL;
    real *dclass = adaptors ? m->class_adaptor_cache.dout : tec_params_grad(&m->params, m->encoder.cls_token);
    if (adaptors) {
        tec_encoder_adaptor_backward(&m->encoder_adaptor, m->dz, tokens, &m->encoder_adaptor_cache, &m->scratch);
        last_block_gradient(m, m->dz);
        zero_reals(dclass, reals(1, m->config.width));
    }
    tec_norm_backward(&m->encoder.norm, m->dz, e->block[m->config.depth - 1].out, tokens, &e->norm, m->dx, false);
    tec_encoder_backward(&m->encoder, m->B, m->dx, extra, dclass, e, &m->scratch);
    if (adaptors)
        tec_class_adaptor_backward(&m->class_adaptor, &m->class_adaptor_cache, &m->scratch);
}

static void backward(tec_model *m)
{
    decoder_cache *d = &m->decoder_cache;
    if (m->config.predict_attention)
        tec_attention_prediction_backward(&m->attention, m->B, d->normed[1], &m->attention_cache, d->dnormed[1]);
    tec_patch_prediction_backward(&m->patches, m->pred, d->normed[0],
                                  m->B * tec_decoder_rows(&m->decoder, 0, m->visible), d->dnormed[0]);
    tec_decoder_backward(&m->decoder, m->B, d, &m->scratch, m->dz);
    encode_backward(m);
}

static const char *const loss_names[] = {"loss_fea", "loss_att", NULL};
const model_kind tec_model_kind_tec = {loss_names, build, lay_out, decode, forward, backward};
