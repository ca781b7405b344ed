/* One or two decoders that share their blocks, forward and backward. */
#include "decoder.h"

#include "matrix.h"
#include "positions.h"

#include "tec/memory.h"
#include "tec/ops.h"

#include <stdio.h>
#include <stdlib.h>

void tec_decoder_register(decoder *d, tec_params *params, const tec_model_config *c, int count,
                          const char *const *prefix, const bool *hidden_only)
{
    char name[64];
    int W = c->decoder_width;
    *d = (decoder){.params = params,
                   .input = c->width,
                   .width = W,
                   .depth = c->decoder_depth,
                   .heads = c->decoder_heads,
                   .hidden = tec_mlp_hidden(W, c->mlp_ratio),
                   .patches = tec_model_patches(c),
                   .grid = tec_model_grid(c),
                   .count = count};
    d->pos_embed = tec_params_add(params, TEC_INIT_FIXED, (int[4]){1, 1 + d->patches, W}, "decoder_pos_embed");
    for (int i = 0; i < count; i++) {
        d->head[i].embed_weight =
            tec_params_add(params, TEC_INIT_XAVIER, (int[4]){W, c->width}, "%sdecoder_embed.weight", prefix[i]);
        d->head[i].embed_bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){W}, "%sdecoder_embed.bias", prefix[i]);
        d->head[i].mask_token = tec_params_add(params, TEC_INIT_TOKEN, (int[4]){1, 1, W}, "%smask_token", prefix[i]);
        d->head[i].hidden_only = hidden_only[i];
    }
    d->block = tec_allocate_zeroed((size_t)d->depth, sizeof *d->block);
    for (int i = 0; i < d->depth; i++) {
        snprintf(name, sizeof name, "decoder_blocks.%d", i);
        d->block[i] = tec_block_register(
            params, &(block_shape){.width = W, .heads = d->heads, .hidden = d->hidden, .norm_eps = NORM_EPS}, name);
    }
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%sdecoder_norm", prefix[i]);
        d->head[i].norm = tec_norm_register(params, W, NORM_EPS, name);
    }
}

void tec_decoder_fill_positions(const decoder *d)
{
    tec_positions_fill(d->grid, d->width, tec_params_weight(d->params, d->pos_embed));
}

void tec_decoder_free(decoder *d)
{
    free(d->block);
}

static int first_query(const decoder *d, int i, int visible)
{
    return d->head[i].hidden_only ? 1 + visible : 0;
}

int tec_decoder_rows(const decoder *d, int i, int visible)
{
    return 1 + d->patches - first_query(d, i, visible);
}

static int last_rows(const decoder *d, int B, int visible)
{
    int rows = 0;
    for (int i = 0; i < d->count; i++)
        rows += B * tec_decoder_rows(d, i, visible);
    return rows;
}

/* Distinct rows of one decoder's input. */
static int distinct_rows(const decoder *d, int B, int visible)
{
    return B * (1 + visible) + d->patches;
}

void tec_decoder_lay_out(const decoder *d, int B, int visible, decoder_cache *c, tec_arena *arena)
{
    int N = 1 + d->patches, R = d->count * B * N, U = d->count * distinct_rows(d, B, visible);
    int M = last_rows(d, B, visible);
    c->visible = visible;
    tec_sequences_lay_out(d->count * B, &c->all, arena);
    tec_sequences_lay_out(d->count * B, &c->last, arena);
    c->x = take_reals(arena, U, d->width);
    c->of = take_array(arena, R, sizeof *c->of);
    c->block = take_array(arena, d->depth, sizeof *c->block);
    for (int i = 0; i < d->depth; i++) {
        block_cache laid_out = {0};
        tec_block_lay_out(&d->block[i], R, i > 0 ? R : U, i + 1 < d->depth ? R : M, N, &laid_out, arena);
        if (c->block)
            c->block[i] = laid_out;
    }
    for (int i = 0; i < d->count; i++) {
        int rows = B * tec_decoder_rows(d, i, visible);
        tec_norm_lay_out(rows, &c->norm[i], arena);
        c->normed[i] = take_reals(arena, rows, d->width);
        c->dnormed[i] = take_reals(arena, rows, d->width);
    }
    c->dlast = take_reals(arena, M, d->width);
    c->dmiddle = take_reals(arena, R, d->width);
    c->dx = take_reals(arena, U, d->width);
}

void tec_decoder_scratch(const decoder *d, int B, int visible, scratch *s)
{
    tec_scratch_need(s, d->count * B * (1 + d->patches), d->count * distinct_rows(d, B, visible), d->width, d->hidden,
                     1 + d->patches);
}

/* Adds the positions to the embedded rows of decoder i, and places its mask tokens, with theirs, behind them.
 *
 *   x  [B (1 + V) + L, W] */
static void place_tokens(const decoder *d, int i, const tec_example *example, int B, int V, real *x)
{
    int W = d->width;
    const real *position = tec_params_weight(d->params, d->pos_embed);
    const real *mask_token = tec_params_weight(d->params, d->head[i].mask_token);
#pragma omp parallel for schedule(static)
    for (int b = 0; b < B; b++)
        for (int l = 0; l < 1 + V; l++) {
            real *row = x + reals(b * (1 + V) + l, W);
            tec_add(row, position + reals(l ? 1 + example[b].shuffle[l - 1] : 0, W), W, row);
        }
    real *masks = x + reals(B * (1 + V), W);
    for (int l = 0; l < d->patches; l++)
        tec_add(mask_token, position + reals(1 + l, W), W, masks + reals(l, W));
}

/* In which row of the first block's input each token of a decoder is.
 *
 *   first  the decoder's first row there
 *   of     [B N] */
static void find_tokens(const decoder *d, const tec_example *example, int B, int V, int first, int *of)
{
    int N = 1 + d->patches, masks = first + B * (1 + V);
    for (int b = 0; b < B; b++, of += N)
        for (int l = 0; l < N; l++)
            of[l] = l <= V ? first + b * (1 + V) + l : masks + example[b].shuffle[l - 1];
}

static void embed(const decoder *d, const tec_example *example, int B, const real *z, decoder_cache *c)
{
    int W = d->width, V = c->visible, distinct = distinct_rows(d, B, V);
    for (int i = 0; i < d->count; i++) {
        real *x = c->x + reals(i * distinct, W);
        tec_linear_forward(z, d->input, tec_params_weight(d->params, d->head[i].embed_weight),
                           tec_params_weight(d->params, d->head[i].embed_bias), B * (1 + V), d->input, W, x, W);
        place_tokens(d, i, example, B, V, x);
        find_tokens(d, example, B, V, i * distinct, c->of + i * B * (1 + d->patches));
    }
}

static void describe_sequences(const decoder *d, int B, decoder_cache *c)
{
    tec_sequences_clear(&c->all, 1 + d->patches);
    tec_sequences_append(&c->all, d->count * B, 0);
    tec_sequences_clear(&c->last, 1 + d->patches);
    for (int i = 0; i < d->count; i++)
        tec_sequences_append(&c->last, B, first_query(d, i, c->visible));
}

void tec_decoder_forward(const decoder *d, const tec_example *example, int B, const real *z, decoder_cache *c,
                         const scratch *s)
{
    describe_sequences(d, B, c);
    c->z = z;
    embed(d, example, B, z, c);
    block_input in = {c->x, d->count * distinct_rows(d, B, c->visible), c->of, NULL, NULL, NULL};
    for (int i = 0; i < d->depth; i++) {
        tec_block_forward(&d->block[i], i + 1 < d->depth ? &c->all.view : &c->last.view, in, &c->block[i], s);
        in = (block_input){c->block[i].out, d->count * B * (1 + d->patches), NULL, NULL, NULL, NULL};
    }
    for (int i = 0; i < d->count; i++)
        tec_norm_forward(&d->head[i].norm, in.x + reals(c->last.row[i * B], d->width),
                         B * tec_decoder_rows(d, i, c->visible), &c->norm[i], c->normed[i]);
}

/* From dx, the gradient of the first block's input, to those of z and of decoder i's embedding and mask token. */
static void embed_backward(const decoder *d, int i, int B, decoder_cache *c, real *dz)
{
    int W = d->width, seen = B * (1 + c->visible);
    const tec_params *p = d->params;
    const real *dx = c->dx + reals(i * distinct_rows(d, B, c->visible), W);
    tec_bias_backward(dx + reals(seen, W), W, d->patches, W, tec_params_grad(p, d->head[i].mask_token));
    tec_linear_backward(dx, W, c->z, d->input, tec_params_weight(p, d->head[i].embed_weight), seen, d->input, W, dz,
                        d->input, i > 0, tec_params_grad(p, d->head[i].embed_weight),
                        tec_params_grad(p, d->head[i].embed_bias));
}

void tec_decoder_backward(const decoder *d, int B, decoder_cache *c, const scratch *s, real *dz)
{
    const real *x = c->block[d->depth - 1].out;
    for (int i = 0; i < d->count; i++) {
        size_t at = reals(c->last.row[i * B], d->width);
        tec_norm_backward(&d->head[i].norm, c->dnormed[i], x + at, B * tec_decoder_rows(d, i, c->visible), &c->norm[i],
                          c->dlast + at, false);
    }
    real *gradient = c->dlast;
    for (int i = d->depth - 1; i >= 0; i--) {
        bool last = i == d->depth - 1, pruned = last && c->last.row[d->count * B] < c->all.row[d->count * B];
        real *dx = pruned ? c->dmiddle : gradient;
        if (i == 0)
            dx = c->dx;
        tec_block_backward(&d->block[i], last ? &c->last.view : &c->all.view, gradient, &c->block[i], s, dx);
        gradient = dx;
        tec_params_finish(d->params, d->block[i].norm1.weight);
    }
    for (int i = 0; i < d->count; i++)
        embed_backward(d, i, B, c, dz);
    tec_params_finish(d->params, d->head[0].embed_weight);
}
