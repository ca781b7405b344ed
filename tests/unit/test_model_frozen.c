/* Frozen models: features and targets against a plain reference. */
#include "gradient.h"
#include "reference.h"
#include "tiny_model.h"

#include "src/model/encoder.h"

#include "tec/frozen.h"
#include "tec/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE (TEC_REAL_IS_DOUBLE ? 1e-11 : 1e-4)

enum { BATCH = 3 };

static const tec_model_config configs[] = {
    {.kind = TEC_MODEL_VIT,
     .image_size = {12, 12},
     .patch = 4,
     .channels = 3,
     .width = 24,
     .depth = 3,
     .heads = 3,
     .mlp_ratio = 4},
    {.kind = TEC_MODEL_MAE,
     .image_size = {8, 8},
     .patch = 4,
     .channels = 1,
     .width = 16,
     .depth = 1,
     .heads = 4,
     .mlp_ratio = 2},
    {.kind = TEC_MODEL_TEC,
     .image_size = {8, 8},
     .patch = 2,
     .channels = 1,
     .width = 20,
     .depth = 2,
     .heads = 2,
     .mlp_ratio = 3},
    {.kind = TEC_MODEL_VIT,
     .image_size = {12, 8},
     .patch = 4,
     .channels = 2,
     .width = 12,
     .depth = 2,
     .heads = 2,
     .mlp_ratio = 2,
     .variant = {.no_class_token = true}},
    {.kind = TEC_MODEL_VIT,
     .image_size = {12, 8},
     .patch = 4,
     .channels = 2,
     .width = 12,
     .depth = 3,
     .heads = 3,
     .mlp_ratio = 2,
     .variant = {.block = TEC_BLOCK_POST_NORM}},
    {.kind = TEC_MODEL_VIT,
     .image_size = {8, 12},
     .patch = 4,
     .channels = 1,
     .width = 16,
     .depth = 2,
     .heads = 2,
     .mlp_ratio = 3,
     .variant = {.block = TEC_BLOCK_PARALLEL}},
};

/* A frozen model with random weights, positions included, and images for it. */
typedef struct base {
    tec_frozen *frozen;
    const tec_model_config *config;
    const tec_params *params;
    int D, H, L, P, N, pixels; /* P: 1, or 0 without a class token */
    real *images;
} base;

static base make(int i)
{
    const tec_model_config *c = &configs[i];
    int L = tec_model_patches(c), pixels = (int)tec_model_pixels(c);
    const int P = tec_model_prefix(c);
    base b = {.config = c, .D = c->width, .H = c->heads, .L = L, .P = P, .N = P + L, .pixels = pixels};
    assert_int_equal(tec_frozen_create(&b.frozen, c, BATCH), TEC_OK);
    tiny_weights(tec_frozen_params(b.frozen));
    b.params = tec_frozen_params(b.frozen);
    const tec_param *position = tec_params_find(b.params, "pos_embed");
    const double *random = random_values((int)position->count, 1);
    for (size_t j = 0; j < position->count; j++)
        b.params->weight[position->offset + j] = (real)random[j];
    tec_frozen_ready(b.frozen);
    b.images = copy_of(random_values(BATCH * pixels, 1), BATCH * pixels);
    return b;
}

/* Every block's output for one image, [depth] -> [N, D], and the last block's logits [H, N, N]. */
static void run_reference(const base *b, const real *image, double **output, double *logit)
{
    const tec_model_config *c = b->config;
    int every[64];
    for (int l = 0; l < b->L; l++)
        every[l] = l;
    const double *class_row = b->P ? widened(reference_tensor(b->params, "cls_token"), b->D) : NULL;
    if (c->kind == TEC_MODEL_TEC)
        class_row = reference_mlp(b->params, "cls_token_mlp", class_row, 1, b->D);
    const double *x = reference_tokens(b->params, c, class_row, image, every, b->L);
    for (int i = 0; i < c->depth; i++) {
        char name[32];
        snprintf(name, sizeof name, "blocks.%d", i);
        x = output[i] = reference_block_of(b->params, c->variant.block, name, x, b->N, b->D, b->H, logit);
    }
}

static void test_features(void **state)
{
    base b = make((int)(intptr_t)*state);
    double *output[8], *class_token = doubles(BATCH * b.D), *mean = doubles(BATCH * b.D);
    for (int i = 0; i < BATCH; i++) {
        run_reference(&b, b.images + i * b.pixels, output, NULL);
        const double *y = reference_norm(b.params, "norm", output[b.config->depth - 1], b.N, b.D, 1e-6);
        memcpy(class_token + i * b.D, y, (size_t)b.D * sizeof *y);
        for (int j = b.P * b.D; j < b.N * b.D; j++)
            mean[i * b.D + j % b.D] += y[j] / b.L;
    }
    real *out = reals(BATCH * b.D);
    if (b.P) {
        tec_frozen_features(b.frozen, b.images, BATCH, TEC_POOL_CLASS, out);
        assert_values("class tokens", out, class_token, BATCH * b.D, TOLERANCE);
    }
    tec_frozen_features(b.frozen, b.images, BATCH, TEC_POOL_MEAN, out);
    assert_values("means of the patches", out, mean, BATCH * b.D, TOLERANCE);
    for (int i = 0; i < BATCH; i++) {
        tec_frozen_features(b.frozen, b.images + i * b.pixels, 1, TEC_POOL_MEAN, out);
        assert_values("of one image", out, mean + i * b.D, b.D, TOLERANCE);
    }
    tec_frozen_close(b.frozen);
}

/* What tec_frozen_tap gives of one image behind every block, as the block gives it and after the final norm. */
static void test_taps(void **state)
{
    base b = make((int)(intptr_t)*state);
    const tec_model_config *c = b.config;
    double *output[8];
    real *out = reals(b.L * b.D);
    run_reference(&b, b.images, output, NULL);
    for (int layer = 0; layer <= c->depth; layer++)
        for (int raw = 0; raw < 2; raw++) {
            const double *x = output[layer ? layer - 1 : c->depth - 1];
            const double *y = raw ? x : reference_norm(b.params, "norm", x, b.N, b.D, 1e-6);
            tec_tap tap = {.layer = layer, .raw = raw, .pooling = TEC_POOL_CLASS};
            tec_frozen_tap(b.frozen, b.images, 1, &tap, out);
            assert_values("class token", out, y, b.D, TOLERANCE);
            tap.pooling = TEC_POOL_NONE;
            tec_frozen_tap(b.frozen, b.images, 1, &tap, out);
            assert_values("patches", out, y + b.D, b.L * b.D, TOLERANCE);
        }
    tec_frozen_close(b.frozen);
}

/* The class query's logit of a head and a patch; without a class token the mean of all patches' logits of it. */
static double class_logit(const base *b, const double *logit, int head, int patch)
{
    const double *of_head = logit + head * b->N * b->N;
    double mean = 0;
    for (int q = 0; q < b->L; q++)
        mean += of_head[q * b->N + patch] / b->L;
    return b->P ? of_head[1 + patch] : mean;
}

/* Head-mean logit of the class query by patch. */
static double class_mean(const base *b, const double *logit, int patch)
{
    double mean = 0;
    for (int h = 0; h < b->H; h++)
        mean += class_logit(b, logit, h, patch) / b->H;
    return mean;
}

/* The K largest, largest first, by counting how many are larger. */
static void assert_topk(const base *b, const double *logit, const int *topk, int K)
{
    for (int k = 0; k < K; k++) {
        int larger = 0;
        assert_in_range(topk[k], 0, b->L - 1);
        for (int l = 0; l < b->L; l++)
            larger += class_mean(b, logit, l) > class_mean(b, logit, topk[k]);
        assert_int_equal(larger, k);
    }
}

static void assert_targets_of_one(const base *b, const real *image, int last_layers, int K, const real *feature,
                                  const real *attention, const int *topk)
{
    int L = b->L, N = b->N, D = b->D;
    double *output[8], *logit = doubles(b->H * N * N), *mean = doubles(L * D), *want = doubles((1 + K) * b->H * L);
    run_reference(b, image, output, logit);
    for (int i = b->config->depth - last_layers; i < b->config->depth; i++)
        for (int j = 0; j < L * D; j++)
            mean[j] += output[i][b->P * D + j] / last_layers;
    assert_values("feature", feature, mean, L * D, TOLERANCE);
    assert_topk(b, logit, topk, K);
    for (int k = 0; k <= K; k++)
        for (int h = 0; h < b->H; h++)
            for (int l = 0; l < L; l++)
                want[(k * b->H + h) * L + l] =
                    k ? logit[(h * N + b->P + topk[k - 1]) * N + b->P + l] : class_logit(b, logit, h, l);
    assert_values("attention", attention, want, (1 + K) * b->H * L, TOLERANCE);
}

static void check_targets(const base *b, int last_layers, int K)
{
    int features = b->L * b->D, maps = (1 + K) * b->H * b->L, topk[BATCH * 64], again[64];
    real *feature = reals(BATCH * features), *attention = reals(BATCH * maps);
    tec_frozen_targets(b->frozen, b->images, BATCH, last_layers, K, feature, attention, topk);
    for (int i = 0; i < BATCH; i++)
        assert_targets_of_one(b, b->images + i * b->pixels, last_layers, K, feature + i * features,
                              attention + i * maps, topk + i * K);
    for (int i = 0; i < BATCH; i++) {
        real *alone = reals(features), *map_alone = reals(maps);
        tec_frozen_targets(b->frozen, b->images + i * b->pixels, 1, last_layers, K, alone, map_alone, again);
        assert_values("feature of one image", alone, widened(feature + i * features, features), features, TOLERANCE);
        assert_values("attention of one image", map_alone, widened(attention + i * maps, maps), maps, TOLERANCE);
        assert_memory_equal(again, topk + i * K, (size_t)K * sizeof *topk);
    }
}

static void test_targets(void **state)
{
    base b = make((int)(intptr_t)*state);
    for (int last_layers = 1; last_layers <= b.config->depth; last_layers++) {
        check_targets(&b, last_layers, 0);
        check_targets(&b, last_layers, 3);
        check_targets(&b, last_layers, b.L);
    }
    tec_frozen_close(b.frozen);
}

static void test_threads(void **state)
{
    tec_threads_set(2);
    base b = make((int)(intptr_t)*state);
    check_targets(&b, 1, 2);
    tec_threads_set(1);
    tec_frozen_close(b.frozen);
}

/* Only what the encoder needs is there, whatever kind of model it comes from; nothing of it is trained. */
static void test_tensors(void **state)
{
    int i = (int)(intptr_t)*state;
    base b = make(i);
    bool tec = configs[i].kind == TEC_MODEL_TEC;
    const int of_block = configs[i].variant.block == TEC_BLOCK_PARALLEL ? 10 : 12; /* with one norm */
    assert_null(b.params->grad);
    assert_int_equal(b.params->count, 3 + b.P + of_block * configs[i].depth + 2 + (tec ? 4 : 0));
    assert_true(!!tec_params_find(b.params, "cls_token_mlp.fc1.weight") == tec);
    assert_non_null(tec_params_find(b.params, "norm.weight"));
    assert_int_equal(tec_frozen_config(b.frozen)->width, configs[i].width);
    assert_true(tec_size_equal(tec_frozen_config(b.frozen)->image_size, configs[i].image_size));
    tec_frozen_close(b.frozen);
}

static void test_impossible(void **state)
{
    (void)state;
    tec_model_config c = configs[0];
    tec_frozen *frozen;
    c.heads = 5;
    assert_int_equal(tec_frozen_create(&frozen, &c, 1), TEC_USER_ERROR);
    assert_null(frozen);
    assert_non_null(strstr(tec_error_message(), "heads (5) must divide width (24)"));
    tec_frozen_close(NULL);
}

static double laid_out(const tec_model_config *config)
{
    tec_params list = {0};
    tec_arena measured = {0};
    encoder_cache cache = {0};
    encoder e;
    tec_encoder_register(&e, &list, config);
    tec_encoder_lay_out_inference(&e, 1, &cache, &measured);
    tec_encoder_free(&e);
    tec_params_free(&list);
    return (double)measured.used;
}

/* The angles of 2^30 patches in 4 blocks, and the index of a bias of 46656 patches, have more elements than an int can
 * count. */
static void test_sizes_beyond_int(void **state)
{
    (void)state;
    const tec_vit_variant none = {.unplaced = 1, .no_pos_embed = true};
    tec_vit_variant mixed = none, biased = none;
    mixed.rotary = TEC_ROTARY_MIXED;
    biased.relative_bias = true;
    const struct {
        int side;
        tec_vit_variant variant;
        double bytes;
    } cases[] = {{1 << 15, mixed, 2 * 4.0 * (1 << 30) * 4 * sizeof(real)},
                 {216, biased, 46657.0 * 46657 * sizeof(int)}};
    for (int i = 0; i < 2; i++) {
        tec_model_config c = {.kind = TEC_MODEL_VIT,
                              .image_size = {cases[i].side, cases[i].side},
                              .patch = 1,
                              .channels = 1,
                              .width = 8,
                              .depth = 4,
                              .heads = 1,
                              .mlp_ratio = 1,
                              .variant = none};
        const double without = laid_out(&c);
        c.variant = cases[i].variant;
        if (!(laid_out(&c) - without >= cases[i].bytes))
            fail_msg("%.3g bytes for %.3g", laid_out(&c) - without, cases[i].bytes);
    }
}

#define WITH_CLASS(test)                                                                                               \
    FOR_CONFIG(test, 0), FOR_CONFIG(test, 1), FOR_CONFIG(test, 2), FOR_CONFIG(test, 4), FOR_CONFIG(test, 5)
#define EVERY_CONFIG(test) WITH_CLASS(test), FOR_CONFIG(test, 3)
#define FOR_CONFIG(test, i)                                                                                            \
    {                                                                                                                  \
#test " of architecture " #i, test, NULL, numbers_free, (void *)(intptr_t)(i)                                  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERY_CONFIG(test_features),
        WITH_CLASS(test_taps),
        EVERY_CONFIG(test_targets),
        FOR_CONFIG(test_threads, 0),
        EVERY_CONFIG(test_tensors),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_sizes_beyond_int),
    };
    tec_threads_set(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
