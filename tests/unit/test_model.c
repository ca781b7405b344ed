/* Models in training: forward against a plain reference, micro-batches, what backward announces. */
#include "gradient.h"
#include "reference.h"
#include "tiny_model.h"

#include "tec/gemm.h"
#include "tec/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LOSS_TOLERANCE (TEC_REAL_IS_DOUBLE ? 1e-11 : 1e-4)
#define SUM_TOLERANCE (TEC_REAL_IS_DOUBLE ? 1e-11 : 1e-3)

static const double all[TEC_MAX_LOSSES] = {1, 1, 1, 1, 1, 1, 1, 1};

/* What a run yields: the losses, and the gradient in doubles. */
typedef struct yield {
    double loss[TEC_MAX_LOSSES];
    const double *grad;
} yield;

static int trained(const tiny_model *tiny)
{
    return (int)tiny->params->trained;
}

static yield run(tiny_model *tiny, int first, int count, const double *weight, double scale)
{
    yield y;
    tiny_model_run(tiny, first, count, weight, scale, y.loss);
    y.grad = widened(tiny->params->grad, trained(tiny));
    return y;
}

static void assert_losses(const char *what, const double got[TEC_MAX_LOSSES], const double want[TEC_MAX_LOSSES])
{
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        assert_number(what, got[i], want[i], LOSS_TOLERANCE);
}

static void test_losses_are_those_of_the_reference(void **state)
{
    tiny_model tiny = tiny_model_make((int)(intptr_t)*state, TINY_EXAMPLES);
    double want[TEC_MAX_LOSSES] = {0}, got[TEC_MAX_LOSSES] = {0};
    for (int i = 0; i < TINY_EXAMPLES; i++) {
        double one[TEC_MAX_LOSSES];
        reference_losses(tiny.params, &tiny.config, &tiny.example[i], tiny.visible, tiny.topk, one);
        for (int l = 0; l < TEC_MAX_LOSSES; l++)
            want[l] += one[l];
    }
    tec_model_forward(tiny.model, tiny.example, TINY_EXAMPLES, all, 1, got);
    assert_losses(tiny.name, got, want);
    tiny_model_free(&tiny);
}

/* The loss is that of what is predicted. */
static void test_predictions(void **state)
{
    tiny_model tiny = tiny_model_make((int)(intptr_t)*state, 2);
    const tec_model_config *c = &tiny.config;
    int L = tec_model_patches(c), hidden = L - tiny.visible;
    int outputs = c->kind == TEC_MODEL_MAE ? c->patch * c->patch * c->channels : c->base_width;
    real predicted[2 * 64 * 64], target[64 * 64];
    double want[TEC_MAX_LOSSES] = {0}, got = 0;
    assert_true(hidden <= 64 && outputs <= 64);
    tec_model_forward(tiny.model, tiny.example, 2, all, 1, want);
    tec_model_predict(tiny.model, tiny.example, 2, predicted);
    for (int b = 0; b < 2; b++) {
        const tec_example *e = &tiny.example[b];
        const int *at = e->shuffle + tiny.visible;
        for (int i = 0; i < hidden && c->kind == TEC_MODEL_TEC; i++)
            memcpy(target + i * outputs, e->feature + at[i] * outputs, (size_t)outputs * sizeof *target);
        if (c->kind == TEC_MODEL_MAE)
            tec_pixel_target(e->image, c->channels, c->image_size, c->patch, at, hidden, c->norm_pix, target);
        for (int i = 0; i < hidden * outputs; i++)
            got += pow((double)predicted[b * hidden * outputs + i] - (double)target[i], 2) / (hidden * outputs);
    }
    assert_number("mean squared error of the predictions", got, want[0], LOSS_TOLERANCE);
    tiny_model_free(&tiny);
}

/* -sum over the patches of softmax(target / tau) log softmax(predicted) */
static double cross_entropy(const real *predicted, const real *target, int L, double tau)
{
    double sum = 0, of_target = 0, of_predicted = 0;
    for (int l = 0; l < L; l++) {
        of_target += exp((double)target[l] / tau);
        of_predicted += exp((double)predicted[l]);
    }
    for (int l = 0; l < L; l++)
        sum -= exp((double)target[l] / tau) / of_target * ((double)predicted[l] - log(of_predicted));
    return sum;
}

/* The loss of the attention is that of what is predicted of it. */
static void test_predicted_attention(void **state)
{
    tiny_model tiny = tiny_model_make((int)(intptr_t)*state, 2);
    const tec_model_config *c = &tiny.config;
    int L = tec_model_patches(c), rows = (1 + tiny.topk) * c->base_heads;
    double want[TEC_MAX_LOSSES] = {0}, got = 0;
    real predicted[2 * 64 * 64];
    if (c->kind != TEC_MODEL_TEC || !c->predict_attention) {
        tiny_model_free(&tiny);
        return;
    }
    assert_true(rows * L <= 64 * 64);
    tec_model_forward(tiny.model, tiny.example, 2, all, 1, want);
    tec_model_predict_attention(tiny.model, tiny.example, 2, predicted);
    for (int b = 0; b < 2; b++)
        for (int r = 0; r < rows; r++)
            got +=
                cross_entropy(predicted + (b * rows + r) * L, tiny.example[b].attention + r * L, L, c->attention_tau) /
                rows;
    assert_number("cross-entropy of the predicted attention", got, want[1], LOSS_TOLERANCE);
    tiny_model_free(&tiny);
}

static void test_scale_and_weights(void **state)
{
    tiny_model tiny = tiny_model_make((int)(intptr_t)*state, 2);
    static const double features[TEC_MAX_LOSSES] = {1, 0, 1, 0, 1, 0, 1, 0};
    static const double attention[TEC_MAX_LOSSES] = {0, 1, 0, 1, 0, 1, 0, 1};
    static const double some[TEC_MAX_LOSSES] = {0.3, 1.7, 0.3, 1.7, 0.3, 1.7, 0.3, 1.7};
    yield first = run(&tiny, 0, 2, features, 1), second = run(&tiny, 0, 2, attention, 1),
          mixed = run(&tiny, 0, 2, some, 0.25);
    double *want = doubles(trained(&tiny));
    for (size_t i = 0; i < tiny.params->trained; i++)
        want[i] = 0.25 * (0.3 * first.grad[i] + 1.7 * second.grad[i]);
    assert_values("gradient", tiny.params->grad, want, trained(&tiny), SUM_TOLERANCE);
    assert_losses("weights leave the losses alone", second.loss, first.loss);
    double scaled[TEC_MAX_LOSSES], more[TEC_MAX_LOSSES], sum[TEC_MAX_LOSSES];
    for (int i = 0; i < TEC_MAX_LOSSES; i++) {
        scaled[i] = 0.25 * first.loss[i];
        more[i] = 10 * (i + 1);
        sum[i] = more[i] + first.loss[i];
    }
    assert_losses("scaled losses", mixed.loss, scaled);
    tec_model_forward(tiny.model, tiny.example, 2, all, 1, more);
    assert_losses("losses are added to", more, sum);
    tiny_model_free(&tiny);
}

static void test_micro_batches_accumulate(void **state)
{
    tiny_model tiny = tiny_model_make((int)(intptr_t)*state, TINY_EXAMPLES);
    yield whole = run(&tiny, 0, TINY_EXAMPLES, all, 0.25);
    double loss[TEC_MAX_LOSSES];
    tiny_model_run(&tiny, 0, 1, all, 0.25, loss);
    tec_model_forward(tiny.model, tiny.example + 1, TINY_EXAMPLES - 1, all, 0.25, loss);
    tec_model_backward(tiny.model);
    assert_values("gradient", tiny.params->grad, whole.grad, trained(&tiny), SUM_TOLERANCE);
    assert_losses("losses", loss, whole.loss);
    tiny_model_free(&tiny);
}

/* Fewer examples than the model has room for, after a full call has left its traces everywhere. */
static void test_fewer_examples(void **state)
{
    int i = (int)(intptr_t)*state;
    tiny_model roomy = tiny_model_make(i, TINY_EXAMPLES), tight = tiny_model_make(i, 1);
    memcpy(tight.params->weight, roomy.params->weight, tight.params->total * sizeof *tight.params->weight);
    memcpy(tight.example, roomy.example, sizeof tight.example);
    run(&roomy, 0, TINY_EXAMPLES, all, 1);
    yield got = run(&roomy, 2, 1, all, 1), want = run(&tight, 2, 1, all, 1);
    assert_values("gradient", roomy.params->grad, want.grad, trained(&roomy), SUM_TOLERANCE);
    assert_losses("losses", got.loss, want.loss);
    tiny_model_free(&roomy);
    tiny_model_free(&tight);
}

static void test_threads(void **state)
{
    int i = (int)(intptr_t)*state;
    tec_threads_set(2);
    tiny_model two = tiny_model_make(i, 3);
    yield got = run(&two, 0, 3, all, 1);
    tec_threads_set(1);
    yield want = run(&two, 0, 3, all, 1);
    assert_values("gradient", copy_of(got.grad, trained(&two)), want.grad, trained(&two), SUM_TOLERANCE);
    assert_losses("losses", got.loss, want.loss);
    yield again = run(&two, 0, 3, all, 1);
    assert_memory_equal(again.grad, want.grad, two.params->trained * sizeof *want.grad);
    assert_memory_equal(again.loss, want.loss, sizeof want.loss);
    tiny_model_free(&two);
}

static void reverse(int *x, int n)
{
    for (int i = 0; i < n / 2; i++) {
        int kept = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = kept;
    }
}

/* The encoder and the losses take sets: the order within the visible and within the hidden patches says nothing. */
static void test_order_of_patches_says_nothing(void **state)
{
    tiny_model tiny = tiny_model_make((int)(intptr_t)*state, 1);
    int L = tec_model_patches(&tiny.config), V = tiny.visible, shuffle[64];
    yield want = run(&tiny, 0, 1, all, 1);
    memcpy(shuffle, tiny.example[0].shuffle, (size_t)L * sizeof *shuffle);
    reverse(shuffle, V);
    reverse(shuffle + V, L - V);
    tiny.example[0].shuffle = shuffle;
    yield got = run(&tiny, 0, 1, all, 1);
    assert_values("gradient", tiny.params->grad, want.grad, trained(&tiny), SUM_TOLERANCE);
    assert_losses("losses", got.loss, want.loss);
    tiny_model_free(&tiny);
}

/* A hidden patch must not leak into what the encoder sees: TEC's losses do not know its pixels. */
static void test_hidden_pixels_are_not_seen(void **state)
{
    tiny_model tiny = tiny_model_make((int)(intptr_t)*state, 1);
    const tec_model_config *c = &tiny.config;
    int S = c->image_size.width, columns = S / c->patch, H = c->image_size.height, pixels = c->channels * H * S;
    real *image = copy_of(widened(tiny.example[0].image, pixels), pixels);
    yield want = run(&tiny, 0, 1, all, 1);
    for (int l = tiny.visible; l < tec_model_patches(c); l++)
        for (int i = 0; i < pixels; i++)
            if (i / S % H / c->patch * columns + i % S / c->patch == tiny.example[0].shuffle[l])
                image[i] = NAN;
    tiny.example[0].image = image;
    yield got = run(&tiny, 0, 1, all, 1);
    assert_losses("losses", got.loss, want.loss);
    assert_values("gradient", tiny.params->grad, want.grad, trained(&tiny), 0);
    tiny_model_free(&tiny);
}

static void test_what_a_model_says_of_itself(void **state)
{
    int i = (int)(intptr_t)*state;
    tiny_model one = tiny_model_make(i, 1), four = tiny_model_make(i, 4);
    const char *const *name = tec_model_loss_names(one.model);
    static const char *const of_tec[] = {"loss_fea", "loss_att", "loss_fea2", "loss_att2", "loss_fea3", "loss_att3"};
    bool tec = one.config.kind == TEC_MODEL_TEC;
    int losses = tec ? 2 * tec_model_bases(&one.config) : 1;
    for (int l = 0; l < losses; l++)
        assert_string_equal(name[l], tec ? of_tec[l] : "loss");
    assert_null(name[losses]);
    assert_memory_equal(tec_model_get_config(one.model), &one.config, sizeof one.config);
    assert_true(tec_model_workspace_bytes(one.model) > 0);
    assert_true(tec_model_workspace_bytes(four.model) > tec_model_workspace_bytes(one.model));
    tiny_model_free(&one);
    tiny_model_free(&four);
}

/* What backward has said to be complete, as it was when it said so. */
typedef struct announced {
    const real *grad;
    real *kept; /* [trained] */
    size_t end;
    int calls;
} announced;

static void note_announced(void *context, size_t end)
{
    announced *a = context;
    assert_true(end > a->end);
    memcpy(a->kept + a->end, a->grad + a->end, (end - a->end) * sizeof *a->kept);
    a->end = end;
    a->calls++;
}

/* What has been announced does not change any more, and only the embedding's side is left for the end. */
static void test_backward_announces(void **state)
{
    tiny_model tiny = tiny_model_make((int)(intptr_t)*state, 2);
    const tec_params *p = tiny.params;
    const tec_model_config *c = &tiny.config;
    announced a = {.grad = p->grad, .kept = reals((int)p->trained)};
    double loss[TEC_MAX_LOSSES];
    tiny_model_run(&tiny, 0, 1, all, 1, loss); /* the gradient is added to, of another example */
    tiny.params->listener = note_announced;
    tiny.params->listener_context = &a;
    tec_model_forward(tiny.model, tiny.example + 1, 1, all, 1, loss);
    tec_model_backward(tiny.model);
    assert_memory_equal(a.kept, p->grad, a.end * sizeof *a.kept);
    const int of_base = c->decoder_depth + 1 + (c->kind == TEC_MODEL_TEC ? c->groups : 0);
    assert_int_equal(a.calls, tec_model_bases(c) * of_base + c->depth);
    const tec_param *first_block = tec_params_find(p, "blocks.0.norm1.weight");
    assert_int_equal(a.end, first_block->offset + first_block->count);
    for (int i = 0; i < p->count; i++)
        if (p->param[i].trained && p->param[i].offset > first_block->offset)
            assert_true(strncmp(p->param[i].name, "patch_embed.", 12) == 0 ||
                        strncmp(p->param[i].name, "cls_token", 9) == 0);
    tiny_model_free(&tiny);
}

#define EVERY_MODEL(test)                                                                                              \
    FOR_MODEL(test, 0), FOR_MODEL(test, 1), FOR_MODEL(test, 2), FOR_MODEL(test, 3), FOR_MODEL(test, 4),                \
        FOR_MODEL(test, 5), FOR_MODEL(test, 6), FOR_MODEL(test, 7), FOR_MODEL(test, 9), FOR_MODEL(test, 10)
#define FOR_MODEL(test, i)                                                                                             \
    {                                                                                                                  \
#test " of model " #i, test, NULL, numbers_free, (void *)(intptr_t)(i)                                         \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERY_MODEL(test_losses_are_those_of_the_reference),
        EVERY_MODEL(test_predictions),
        EVERY_MODEL(test_predicted_attention),
        EVERY_MODEL(test_scale_and_weights),
        EVERY_MODEL(test_micro_batches_accumulate),
        EVERY_MODEL(test_fewer_examples),
        FOR_MODEL(test_threads, 1),
        FOR_MODEL(test_threads, 6),
        FOR_MODEL(test_threads, 9),
        EVERY_MODEL(test_order_of_patches_says_nothing),
        FOR_MODEL(test_hidden_pixels_are_not_seen, 0),
        FOR_MODEL(test_hidden_pixels_are_not_seen, 1),
        FOR_MODEL(test_hidden_pixels_are_not_seen, 2),
        FOR_MODEL(test_hidden_pixels_are_not_seen, 3),
        FOR_MODEL(test_hidden_pixels_are_not_seen, 4),
        EVERY_MODEL(test_what_a_model_says_of_itself),
        EVERY_MODEL(test_backward_announces),
    };
    tec_threads_set(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
