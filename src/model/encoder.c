/* The encoder, forward and backward: patch embedding, tokens, positions, blocks, norm. */
#include "encoder.h"

#include "matrix.h"
#include "positions.h"

#include "tec/memory.h"
#include "tec/ops.h"

#include <stdio.h>
#include <stdlib.h>

static int patch_pixels(const encoder *e)
{
    return e->config.channels * e->config.patch * e->config.patch;
}

/* The tokens before the patches, and the position table. */
static void register_tokens(encoder *e, tec_params *params, const tec_model_config *c)
{
    const tec_vit_variant *v = &c->variant;
    int D = c->width, placed = e->prefix - v->unplaced;
    e->cls_token = e->dist_token = e->reg_token = -1;
    if (!v->no_class_token)
        e->cls_token = tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, 1, D}, "cls_token");
    if (v->distillation_token)
        e->dist_token = tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, 1, D}, "dist_token");
    if (v->registers)
        e->reg_token = tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, v->registers, D}, "reg_token");
    e->pos_embed = tec_params_add(params, TEC_INIT_FIXED, (int[4]){1, placed + tec_model_patches(c), D}, "pos_embed");
}

void tec_encoder_register(encoder *e, tec_params *params, const tec_model_config *c)
{
    char name[64];
    const tec_vit_variant *v = &c->variant;
    block_shape shape = {.width = c->width,
                         .heads = c->heads,
                         .hidden = tec_model_hidden(c),
                         .swiglu = v->swiglu,
                         .activation = v->activation,
                         .norm_eps = v->norm_eps > 0 ? (real)v->norm_eps : NORM_EPS};
    *e = (encoder){.params = params, .config = *c, .prefix = tec_model_prefix(c)};
    register_tokens(e, params, c);
    e->patch_weight = tec_params_add(params, TEC_INIT_XAVIER, (int[4]){c->width, c->channels, c->patch, c->patch},
                                     "patch_embed.proj.weight");
    e->patch_bias = tec_params_add(params, TEC_INIT_CONV_BIAS, (int[4]){c->width}, "patch_embed.proj.bias");
    params->param[e->patch_bias].fan_in = patch_pixels(e);
    if (v->pre_norm)
        e->norm_pre = tec_norm_register(params, c->width, shape.norm_eps, "norm_pre");
    e->block = tec_allocate_zeroed((size_t)c->depth, sizeof *e->block);
    for (int i = 0; i < c->depth; i++) {
        snprintf(name, sizeof name, "blocks.%d", i);
        e->block[i] = tec_block_register(params, &shape, name);
    }
    e->norm = tec_norm_register(params, c->width, shape.norm_eps, v->fc_norm ? "fc_norm" : "norm");
}

void tec_encoder_fill_positions(const encoder *e)
{
    tec_positions_fill(e->config.image_size / e->config.patch, e->config.width,
                       tec_params_weight(e->params, e->pos_embed));
}

void tec_encoder_free(encoder *e)
{
    free(e->block);
}

static void lay_out_embedding(const encoder *e, int B, int visible, encoder_cache *c, tec_arena *arena)
{
    int D = e->config.width, N = e->prefix + visible;
    c->visible = visible;
    tec_sequences_lay_out(B, &c->seq, arena);
    c->patches = take_reals(arena, B * visible, patch_pixels(e));
    c->embedded = take_reals(arena, B * visible, D);
    c->x = take_reals(arena, B * N, D);
    c->block = take_array(arena, e->config.depth, sizeof *c->block);
    tec_norm_lay_out(B * N, &c->norm, arena);
    c->normed = take_reals(arena, B * N, D);
}

void tec_encoder_lay_out(const encoder *e, int B, int visible, encoder_cache *c, tec_arena *arena)
{
    int N = e->prefix + visible;
    lay_out_embedding(e, B, visible, c, arena);
    for (int i = 0; i < e->config.depth; i++) {
        block_cache laid_out = {0};
        tec_block_lay_out(&e->block[i], B * N, B * N, B * N, N, &laid_out, arena);
        if (c->block)
            c->block[i] = laid_out;
    }
}

void tec_encoder_lay_out_inference(const encoder *e, int B, encoder_cache *c, tec_arena *arena)
{
    block_cache laid_out;
    lay_out_embedding(e, B, tec_model_patches(&e->config), c, arena);
    tec_block_lay_out_inference(&e->block[0], B * (e->prefix + c->visible), &laid_out, arena);
    if (c->block)
        c->block[0] = laid_out;
}

void tec_encoder_scratch(const encoder *e, int B, int visible, scratch *s)
{
    int N = e->prefix + visible;
    tec_scratch_need(s, B * N, 0, e->config.width, tec_model_hidden(&e->config), N);
}

void tec_encoder_embed_patches(const encoder *e, const tec_example *example, int B, encoder_cache *c)
{
    int V = c->visible, P = e->prefix, D = e->config.width, pixels = patch_pixels(e);
    const real *position = tec_params_weight(e->params, e->pos_embed) + reals(P - e->config.variant.unplaced, D);
    tec_sequences_clear(&c->seq, P + V);
    tec_sequences_append(&c->seq, B, 0);
#pragma omp parallel for schedule(static)
    for (int b = 0; b < B; b++)
        tec_patches_gather(example[b].image, e->config.channels, e->config.image_size, e->config.patch,
                           example[b].shuffle, V, c->patches + reals(b * V, pixels));
    tec_linear_forward(c->patches, pixels, tec_params_weight(e->params, e->patch_weight),
                       tec_params_weight(e->params, e->patch_bias), B * V, pixels, D, c->embedded, D);
#pragma omp parallel for schedule(static)
    for (int b = 0; b < B; b++) {
        real *x = c->x + reals(b * (P + V) + P, D);
        for (int i = 0; i < V; i++)
            tec_add(c->embedded + reals(b * V + i, D), position + reals(example[b].shuffle[i], D), D, x + reals(i, D));
    }
}

static void embed(const encoder *e, const tec_example *example, int B, const real *class_row, encoder_cache *c)
{
    int D = e->config.width;
    tec_encoder_embed_patches(e, example, B, c);
    for (int b = 0; b < B; b++)
        tec_add(class_row, tec_params_weight(e->params, e->pos_embed), D, c->x + reals(b * (1 + c->visible), D));
}

void tec_encoder_forward(const encoder *e, const tec_example *example, int B, const real *class_row, encoder_cache *c,
                         const scratch *s)
{
    embed(e, example, B, class_row, c);
    block_input in = {c->x, B * (1 + c->visible), NULL};
    for (int i = 0; i < e->config.depth; i++) {
        tec_block_forward(&e->block[i], &c->seq.view, in, &c->block[i], s);
        in.x = c->block[i].out;
    }
    tec_norm_forward(&e->norm, in.x, in.distinct, &c->norm, c->normed);
}

static void embed_backward(const encoder *e, int B, const real *d, real *dclass, const encoder_cache *c)
{
    int V = c->visible, D = e->config.width, pixels = patch_pixels(e);
    const tec_params *p = e->params;
    for (int b = 0; b < B; b++) {
        const real *row = d + reals(b * (1 + V), D);
        tec_add(dclass, row, D, dclass);
        copy_reals(row + D, reals(V, D), c->embedded + reals(b * V, D));
    }
    tec_linear_backward(c->embedded, D, c->patches, pixels, tec_params_weight(p, e->patch_weight), B * V, pixels, D,
                        NULL, 0, 0, tec_params_grad(p, e->patch_weight), tec_params_grad(p, e->patch_bias));
}

void tec_encoder_backward(const encoder *e, int B, real *d, const real *extra, real *dclass, const encoder_cache *c,
                          const scratch *s)
{
    int depth = e->config.depth, D = e->config.width, R = B * (1 + c->visible);
    for (int i = depth - 1; i >= 0; i--) {
        if (extra && i < depth - 1)
            for (int r = 0; r < R; r++)
                tec_add(d + reals(r, D), extra + reals(r * depth + i, D), D, d + reals(r, D));
        tec_block_backward(&e->block[i], &c->seq.view, d, &c->block[i], s, d);
        tec_params_finish(e->params, e->block[i].norm1.weight);
    }
    embed_backward(e, B, d, dclass, c);
}
