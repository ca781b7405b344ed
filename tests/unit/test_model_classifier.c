/* Classifiers: gradients of every tensor against central differences, logits against a frozen model with the same
 * weights, layer-wise rates, what is decayed, beginning with another model's weights. */
#include "gradient.h"
#include "tiny_model.h"

#include "tec/flops.h"
#include "tec/frozen.h"
#include "tec/gemm.h"
#include "tec/measure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 3, CLASSES = 5, ELEMENTS = 4, MOST_TENSORS = 64 };

#define SHAPE                                                                                                          \
    .kind = TEC_MODEL_CLASSIFIER, .image_size = {12, 12}, .patch = 4, .channels = 2, .width = 16, .depth = 3,          \
    .heads = 2, .mlp_ratio = 2, .classes = CLASSES

static const struct {
    const char *name;
    tec_model_config config;
} kinds[] = {
    {"class token", {SHAPE}},
    {"mean patch", {SHAPE, .variant = {.fc_norm = true}}},
    {"registers without positions, SwiGLU", {SHAPE, .variant = {.registers = 2, .unplaced = 2, .swiglu = true}}},
    {"no class token", {SHAPE, .variant = {.no_class_token = true, .fc_norm = true}}},
    {"distillation token, norm before the blocks", {SHAPE, .variant = {.distillation_token = true, .pre_norm = true}}},
    {"no token has a position", {SHAPE, .variant = {.registers = 1, .unplaced = 2, .fc_norm = true}}},
    {"rotary positions, in halves, and no others",
     {SHAPE,
      .variant = {.registers = 2, .unplaced = 3, .no_pos_embed = true, .rotary = TEC_ROTARY_HALVES, .rotary_base = 9}}},
    {"rotary positions, in pairs, and norms in the branches",
     {SHAPE, .variant = {.swiglu = true,
                         .attn_norm = true,
                         .mlp_norm = true,
                         .rotary = TEC_ROTARY_PAIRS,
                         .rotary_base = 20,
                         .rotary_grid = 5}}},
    {"rotary positions, by columns first, behind a class token at place 0",
     {SHAPE, .variant = {.pre_norm = true, .rotary = TEC_ROTARY_COLUMNS, .rotary_base = 20, .rotary_first = 1}}},
    {"rotary positions that every head of every block has of its own",
     {SHAPE, .variant = {.unplaced = 1, .no_pos_embed = true, .rotary = TEC_ROTARY_MIXED}}},
    {"a relative position bias and no positions",
     {SHAPE, .variant = {.unplaced = 1, .no_pos_embed = true, .relative_bias = true}}},
    {"a norm in the MLPs, mean patch", {SHAPE, .variant = {.fc_norm = true, .mlp_norm = true}}},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct classifier {
    tec_model_config config;
    tec_model *model;
    tec_params *params;
    tec_example example[BATCH];
} classifier;

/* Stochastic depth: none; another image left out of every branch; branches of all images, of none, and of the last or the
 * first ones only. */
enum { DROPS = 3, BRANCHES = 6 };
static const double kept[DROPS][BRANCHES][BATCH] = {
    {{0}},
    {{0, 0.75, 1.5}, {0.75, 1.5, 0}, {1.5, 0, 0.75}, {0, 0.75, 1.5}, {0.75, 1.5, 0}, {1.5, 0, 0.75}},
    {{0.75, 1.5, 1.25}, {0, 0, 0}, {0, 0, 0}, {1.25, 0.75, 1.5}, {0, 0, 1.5}, {1.5, 0.75, 0}}};

/* Frequencies that were learnt are not trained here: with those of tiny_weights, which are 0, nothing would turn. */
static void fill_frequencies(tec_params *params)
{
    const tec_param *p = tec_params_find(params, "rope.freqs");
    const double *random = p ? random_values((int)p->count, 1) : NULL;
    for (size_t i = 0; p && i < p->count; i++)
        params->weight[p->offset + i] = (real)random[i];
}

static classifier make(int kind, int drop)
{
    classifier c = {.config = kinds[kind].config};
    int pixels = (int)tec_model_pixels(&c.config);
    assert_int_equal(2 * c.config.depth, BRANCHES);
    if (tec_model_create(&c.model, &c.config, BATCH, tec_model_patches(&c.config), 0) != TEC_OK)
        fail_msg("%s: %s", kinds[kind].name, tec_error_message());
    c.params = tec_model_params(c.model);
    tiny_weights(c.params);
    fill_frequencies(c.params);
    for (int b = 0; b < BATCH; b++) {
        double *wanted = doubles(CLASSES), *keep = doubles(BRANCHES);
        for (int i = 0; i < CLASSES; i++)
            wanted[i] = (i + b) % CLASSES / 10.0;
        for (int i = 0; i < BRANCHES; i++)
            keep[i] = kept[drop][i][b];
        c.example[b] = (tec_example){.image = copy_of(random_values(pixels, 1), pixels),
                                     .wanted = copy_of(wanted, CLASSES),
                                     .keep = drop ? copy_of(keep, BRANCHES) : NULL};
    }
    return c;
}

/* -- gradients -- */

typedef struct tensor {
    classifier *of;
    int index;
} tensor;

static const double weight[2] = {0.75, 0}, scale = 0.5;

static double loss(const double *x, void *context)
{
    const tensor *t = context;
    const tec_param *p = &t->of->params->param[t->index];
    double part[2] = {0};
    for (size_t i = 0; i < p->count; i++)
        t->of->params->weight[p->offset + i] = (real)x[i];
    tec_model_forward(t->of->model, t->of->example, BATCH, weight, scale, part);
    return weight[0] * part[0];
}

static void check_gradients(int kind, int drop)
{
    classifier c = make(kind, drop);
    double part[2] = {0};
    tec_model_forward(c.model, c.example, BATCH, weight, scale, part);
    tec_model_backward(c.model);
    for (int i = 0; i < c.params->count; i++) {
        const tec_param *p = &c.params->param[i];
        tensor t = {&c, i};
        assert_true(p->trained || strcmp(p->name, "rope.periods") == 0 || strcmp(p->name, "rope.freqs") == 0);
        if (!p->trained)
            continue;
        const double *x = widened(tec_params_weight(c.params, i), (int)p->count);
        double error = gradient_error(loss, &t, x, tec_params_grad(c.params, i), (int)p->count, ELEMENTS);
        loss(x, &t);
        if (!(error <= 1e-6))
            fail_msg("%s: gradient by %s: relative error %.3g", kinds[kind].name, p->name, error);
    }
    tec_model_free(c.model);
}

static void test_every_tensor(void **state)
{
    if (!TEC_REAL_IS_DOUBLE) {
        print_message(
            "SKIPPED: finite differences of whole models mean nothing in float; run `make REAL=double unit`\n");
        skip();
    }
    for (int kind = 0; kind < KINDS; kind++)
        for (int drop = 0; drop < DROPS; drop++) {
            check_gradients(kind, drop);
            numbers_free(state);
        }
}

/* What a tensor has to be multiplied by for a branch to be: the last linear of each. */
static double factor_of(const char *name, const real *keep)
{
    int block, used = 0;
    if (sscanf(name, "blocks.%d.%n", &block, &used) != 1 || used == 0)
        return 1;
    if (strncmp(name + used, "attn.proj.", strlen("attn.proj.")) == 0)
        return keep[2 * block];
    return strncmp(name + used, "mlp.fc2.", strlen("mlp.fc2.")) == 0 ? keep[2 * block + 1] : 1;
}

/* Adds the gradients of image b by itself, of a model without stochastic depth whose branches are as much smaller or
 * larger: sum[i] are those of tensor i. Returns its loss. */
static double add_image(classifier *c, int b, double *const *sum)
{
    const double *before = widened(c->params->weight, (int)c->params->total);
    tec_example alone = c->example[b];
    double part[2] = {0};
    alone.keep = NULL;
    for (int i = 0; i < c->params->count; i++) {
        const tec_param *p = &c->params->param[i];
        for (size_t k = 0; k < p->count; k++)
            c->params->weight[p->offset + k] *= (real)factor_of(p->name, c->example[b].keep);
    }
    memset(c->params->grad, 0, c->params->trained * sizeof *c->params->grad);
    tec_model_forward(c->model, &alone, 1, weight, scale, part);
    tec_model_backward(c->model);
    for (int i = 0; i < c->params->count; i++) {
        const tec_param *p = &c->params->param[i];
        for (size_t k = 0; k < p->count && p->trained; k++)
            sum[i][k] += factor_of(p->name, c->example[b].keep) * (double)tec_params_grad(c->params, i)[k];
    }
    for (size_t i = 0; i < c->params->total; i++)
        c->params->weight[i] = (real)before[i];
    return part[0];
}

static void check_kept(int kind, int drop)
{
    const double tolerance = TEC_REAL_IS_DOUBLE ? 1e-11 : 1e-4;
    classifier c = make(kind, drop);
    double part[2] = {0}, loss_alone = 0;
    const double *got[MOST_TENSORS];
    double *want[MOST_TENSORS];
    assert_true(c.params->count <= MOST_TENSORS);
    tec_model_forward(c.model, c.example, BATCH, weight, scale, part);
    tec_model_backward(c.model);
    for (int i = 0; i < c.params->count; i++) {
        got[i] = c.params->param[i].trained ? widened(tec_params_grad(c.params, i), (int)c.params->param[i].count)
                                            : doubles((int)c.params->param[i].count);
        want[i] = doubles((int)c.params->param[i].count);
    }
    for (int b = 0; b < BATCH; b++)
        loss_alone += add_image(&c, b, want);
    assert_true(fabs(part[0] - loss_alone) <= tolerance * fabs(loss_alone));
    for (int i = 0; i < c.params->count; i++) {
        double largest = 0, off = 0;
        for (size_t k = 0; k < c.params->param[i].count; k++) {
            largest = fmax(largest, fabs(want[i][k]));
            off = fmax(off, fabs(got[i][k] - want[i][k]));
        }
        if (!(off <= tolerance * largest))
            fail_msg("%s: gradient by %s, with branches left out: %.3g off, of at most %.3g", kinds[kind].name,
                     c.params->param[i].name, off, largest);
    }
    tec_model_free(c.model);
}

/* Images together, some of whose branches are left out, are what each of them is by itself. */
static void test_branches_left_out(void **state)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int drop = 1; drop < DROPS; drop++) {
            check_kept(kind, drop);
            numbers_free(state);
        }
}

/* -- weights of another model -- */

/* The logits that the classifier's head makes of a frozen model's features. */
static double *logits_of(const classifier *c, tec_frozen *frozen)
{
    int D = c->config.width, pixels = (int)tec_model_pixels(&c->config);
    real *image = reals(BATCH * pixels), *feature = reals(BATCH * D);
    const tec_param *w = tec_params_find(c->params, "head.weight"), *bias = tec_params_find(c->params, "head.bias");
    double *out = doubles(BATCH * CLASSES);
    for (int b = 0; b < BATCH; b++)
        memcpy(image + b * pixels, c->example[b].image, (size_t)pixels * sizeof *image);
    tec_frozen_features(frozen, image, BATCH, c->config.variant.fc_norm ? TEC_POOL_MEAN : TEC_POOL_CLASS, feature);
    for (int b = 0; b < BATCH; b++)
        for (int i = 0; i < CLASSES; i++) {
            out[b * CLASSES + i] = c->params->weight[bias->offset + (size_t)i];
            for (int d = 0; d < D; d++)
                out[b * CLASSES + i] += (double)c->params->weight[w->offset + (size_t)(i * D + d)] * feature[b * D + d];
        }
    return out;
}

static void check_begin(int kind, tec_model_kind base)
{
    classifier c = make(kind, 0);
    tec_frozen *frozen;
    tec_model_config config = c.config;
    config.kind = base;
    assert_int_equal(tec_frozen_create(&frozen, &config, BATCH), TEC_OK);
    tec_params *from = tec_frozen_params(frozen);
    const double *random = random_values((int)from->total, 0.3);
    for (size_t i = 0; i < from->total; i++)
        from->weight[i] = (real)random[i];
    tec_frozen_ready(frozen);
    real *got = reals(BATCH * CLASSES);
    tec_model_classify(c.model, c.example, BATCH, got); /* with other weights: nothing of them is kept */
    tec_model_begin_with(c.model, frozen);
    tec_model_classify(c.model, c.example, BATCH, got);
    assert_values(kinds[kind].name, got, logits_of(&c, frozen), BATCH * CLASSES, TEC_REAL_IS_DOUBLE ? 1e-11 : 1e-4);
    tec_frozen_close(frozen);
    tec_model_free(c.model);
}

static void test_begins_with_another_model(void **state)
{
    for (int kind = 0; kind < KINDS; kind++) {
        check_begin(kind, TEC_MODEL_VIT);
        numbers_free(state);
    }
    check_begin(0, TEC_MODEL_TEC); /* whose class token goes through an MLP */
}

/* Mean pooling of a model that has a norm of its tokens begins with a fresh norm, as MAE does. */
static void test_fresh_norm(void **state)
{
    (void)state;
    classifier c = make(1, 0);
    tec_frozen *frozen;
    tec_model_config config = c.config;
    config.kind = TEC_MODEL_VIT;
    config.variant.fc_norm = false;
    assert_int_equal(tec_frozen_create(&frozen, &config, 1), TEC_OK);
    tec_params_initialize(c.params, 1);
    tec_frozen_ready(frozen);
    tec_model_begin_with(c.model, frozen);
    const tec_param *norm = tec_params_find(c.params, "fc_norm.weight"),
                    *qkv = tec_params_find(c.params, "blocks.1.attn.qkv.weight");
    assert_true(c.params->weight[norm->offset] == 1);
    assert_true(c.params->weight[qkv->offset] == 0); /* the frozen model's */
    assert_null(tec_params_find(c.params, "norm.weight"));
    tec_frozen_close(frozen);
    tec_model_free(c.model);
}

/* -- operations -- */

static void assert_flops(const char *name, double got, double want)
{
    if (got != want)
        fail_msg("%s: %.0f operations instead of %.0f", name, got, want);
}

/* Of a step's products, forward and backward, those of branches that stochastic depth leaves out. */
static double flops_left_out(const classifier *c, int images)
{
    const tec_model_config *config = &c->config;
    const double N = tec_model_prefix(config) + tec_model_patches(config), D = config->width;
    const double mlp = (config->variant.swiglu ? 3 : 2) * D * tec_model_hidden(config);
    double sum = 0;
    for (int b = 0; b < images; b++)
        for (int i = 0; c->example[b].keep && i < 2 * config->depth; i++)
            if (c->example[b].keep[i] == 0)
                sum += 3 * 2 * (i % 2 ? N * mlp : N * 4 * D * D + 2 * N * N * D);
    return sum;
}

/* What plan and bench count is what a step asks for; likewise for the targets of the same variant as a base. */
static void check_flops(int kind, int drop)
{
    enum { TOPK = 2 };
    classifier c = make(kind, drop);
    tec_frozen *frozen;
    tec_model_config config = c.config;
    double part[2] = {0};
    int L = tec_model_patches(&config), pixels = (int)tec_model_pixels(&config), topk[TOPK];
    real *feature = reals(L * config.width), *attention = reals((1 + TOPK) * config.heads * L);
    tec_gemm_forget();
    tec_measure_start();
    tec_model_forward(c.model, c.example, BATCH - 1, weight, scale, part);
    tec_model_backward(c.model);
    tec_measure_stop();
    assert_flops(kinds[kind].name, tec_flops_train(&config, BATCH - 1, L, 0) - flops_left_out(&c, BATCH - 1),
                 tec_gemm_flops());
    for (int b = 0; b < BATCH; b++)
        c.example[b].keep = NULL;
    tec_gemm_forget();
    tec_measure_start();
    tec_model_classify(c.model, c.example, BATCH, reals(BATCH * CLASSES));
    tec_measure_stop();
    assert_flops(kinds[kind].name, tec_flops_classify(&config, BATCH), tec_gemm_flops());
    tec_model_free(c.model);

    config.kind = TEC_MODEL_VIT;
    if (config.variant.no_class_token) /* has no query */
        return;
    assert_int_equal(tec_frozen_create(&frozen, &config, 1), TEC_OK);
    tec_frozen_ready(frozen);
    tec_gemm_forget();
    tec_measure_start();
    tec_frozen_targets(frozen, copy_of(random_values(pixels, 1), pixels), 1, 1, TOPK, feature, attention, topk);
    tec_measure_stop();
    assert_flops(kinds[kind].name, tec_flops_targets(&config, 1, TOPK), tec_gemm_flops());
    tec_frozen_close(frozen);
}

static void test_flops(void **state)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int drop = 0; drop < DROPS; drop++) {
            check_flops(kind, drop);
            numbers_free(state);
        }
}

/* -- what the optimiser is told -- */

static void test_rates_and_decay(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int power;
        bool decayed;
    } want[] = {{"cls_token", 4, false},
                {"pos_embed", 4, false},
                {"patch_embed.proj.weight", 4, true},
                {"patch_embed.proj.bias", 4, false},
                {"blocks.0.norm1.weight", 3, false},
                {"blocks.0.attn.qkv.weight", 3, true},
                {"blocks.2.mlp.fc2.weight", 1, true},
                {"blocks.2.mlp.fc2.bias", 1, false},
                {"norm.weight", 0, false},
                {"head.weight", 0, true},
                {"head.bias", 0, false}};
    classifier c = make(0, 0);
    assert_true(tec_params_find(c.params, "cls_token")->rate == 1);
    tec_model_decay_layers(c.model, 0.5);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const tec_param *p = tec_params_find(c.params, want[i].name);
        assert_non_null(p);
        if (fabs(p->rate - pow(0.5, want[i].power)) > 1e-12 || p->decayed != want[i].decayed)
            fail_msg("%s: rate %g, %s", p->name, p->rate, p->decayed ? "decayed" : "not decayed");
    }
    tec_model_free(c.model);
}

/* MAE's initialisation: a head that hardly says anything, positions of sines, everything else as in pretraining. */
static void test_initialisation(void **state)
{
    (void)state;
    classifier c = make(0, 0);
    tec_model *fresh;
    assert_int_equal(tec_model_create(&fresh, &c.config, 1, tec_model_patches(&c.config), 0), TEC_OK);
    tec_params *p = tec_model_params(fresh);
    const tec_param *head = tec_params_find(p, "head.weight"), *position = tec_params_find(p, "pos_embed");
    tec_params_initialize(p, 3);
    double square = 0;
    for (size_t i = 0; i < head->count; i++)
        square += (double)p->weight[head->offset + i] * p->weight[head->offset + i];
    assert_true(fabs(sqrt(square / (double)head->count) / 2e-5 - 1) < 0.3);
    assert_true(position->trained && p->weight[position->offset] == 0 &&
                fabs(p->weight[position->offset + (size_t)c.config.width + 4] - 1) < 1e-6); /* cos(0) of patch 0 */
    tec_model_free(fresh);
    tec_model_free(c.model);
}

static void test_impossible(void **state)
{
    (void)state;
    tec_model *model;
    tec_model_config c = kinds[0].config;
    c.classes = 1;
    assert_int_equal(tec_model_create(&model, &c, 1, 9, 0), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "at least 2 classes"));
    c = kinds[3].config;
    c.variant.fc_norm = false;
    assert_int_equal(tec_model_create(&model, &c, 1, 9, 0), TEC_USER_ERROR);
    assert_non_null(strstr(tec_error_message(), "no class token to classify by"));
    for (int form = TEC_BLOCK_POST_NORM; form <= TEC_BLOCK_PARALLEL; form++) {
        c = kinds[0].config;
        c.variant.block = (tec_block_form)form;
        assert_int_equal(tec_model_create(&model, &c, 1, 9, 0), TEC_USER_ERROR);
        assert_non_null(strstr(tec_error_message(), "cannot be trained, only those with a norm before each branch"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_tensor, numbers_free),
        cmocka_unit_test_teardown(test_branches_left_out, numbers_free),
        cmocka_unit_test_teardown(test_begins_with_another_model, numbers_free),
        cmocka_unit_test_teardown(test_fresh_norm, numbers_free),
        cmocka_unit_test_teardown(test_flops, numbers_free),
        cmocka_unit_test_teardown(test_rates_and_decay, numbers_free),
        cmocka_unit_test_teardown(test_initialisation, numbers_free),
        cmocka_unit_test_teardown(test_impossible, numbers_free),
    };
    tec_threads_set(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
