/* The encoder, forward and backward: patch embedding, tokens, positions, blocks, norm. */
#include "encoder.h"

#include "matrix.h"
#include "positions.h"

#include "tec/memory.h"
#include "tec/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int patch_pixels(const encoder *e)
{
    return e->config.channels * e->config.patch * e->config.patch;
}

static bool is_classifier(const encoder *e)
{
    return e->config.kind == TEC_MODEL_CLASSIFIER;
}

/* The tokens before the patches, and the position table. */
static void register_tokens(encoder *e, tec_params *params, const tec_model_config *c)
{
    const tec_vit_variant *v = &c->variant;
    int D = c->width, placed = e->prefix - v->unplaced;
    e->cls_token = e->dist_token = e->reg_token = e->pos_embed = e->rotary_table = -1;
    if (!v->no_class_token)
        e->cls_token = tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, 1, D}, "cls_token");
    if (v->distillation_token)
        e->dist_token = tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, 1, D}, "dist_token");
    if (v->registers)
        e->reg_token = tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, v->registers, D}, "reg_token");
    if (!v->no_pos_embed)
        e->pos_embed = tec_params_add(params, is_classifier(e) ? TEC_INIT_FILLED : TEC_INIT_FIXED,
                                      (int[4]){1, placed + tec_model_patches(c), D}, "pos_embed");
    if (v->rotary == TEC_ROTARY_MIXED)
        e->rotary_table =
            tec_params_add(params, TEC_INIT_FIXED, (int[4]){2, c->depth, c->heads, D / c->heads / 2}, "rope.freqs");
    else if (v->rotary)
        e->rotary_table = tec_params_add(params, TEC_INIT_FIXED, (int[4]){D / c->heads / 4}, "rope.periods");
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
                         .form = v->block,
                         .norm_eps = v->norm_eps > 0 ? (real)v->norm_eps : NORM_EPS,
                         .attn_norm = v->attn_norm,
                         .mlp_norm = v->mlp_norm,
                         .relative_rows = v->relative_bias ? tec_relative_rows(tec_model_grid(c)) : 0};
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
    if (!v->no_norm)
        e->norm = tec_norm_register(params, c->width, shape.norm_eps, v->fc_norm ? "fc_norm" : "norm");
}

/* How many of the tokens before the patches have a position: the first ones. */
static int placed_tokens(const encoder *e)
{
    return e->prefix - e->config.variant.unplaced;
}

/* The table has room for one token before the patches; more, or none, are not ours, and are read from a file. */
void tec_encoder_fill_positions(const encoder *e)
{
    if (e->pos_embed >= 0 && placed_tokens(e) == 1)
        tec_positions_fill(tec_model_grid(&e->config), e->config.width, tec_params_weight(e->params, e->pos_embed));
}

static bool is_mixed(const encoder *e)
{
    return e->config.variant.rotary == TEC_ROTARY_MIXED;
}

/* Frequencies that were learnt are read from a file. */
void tec_encoder_fill_periods(const encoder *e)
{
    if (e->rotary_table >= 0 && !is_mixed(e))
        tec_rotary_fill_periods(&e->config, tec_params_weight(e->params, e->rotary_table));
}

void tec_encoder_free(encoder *e)
{
    free(e->block);
}

static void lay_out_rotary(const encoder *e, int visible, encoder_cache *c, tec_arena *arena)
{
    const int planes = e->config.width / (is_mixed(e) ? 1 : e->config.heads) / 2,
              blocks = is_mixed(e) ? e->config.depth : 1;
    c->rotary = take_array(arena, e->config.depth, sizeof *c->rotary);
    c->cosine = take_array(arena, blocks, reals(visible, planes) * sizeof *c->cosine);
    c->sine = take_array(arena, blocks, reals(visible, planes) * sizeof *c->sine);
    c->turned_by = tec_arena_take(arena, e->params->param[e->rotary_table].count * sizeof *c->turned_by);
}

static void lay_out_embedding(const encoder *e, int B, int visible, encoder_cache *c, tec_arena *arena)
{
    int D = e->config.width, N = e->prefix + visible;
    c->visible = visible;
    tec_sequences_lay_out(B, &c->seq, arena);
    if (e->config.variant.relative_bias)
        c->relative = take_array(arena, N, (size_t)N * sizeof *c->relative);
    if (e->rotary_table >= 0)
        lay_out_rotary(e, visible, c, arena);
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
    if (e->config.variant.pre_norm) {
        c->pre = take_reals(arena, B * N, e->config.width);
        tec_norm_lay_out(B * N, &c->pre_norm, arena);
    }
    if (is_classifier(e))
        c->keep = take_reals(arena, 2 * e->config.depth, B);
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

const tec_rotary *tec_encoder_rotary(const encoder *e, encoder_cache *c)
{
    const tec_model_config *config = &e->config;
    if (e->rotary_table < 0)
        return NULL;
    const real *table = tec_params_weight(e->params, e->rotary_table);
    const int patches = tec_model_patches(config);
    const size_t count = e->params->param[e->rotary_table].count;
    if (c->is_turned && memcmp(c->turned_by, table, count * sizeof *table) == 0)
        return c->rotary;
    copy_reals(table, count, c->turned_by);
    c->is_turned = true;
    if (!is_mixed(e))
        tec_rotary_fill_angles(config, table, c->cosine, c->sine);
    for (int i = 0; i < config->depth; i++) {
        const size_t at = is_mixed(e) ? (size_t)i * reals(patches, config->width / 2) : 0;
        if (is_mixed(e))
            tec_rotary_fill_mixed(config, table, i, c->cosine + at, c->sine + at);
        c->rotary[i] = (tec_rotary){.prefix = e->prefix,
                                    .patches = patches,
                                    .planes = config->width / config->heads / 2,
                                    .pairs = config->variant.rotary != TEC_ROTARY_HALVES,
                                    .by_head = is_mixed(e),
                                    .cosine = c->cosine + at,
                                    .sine = c->sine + at};
    }
    return c->rotary;
}

const int *tec_encoder_relative(const encoder *e, encoder_cache *c)
{
    if (!e->config.variant.relative_bias)
        return NULL;
    tec_relative_fill_index(tec_model_grid(&e->config), c->relative);
    return c->relative;
}

/* The embedded patches of an image, with their positions -> x [V, D] */
static void place(const encoder *e, const real *embedded, const int *order, int V, real *x)
{
    int D = e->config.width;
    if (e->pos_embed < 0) {
        copy_reals(embedded, reals(V, D), x);
        return;
    }
    const real *position = tec_params_weight(e->params, e->pos_embed) + reals(placed_tokens(e), D);
    for (int i = 0; i < V; i++)
        tec_add(embedded + reals(i, D), position + reals(order ? order[i] : i, D), D, x + reals(i, D));
}

void tec_encoder_embed_patches(const encoder *e, const tec_example *example, int B, encoder_cache *c)
{
    int V = c->visible, P = e->prefix, D = e->config.width, pixels = patch_pixels(e);
    tec_sequences_clear(&c->seq, P + V);
    tec_sequences_append(&c->seq, B, 0);
#pragma omp parallel for schedule(static)
    for (int b = 0; b < B; b++)
        tec_patches_gather(example[b].image, e->config.channels, e->config.image_size, e->config.patch,
                           example[b].shuffle, V, c->patches + reals(b * V, pixels));
    tec_linear_forward(c->patches, pixels, tec_params_weight(e->params, e->patch_weight),
                       tec_params_weight(e->params, e->patch_bias), B * V, pixels, D, c->embedded, D);
#pragma omp parallel for schedule(static)
    for (int b = 0; b < B; b++)
        place(e, c->embedded + reals(b * V, D), example[b].shuffle, V, c->x + reals(b * (P + V) + P, D));
}

/* Row t of the tokens before the patches: of the weights or of the gradients, whichever `of` finds. */
static real *prefix_row(const encoder *e, int t, real *class_row, real *(*of)(const tec_params *params, int index))
{
    int D = e->config.width;
    if (class_row && t-- == 0)
        return class_row;
    if (e->dist_token >= 0 && t-- == 0)
        return of(e->params, e->dist_token);
    return of(e->params, e->reg_token) + reals(t, D);
}

static void embed(const encoder *e, const tec_example *example, int B, const real *class_row, encoder_cache *c)
{
    int D = e->config.width, P = e->prefix, N = P + c->visible;
    const real *position = e->pos_embed < 0 ? NULL : tec_params_weight(e->params, e->pos_embed);
    tec_encoder_embed_patches(e, example, B, c);
    for (int b = 0; b < B; b++)
        for (int t = 0; t < P; t++) {
            const real *token = prefix_row(e, t, (real *)class_row, tec_params_weight);
            real *row = c->x + reals(b * N + t, D);
            if (t < placed_tokens(e))
                tec_add(token, position + reals(t, D), D, row);
            else
                copy_reals(token, reals(1, D), row);
        }
}

/* Returns [depth, 2, B], or NULL: no branch is left out. */
static const real *gather_keep(const encoder *e, const tec_example *example, int B, encoder_cache *c)
{
    if (!is_classifier(e) || !example[0].keep)
        return NULL;
    for (int i = 0; i < 2 * e->config.depth; i++)
        for (int b = 0; b < B; b++)
            c->keep[reals(i, B) + (size_t)b] = example[b].keep[i];
    return c->keep;
}

const real *tec_encoder_blocks_forward(const encoder *e, const tec_example *example, int B, const real *class_row,
                                       encoder_cache *c, const scratch *s)
{
    embed(e, example, B, class_row, c);
    block_input in = {c->x,
                      B * (e->prefix + c->visible),
                      NULL,
                      gather_keep(e, example, B, c),
                      tec_encoder_rotary(e, c),
                      tec_encoder_relative(e, c)};
    if (e->config.variant.pre_norm) {
        tec_norm_forward(&e->norm_pre, c->x, in.distinct, &c->pre_norm, c->pre);
        in.x = c->pre;
    }
    for (int i = 0; i < e->config.depth; i++) {
        tec_block_forward(&e->block[i], &c->seq.view, in, &c->block[i], s);
        in.x = c->block[i].out;
        in.keep = in.keep ? in.keep + reals(2, B) : NULL;
        in.rotary = in.rotary ? in.rotary + 1 : NULL;
    }
    return in.x;
}

void tec_encoder_pool(const encoder *e, const real *tokens, int L, bool mean, real *out)
{
    int D = e->config.width;
    const real *patches = tokens + reals(e->prefix, D);
    if (!mean) {
        copy_reals(tokens, reals(1, D), out);
        return;
    }
    zero_reals(out, reals(1, D));
    for (int l = 0; l < L; l++)
        tec_add(out, patches + reals(l, D), D, out);
    for (int d = 0; d < D; d++)
        out[d] /= (real)L;
}

void tec_encoder_forward(const encoder *e, const tec_example *example, int B, const real *class_row, encoder_cache *c,
                         const scratch *s)
{
    const real *x = tec_encoder_blocks_forward(e, example, B, class_row, c, s);
    tec_norm_forward(&e->norm, x, B * (e->prefix + c->visible), &c->norm, c->normed);
}

/* Adds the gradients of an image's tokens, d [N, D], to those of the position table, which has all patches. */
static void positions_backward(const encoder *e, const real *d, int visible, real *dposition)
{
    int D = e->config.width, placed = placed_tokens(e);
    tec_add(dposition, d, placed * D, dposition);
    dposition += reals(placed, D);
    tec_add(dposition, d + reals(e->prefix, D), visible * D, dposition);
}

static void embed_backward(const encoder *e, int B, const real *d, real *dclass, const encoder_cache *c)
{
    int V = c->visible, P = e->prefix, D = e->config.width, pixels = patch_pixels(e);
    const tec_params *p = e->params;
    real *dposition = e->pos_embed < 0 ? NULL : tec_params_grad(p, e->pos_embed);
    for (int b = 0; b < B; b++) {
        const real *row = d + reals(b * (P + V), D);
        for (int t = 0; t < P; t++) {
            real *dtoken = prefix_row(e, t, dclass, tec_params_grad);
            tec_add(dtoken, row + reals(t, D), D, dtoken);
        }
        if (dposition)
            positions_backward(e, row, V, dposition);
        copy_reals(row + reals(P, D), reals(V, D), c->embedded + reals(b * V, D));
    }
    tec_linear_backward(c->embedded, D, c->patches, pixels, tec_params_weight(p, e->patch_weight), B * V, pixels, D,
                        NULL, 0, 0, tec_params_grad(p, e->patch_weight), tec_params_grad(p, e->patch_bias));
}

void tec_encoder_backward(const encoder *e, int B, real *d, const real *extra, real *dclass, const encoder_cache *c,
                          const scratch *s)
{
    int depth = e->config.depth, D = e->config.width, R = B * (e->prefix + c->visible);
    for (int i = depth - 1; i >= 0; i--) {
        if (extra && i < depth - 1)
            for (int r = 0; r < R; r++)
                tec_add(d + reals(r, D), extra + reals(r * depth + i, D), D, d + reals(r, D));
        tec_block_backward(&e->block[i], &c->seq.view, d, &c->block[i], s, d);
        tec_params_finish(e->params, e->block[i].norm1.weight);
    }
    if (e->config.variant.pre_norm) {
        tec_norm_backward(&e->norm_pre, d, c->x, R, &c->pre_norm, s->row, false);
        d = s->row;
    }
    embed_backward(e, B, d, dclass, c);
}
