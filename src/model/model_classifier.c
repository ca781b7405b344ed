/* The classifier: a whole ViT, all of which is trained, and a linear head on its class token or on its mean patch. */
#include "model.h"

#include "matrix.h"

#include "tec/ops.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What the learning rate and weight decay treat in a way of their own: what comes before the blocks. */
static const char *const first_layer[] = {"cls_token",    "dist_token", "reg_token", "pos_embed",
                                          "patch_embed.", "norm_pre.",  NULL};
enum { TOKENS_AND_POSITIONS = 4 /* of these, which are not decayed */ };

static bool is_among(const char *name, int count)
{
    for (int i = 0; i < count && first_layer[i]; i++)
        if (strncmp(name, first_layer[i], strlen(first_layer[i])) == 0)
            return true;
    return false;
}

static void build(tec_model *m)
{
    const tec_model_config *c = &m->config;
    tec_encoder_register(&m->encoder, &m->params, c);
    m->head_weight = tec_params_add(&m->params, TEC_INIT_HEAD, (int[4]){c->classes, c->width}, "head.weight");
    m->head_bias = tec_params_add(&m->params, TEC_INIT_ZERO, (int[4]){c->classes}, "head.bias");
    for (int i = 0; i < m->params.count; i++)
        if (is_among(m->params.param[i].name, TOKENS_AND_POSITIONS))
            m->params.param[i].decayed = false;
}

static void lay_out(tec_model *m, tec_arena *arena)
{
    int B = m->batch, D = m->config.width, N = m->encoder.prefix + m->visible;
    tec_encoder_scratch(&m->encoder, B, m->visible, &m->scratch);
    tec_encoder_lay_out(&m->encoder, B, m->visible, &m->encoder_cache, arena);
    tec_scratch_lay_out(&m->scratch, arena);
    m->logits = take_reals(arena, B, m->config.classes);
    m->pooled = take_reals(arena, B, D);
    m->dz = take_reals(arena, B, D);
    m->dx = take_reals(arena, B * N, D);
}

/* dpooled [D], overwritten -> dx [N, D] */
static void pool_backward(const tec_model *m, real *dpooled, real *dx)
{
    int D = m->config.width, L = m->visible, P = m->encoder.prefix;
    zero_reals(dx, reals(P + L, D));
    if (!m->config.variant.fc_norm) {
        copy_reals(dpooled, reals(1, D), dx);
        return;
    }
    for (int d = 0; d < D; d++)
        dpooled[d] /= (real)L;
    for (int l = 0; l < L; l++)
        copy_reals(dpooled, reals(1, D), dx + reals(P + l, D));
}

/* -> m->logits */
static void compute_logits(tec_model *m)
{
    encoder_cache *c = &m->encoder_cache;
    int D = m->config.width, N = m->encoder.prefix + m->visible, classes = m->config.classes;
    const tec_params *p = &m->params;
    const real *token = m->encoder.cls_token < 0 ? NULL : tec_params_weight(p, m->encoder.cls_token);
    const real *x = tec_encoder_blocks_forward(&m->encoder, m->example, m->B, token, c, &m->scratch);
    for (int b = 0; b < m->B; b++)
        tec_encoder_pool(&m->encoder, x + reals(b * N, D), m->visible, m->config.variant.fc_norm,
                         m->pooled + reals(b, D));
    tec_norm_forward(&m->encoder.norm, m->pooled, m->B, &c->norm, c->normed);
    tec_linear_forward(c->normed, D, tec_params_weight(p, m->head_weight), tec_params_weight(p, m->head_bias), m->B, D,
                       classes, m->logits, classes);
}

static void forward(tec_model *m, const double *weight, double scale, double *loss)
{
    int classes = m->config.classes;
    compute_logits(m);
    for (int b = 0; b < m->B; b++)
        loss[0] += scale * tec_class_loss(m->logits + reals(b, classes), m->example[b].wanted, classes,
                                          (real)(scale * weight[0]));
}

static void backward(tec_model *m)
{
    encoder_cache *c = &m->encoder_cache;
    int D = m->config.width, N = m->encoder.prefix + m->visible, classes = m->config.classes;
    const tec_params *p = &m->params;
    real *dnormed = m->scratch.row; /* [B, D] */
    tec_linear_backward(m->logits, classes, c->normed, D, tec_params_weight(p, m->head_weight), m->B, D, classes,
                        dnormed, D, 0, tec_params_grad(p, m->head_weight), tec_params_grad(p, m->head_bias));
    tec_norm_backward(&m->encoder.norm, dnormed, m->pooled, m->B, &c->norm, m->dz, false);
    for (int b = 0; b < m->B; b++)
        pool_backward(m, m->dz + reals(b, D), m->dx + reals(b * N, D));
    real *dtoken = m->encoder.cls_token < 0 ? NULL : tec_params_grad(p, m->encoder.cls_token);
    tec_encoder_backward(&m->encoder, m->B, m->dx, NULL, dtoken, c, &m->scratch);
}

void tec_model_classify(tec_model *m, const tec_example *example, int count, real *logits)
{
    assert(m->kind == &tec_model_kind_classifier && count <= m->batch);
    m->example = example;
    m->B = count;
    compute_logits(m);
    copy_reals(m->logits, reals(count, m->config.classes), logits);
}

static int layer_of(const char *name, int depth)
{
    int number;
    if (is_among(name, INT_MAX))
        return 0;
    return sscanf(name, "blocks.%d.", &number) == 1 ? number + 1 : depth + 1;
}

/* Multiplied out: the math library's pow may round differently on another processor, and ranks must not. */
void tec_model_decay_layers(tec_model *m, double decay)
{
    int depth = m->config.depth;
    for (int i = 0; i < m->params.count; i++) {
        tec_param *p = &m->params.param[i];
        p->rate = 1;
        for (int layer = layer_of(p->name, depth); layer < depth + 1; layer++)
            p->rate *= decay;
    }
}

void tec_model_begin_with(tec_model *m, tec_frozen *frozen)
{
    const tec_params *from = tec_frozen_params(frozen);
    for (int i = 0; i < m->params.count; i++) {
        const tec_param *to = &m->params.param[i], *p = tec_params_find(from, to->name);
        assert(!p || p->count == to->count);
        if (p && i == m->encoder.cls_token)
            tec_frozen_class_token(frozen, tec_params_weight(&m->params, i));
        else if (p)
            copy_reals(from->weight + p->offset, p->count, tec_params_weight(&m->params, i));
    }
}

static const char *const loss_names[] = {"loss", NULL};
const model_kind tec_model_kind_classifier = {loss_names, build, lay_out, NULL, forward, backward};
