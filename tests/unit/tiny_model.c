/* Architectures, weights and examples of the tiny models. */
#include "tiny_model.h"

#include "gradient.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TEC .kind = TEC_MODEL_TEC, .mlp_ratio = 2
#define MAE(standardise) .kind = TEC_MODEL_MAE, .mlp_ratio = 4, .norm_pix = standardise
#define IMAGE_OF(height, width, patch_, channels_) .image_size = {height, width}, .patch = patch_, .channels = channels_
#define IMAGE(size, patch, channels) IMAGE_OF(size, size, patch, channels)
#define ENCODER(width_, depth_, heads_) .width = width_, .depth = depth_, .heads = heads_
#define DECODER(width_, depth_, heads_) .decoder_width = width_, .decoder_depth = depth_, .decoder_heads = heads_
#define TARGETS(groups_, width_, heads_, tau, attention)                                                               \
    .groups = groups_, .base_width = width_, .base_heads = heads_, .attention_tau = tau, .predict_attention = attention

static const tiny_model tiny[TINY_MODELS] = {
    {.name = "tec",
     .visible = 3,
     .topk = 2,
     .config = {TEC, IMAGE(12, 4, 1), ENCODER(16, 2, 2), DECODER(8, 2, 2), TARGETS(1, 16, 2, 1.8, true)}},
    {.name = "tec, another base, two groups, a rectangle",
     .visible = 2,
     .topk = 1,
     .config = {TEC, IMAGE_OF(8, 12, 4, 3), ENCODER(16, 4, 4), DECODER(12, 1, 3), TARGETS(2, 20, 5, 1.8, true)}},
    {.name = "tec, features alone",
     .visible = 2,
     .config = {TEC, IMAGE(12, 4, 1), ENCODER(24, 3, 3), DECODER(8, 3, 1), TARGETS(1, 10, 1, 1.8, false)}},
    {.name = "tec, a group per block, every patch asks",
     .visible = 15,
     .topk = 16,
     .config = {TEC, IMAGE(8, 2, 1), ENCODER(16, 2, 1), DECODER(8, 1, 1), TARGETS(2, 6, 2, 1.8, true)}},
    {.name = "tec, class query alone",
     .visible = 1,
     .config = {TEC, IMAGE(8, 4, 1), ENCODER(16, 1, 2), DECODER(8, 2, 2), TARGETS(1, 6, 2, 0.5, true)}},
    {.name = "tec without adaptors",
     .visible = 3,
     .topk = 2,
     .config = {TEC, IMAGE(12, 4, 1), ENCODER(16, 2, 2), DECODER(8, 2, 2), TARGETS(0, 16, 2, 1.8, true)}},
    {.name = "mae", .visible = 3, .config = {MAE(false), IMAGE(12, 4, 1), ENCODER(16, 2, 2), DECODER(8, 2, 2)}},
    {.name = "mae, standardised pixels, a rectangle",
     .visible = 1,
     .config = {MAE(true), IMAGE_OF(16, 8, 4, 3), ENCODER(20, 3, 5), DECODER(12, 1, 3)}},
    {.name = "mae, one hidden patch",
     .visible = 15,
     .config = {MAE(true), IMAGE(16, 4, 1), ENCODER(16, 1, 2), DECODER(8, 3, 2)}},
    {.name = "tec, two base models",
     .visible = 3,
     .topk = 2,
     .config = {TEC, IMAGE(12, 4, 1), ENCODER(16, 2, 2), DECODER(8, 2, 2), TARGETS(2, 16, 2, 1.8, true),
                .more_base = {{10, 5}}}},
    {.name = "tec without adaptors, three base models",
     .visible = 2,
     .topk = 1,
     .config = {TEC, IMAGE_OF(8, 12, 4, 3), ENCODER(16, 2, 4), DECODER(12, 1, 3), TARGETS(0, 6, 2, 1.8, true),
                .more_base = {{8, 4}, {9, 3}}}},
};

void tiny_weights(tec_params *params)
{
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        real *weight = tec_params_weight(params, i);
        double size = p->init == TEC_INIT_XAVIER ? 0.7 / sqrt(p->fan_in) : p->init == TEC_INIT_TOKEN ? 0.5 : 0.1;
        const double *random = random_values((int)p->count, size);
        for (size_t j = 0; j < p->count && p->trained; j++)
            weight[j] = (real)(random[j] + (p->init == TEC_INIT_ONE));
    }
}

static tec_base_targets random_targets(const tiny_model *t, int base)
{
    const tec_model_config *c = &t->config;
    const tec_base_shape shape = tec_model_base(c, base);
    int L = tec_model_patches(c), feature = L * shape.width, attention = (1 + t->topk) * L * shape.heads;
    tec_base_targets targets = {.feature = copy_of(random_values(feature, 1), feature)};
    if (c->predict_attention) {
        targets.attention = copy_of(random_values(attention, 2), attention);
        targets.topk = random_order(L);
    }
    return targets;
}

static tec_example random_example(const tiny_model *t, int index)
{
    const tec_model_config *c = &t->config;
    int L = tec_model_patches(c), pixels = (int)tec_model_pixels(c);
    tec_example e = {.image = copy_of(random_values(pixels, 1), pixels), .shuffle = random_order(L)};
    if (c->kind != TEC_MODEL_TEC)
        return e;
    const tec_base_targets first = random_targets(t, 0);
    e.feature = first.feature;
    e.attention = first.attention;
    e.topk = first.topk;
    for (int i = 1; i < tec_model_bases(c); i++)
        if (i != 1 || index != 1)
            e.more[i - 1] = random_targets(t, i);
    return e;
}

tiny_model tiny_model_make(int i, int batch)
{
    tiny_model t = tiny[i];
    if (tec_model_create(&t.model, &t.config, batch, t.visible, t.topk) != TEC_OK)
        fail_msg("%s: %s", t.name, tec_error_message());
    t.params = tec_model_params(t.model);
    tiny_weights(t.params);
    for (int e = 0; e < TINY_EXAMPLES; e++)
        t.example[e] = random_example(&t, e);
    return t;
}

void tiny_model_free(tiny_model *t)
{
    tec_model_free(t->model);
    t->model = NULL;
}

void tiny_model_run(tiny_model *t, int first, int count, const double *weight, double scale, double *loss)
{
    memset(t->params->grad, 0, t->params->trained * sizeof *t->params->grad);
    memset(loss, 0, TEC_MAX_LOSSES * sizeof *loss);
    tec_model_forward(t->model, t->example + first, count, weight, scale, loss);
    tec_model_backward(t->model);
}
