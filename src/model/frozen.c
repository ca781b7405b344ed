/* The encoder without backward: features for evaluation, and the targets that TEC learns from. */
#include "tec/frozen.h"

#include "adaptors.h"
#include "encoder.h"
#include "matrix.h"

#include "tec/gemm.h"
#include "tec/memory.h"
#include "tec/ops.h"
#include "tec/text.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct tec_frozen {
    tec_model_config config;
    tec_params params;
    encoder encoder;
    bool has_class_mlp;
    class_adaptor class_adaptor;
    int batch;
    tec_arena arena;
    encoder_cache cache;
    class_adaptor_cache class_cache;
    scratch scratch;
    tec_example *example; /* [batch] */
    real *prefix;         /* [P, D]  the tokens before the patches, with their positions */
    real *mean;           /* [L]     the class query's logits, mean over heads */
};

static void lay_out(tec_frozen *f, tec_arena *arena)
{
    const tec_model_config *c = &f->config;
    int L = tec_model_patches(c);
    tec_encoder_scratch(&f->encoder, f->batch, L, &f->scratch);
    tec_encoder_lay_out_inference(&f->encoder, f->batch, &f->cache, arena);
    if (f->has_class_mlp)
        tec_class_adaptor_lay_out(&f->class_adaptor, &f->class_cache, arena);
    f->scratch.attention = tec_arena_take(arena, f->scratch.attention_size * sizeof(real));
    if (c->variant.block == TEC_BLOCK_POST_NORM)
        f->scratch.row = tec_arena_take(arena, f->scratch.row_size * sizeof(real));
    f->example = take_array(arena, f->batch, sizeof *f->example);
    f->prefix = take_reals(arena, f->encoder.prefix, c->width);
    f->mean = take_reals(arena, 1, L);
}

tec_status tec_frozen_create(tec_frozen **out, const tec_model_config *config, int batch)
{
    *out = NULL;
    tec_model_config encoder_only = *config;
    encoder_only.kind = TEC_MODEL_VIT;
    TEC_TRY(tec_model_config_check(&encoder_only));
    tec_frozen *f = tec_allocate_zeroed(1, sizeof *f);
    f->config = encoder_only;
    f->batch = batch;
    f->has_class_mlp = config->kind == TEC_MODEL_TEC;
    tec_encoder_register(&f->encoder, &f->params, &f->config);
    if (f->has_class_mlp)
        tec_class_adaptor_register(&f->class_adaptor, &f->params, f->encoder.cls_token, config->width);
    tec_params_allocate(&f->params, false);
    tec_encoder_fill_periods(&f->encoder);
    lay_out(f, &f->arena);
    tec_arena_reserve(&f->arena);
    lay_out(f, &f->arena);
    *out = f;
    return TEC_OK;
}

/* Copies tensor `index`, unless it is -1, to `row`. Returns where the next one goes. */
static real *append_tokens(tec_frozen *f, int index, real *row)
{
    if (index < 0)
        return row;
    size_t count = f->params.param[index].count;
    copy_reals(tec_params_weight(&f->params, index), count, row);
    return row + count;
}

void tec_frozen_class_token(tec_frozen *f, real *out)
{
    const real *token = tec_params_weight(&f->params, f->encoder.cls_token);
    if (f->has_class_mlp) {
        tec_class_adaptor_forward(&f->class_adaptor, &f->class_cache);
        token = f->class_cache.out;
    }
    copy_reals(token, reals(1, f->config.width), out);
}

void tec_frozen_ready(tec_frozen *f)
{
    const encoder *e = &f->encoder;
    int placed = (e->prefix - f->config.variant.unplaced) * f->config.width;
    real *row = f->prefix;
    if (e->cls_token >= 0) {
        tec_frozen_class_token(f, row);
        row += f->config.width;
    }
    append_tokens(f, e->reg_token, append_tokens(f, e->dist_token, row));
    if (placed > 0)
        tec_add(f->prefix, tec_params_weight(&f->params, e->pos_embed), placed, f->prefix);
    tec_encoder_rotary(e, &f->cache);
    tec_encoder_relative(e, &f->cache);
}

void tec_frozen_close(tec_frozen *f)
{
    if (!f)
        return;
    tec_encoder_free(&f->encoder);
    tec_arena_free(&f->arena);
    tec_params_free(&f->params);
    free(f);
}

void tec_frozen_list(const tec_model_config *config, tec_params *params)
{
    encoder e;
    class_adaptor a;
    tec_encoder_register(&e, params, config);
    if (config->kind == TEC_MODEL_TEC)
        tec_class_adaptor_register(&a, params, e.cls_token, config->width);
    tec_encoder_free(&e);
}

const tec_model_config *tec_frozen_config(const tec_frozen *f)
{
    return &f->config;
}

tec_params *tec_frozen_params(tec_frozen *f)
{
    return &f->params;
}

uint64_t tec_frozen_hash(const tec_frozen *f)
{
    const tec_vit_variant *v = &f->config.variant;
    uint64_t hash = tec_params_hash(&f->params), rest = (uint64_t)v->activation; /* what no tensor tells */
    rest |= (uint64_t)v->rotary << 8 | (uint64_t)v->rotary_grid << 16 | (uint64_t)v->rotary_first << 48 |
            (uint64_t)v->block << 52;
    return rest ? (hash ^ rest) * UINT64_C(0x9e3779b97f4a7c15) : hash;
}

size_t tec_frozen_workspace_bytes(const tec_frozen *f)
{
    return f->arena.size;
}

/* Returns the input of the first block [B N, D]. */
static const real *embed(tec_frozen *f, const real *images, int B)
{
    const encoder *e = &f->encoder;
    int D = f->config.width, N = e->prefix + tec_model_patches(&f->config);
    for (int b = 0; b < B; b++)
        f->example[b] = (tec_example){.image = images + (size_t)b * tec_model_pixels(&f->config)};
    tec_encoder_embed_patches(e, f->example, B, &f->cache);
    for (int b = 0; b < B; b++)
        copy_reals(f->prefix, reals(e->prefix, D), f->cache.x + reals(b * N, D));
    if (!f->config.variant.pre_norm)
        return f->cache.x;
    tec_norm_forward(&e->norm_pre, f->cache.x, B * N, &f->cache.norm, f->cache.normed);
    return f->cache.normed;
}

/* Runs block i on x [B N, D]. The outputs of all blocks are in the same place, which may be x. */
static const real *run_block(tec_frozen *f, int i, const real *x)
{
    block_cache *c = &f->cache.block[0];
    const tec_sequences *seq = &f->cache.seq.view;
    const block_input in = {.x = x,
                            .distinct = seq->count * seq->N,
                            .rotary = f->encoder.rotary_table < 0 ? NULL : &f->cache.rotary[i],
                            .relative = f->cache.relative};
    tec_block_forward(&f->encoder.block[i], seq, in, c, &f->scratch);
    return c->out;
}

const char *tec_pooling_name(tec_pooling pooling)
{
    static const char *const names[] = {TEC_TOKENS_LIST(TEC_COMMA)};
    return names[pooling];
}

/* The chosen tokens of x [B N, D]; of all patches, L rows an image. */
static void pool(const tec_frozen *f, const real *x, int B, tec_pooling pooling, real *out)
{
    int D = f->config.width, L = tec_model_patches(&f->config), P = f->encoder.prefix, N = P + L;
    for (int b = 0; b < B; b++)
        if (pooling == TEC_POOL_NONE)
            copy_reals(x + reals(b * N + P, D), reals(L, D), out + reals(b * L, D));
        else
            tec_encoder_pool(&f->encoder, x + reals(b * N, D), L, pooling == TEC_POOL_MEAN, out + reals(b, D));
}

void tec_frozen_tap(tec_frozen *f, const real *images, int B, const tec_tap *tap, real *out)
{
    int depth = tap->layer ? tap->layer : f->config.depth, N = f->encoder.prefix + tec_model_patches(&f->config);
    bool norm_tokens = !f->config.variant.fc_norm && !f->config.variant.no_norm && !tap->raw;
    bool norm_pooled = f->config.variant.fc_norm && !tap->raw && tap->pooling != TEC_POOL_NONE;
    assert(depth <= f->config.depth && (tap->pooling != TEC_POOL_CLASS || f->encoder.cls_token >= 0));
    const real *x = embed(f, images, B);
    for (int i = 0; i < depth; i++)
        x = run_block(f, i, x);
    if (norm_tokens) {
        tec_norm_forward(&f->encoder.norm, x, B * N, &f->cache.norm, f->cache.normed);
        x = f->cache.normed;
    }
    pool(f, x, B, tap->pooling, norm_pooled ? f->cache.normed : out);
    if (norm_pooled)
        tec_norm_forward(&f->encoder.norm, f->cache.normed, B, &f->cache.norm, out);
}

void tec_frozen_features(tec_frozen *f, const real *images, int B, tec_pooling pooling, real *out)
{
    tec_frozen_tap(f, images, B, &(tec_tap){.pooling = pooling}, out);
}

/* Scaled logits of n queries of an image against the keys of all its patches.
 *
 *   q    [n, D]        row stride ldq
 *   qkv  [P + L, 3 D]  of the image
 *   out  [n, H, L] */
static void query_logits(const tec_frozen *f, const real *q, int ldq, int n, const real *qkv, real *out)
{
    int D = f->config.width, H = f->config.heads, L = tec_model_patches(&f->config), width = D / H;
    const real *k = qkv + reals(f->encoder.prefix, 3 * D) + D;
    for (int h = 0; h < H; h++)
        tec_gemm(n, L, width, 1 / (real)sqrt((double)width), tec_plain(q + h * width, ldq),
                 tec_transposed(k + h * width, 3 * D), 0, out + reals(h, L), H * L);
}

/* Adds the last block's relative position bias, if it has one, to the logits of the query of a token, out [H, L]. */
static void add_relative(const tec_frozen *f, int token, real *out)
{
    const int H = f->config.heads, L = tec_model_patches(&f->config), P = f->encoder.prefix;
    if (!f->config.variant.relative_bias)
        return;
    const real *table = tec_params_weight(&f->params, f->encoder.block[f->config.depth - 1].relative);
    const int *row = f->cache.relative + reals(token, P + L) + P;
    for (int h = 0; h < H; h++)
        for (int l = 0; l < L; l++)
            out[reals(h, L) + (size_t)l] += table[reals(row[l], H) + (size_t)h];
}

/* The patches with the largest head-mean logit of the class query, largest first.
 *
 *   class_logit  [H, L]
 *   topk         [K] */
static void pick_patches(tec_frozen *f, const real *class_logit, int K, int *topk)
{
    int H = f->config.heads, L = tec_model_patches(&f->config);
    zero_reals(f->mean, reals(1, L));
    for (int h = 0; h < H; h++)
        tec_add(f->mean, class_logit + reals(h, L), L, f->mean);
    for (int k = 0; k < K; k++) {
        int best = 0;
        for (int l = 1; l < L; l++)
            if (f->mean[l] > f->mean[best])
                best = l;
        topk[k] = best;
        f->mean[best] = -INFINITY;
    }
}

/* What a model without a class token has in the place of its query. Logits are linear in the query, so that those of the
 * mean are the mean of those of all patches.
 *
 *   qkv   [P + L, 3 D]
 *   mean  [D] */
static void mean_query(const tec_frozen *f, const real *qkv, real *mean)
{
    int D = f->config.width, L = tec_model_patches(&f->config), P = f->encoder.prefix;
    zero_reals(mean, reals(1, D));
    for (int l = 0; l < L; l++)
        tec_add(mean, qkv + reals(P + l, 3 * D), D, mean);
    for (int i = 0; i < D; i++)
        mean[i] /= (real)L;
}

/* The attention targets of one image.
 *
 *   qkv        [P + L, 3 D]
 *   attention  [1 + K, H, L]  the class query's first
 *   topk       [K] */
static void attention_targets(tec_frozen *f, const real *qkv, int K, real *attention, int *topk)
{
    int D = f->config.width, H = f->config.heads, L = tec_model_patches(&f->config);
    real *picked = f->cache.normed; /* [K, D] */
    if (f->config.variant.no_class_token)
        mean_query(f, qkv, picked);
    query_logits(f, f->config.variant.no_class_token ? picked : qkv, 3 * D, 1, qkv, attention);
    add_relative(f, 0, attention);
    pick_patches(f, attention, K, topk);
    for (int k = 0; k < K; k++)
        copy_reals(qkv + reals(f->encoder.prefix + topk[k], 3 * D), reals(1, D), picked + reals(k, D));
    query_logits(f, picked, D, K, qkv, attention + reals(H, L));
    for (int k = 0; k < K; k++)
        add_relative(f, f->encoder.prefix + topk[k], attention + reals((1 + k) * H, L));
}

void tec_frozen_targets(tec_frozen *f, const real *images, int B, int last_layers, int K, real *feature,
                        real *attention, int *topk)
{
    int D = f->config.width, H = f->config.heads, L = tec_model_patches(&f->config), depth = f->config.depth;
    int P = f->encoder.prefix, N = P + L;
    size_t count = reals(B * L, D);
    const real *x = embed(f, images, B);
    zero_reals(feature, count);
    for (int i = 0; i < depth; i++) {
        x = run_block(f, i, x);
        for (int b = 0; b < B && i >= depth - last_layers; b++)
            tec_add(feature + reals(b * L, D), x + reals(b * N + P, D), L * D, feature + reals(b * L, D));
    }
    for (size_t i = 0; i < count; i++)
        feature[i] /= (real)last_layers;
    for (int b = 0; b < B; b++)
        attention_targets(f, f->cache.block[0].qkv + reals(b * N, 3 * D), K, attention + reals(b * (1 + K), H * L),
                          topk + b * K);
}
