/* The work that `tec bench` measures: training steps and base targets of fixed sizes. */
#include "tec/bench.h"

#include "tec/flops.h"
#include "tec/memory.h"
#include "tec/mix.h"
#include "tec/philox.h"
#include "tec/threads.h"

#include <stdlib.h>

const tec_bench_size tec_bench_sizes[] = {
    {"vitt", 224, 16, 192, 3, 192, 6, .topk = 15, .batch = 16, .mask_ratio = 0.75},
    {"vitb", 224, 16, 768, 12, 512, 16, .topk = 15, .batch = 8, .mask_ratio = 0.75},
    {"tiny", 32, 4, 192, 3, 128, 4, .topk = 9, .batch = 64, .mask_ratio = 0.75},
};

tec_model_config tec_bench_config(const tec_bench_size *size)
{
    return (tec_model_config){.kind = TEC_MODEL_TEC,
                              .image_size = tec_size_square(size->image_size),
                              .patch = size->patch,
                              .channels = 3,
                              .width = size->width,
                              .depth = 12,
                              .heads = size->heads,
                              .mlp_ratio = 4,
                              .decoder_width = size->decoder_width,
                              .decoder_depth = 2,
                              .decoder_heads = size->decoder_heads,
                              .groups = 4,
                              .base_width = size->width,
                              .base_heads = size->heads,
                              .attention_tau = 1.8,
                              .predict_attention = true};
}

tec_model_config tec_bench_classifier_config(const tec_bench_size *size)
{
    enum { IMAGENET_CLASSES = 1000 };
    tec_model_config config = tec_bench_config(size);
    config.kind = TEC_MODEL_CLASSIFIER;
    config.classes = IMAGENET_CLASSES;
    config.variant.fc_norm = true;
    return config;
}

/* Fine-tuning by the default recipe. */
static const double LAYER_DECAY = 0.75, DROP_PATH = 0.1, SMOOTHING = 0.1;
static const tec_mix MIXUP = {.lambda = 0.7};

static void draw_numbers(tec_philox *random, real *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (real)(2 * tec_philox_uniform(random) - 1);
}

static size_t attention_numbers(const tec_model_config *config, int heads, int topk)
{
    return (size_t)(1 + topk) * (size_t)heads * (size_t)tec_model_patches(config);
}

/* How many of them are the targets of a base model. */
static size_t base_numbers(const tec_model_config *c, int base, int topk)
{
    const tec_base_shape shape = tec_model_base(c, base);
    return (size_t)tec_model_patches(c) * (size_t)shape.width + attention_numbers(c, shape.heads, topk);
}

/* How many numbers an example has besides its image. */
static size_t wanted_numbers(const tec_model_config *c, int topk)
{
    if (c->kind == TEC_MODEL_CLASSIFIER)
        return (size_t)c->classes + 2 * (size_t)c->depth;
    size_t numbers = 0;
    for (int i = 0; i < tec_model_bases(c); i++)
        numbers += base_numbers(c, i, topk);
    return numbers;
}

/* Mixed labels, and a whole branch or none, as fine-tuning draws them. */
static void draw_classified(const tec_model_config *c, tec_philox *random, real *wanted, tec_example *example)
{
    real *keep = wanted + c->classes;
    tec_mix_target(&MIXUP, SMOOTHING, c->classes, 0, 1, wanted);
    for (int i = 0; i < 2 * c->depth; i++) {
        const int block = i / 2;
        const double drop = c->depth > 1 ? DROP_PATH * block / (c->depth - 1) : 0;
        keep[i] = tec_philox_uniform(random) < drop ? 0 : (real)(1 / (1 - drop));
    }
    example->wanted = wanted;
    example->keep = keep;
}

static void draw_predicted(const tec_model_config *c, int topk, tec_philox *random, real *wanted, int *shuffle,
                           tec_example *example)
{
    const size_t L = (size_t)tec_model_patches(c);
    int64_t *order = tec_allocate(L * sizeof *order);
    tec_philox_permutation(random, (int64_t)L, order);
    for (size_t l = 0; l < L; l++)
        shuffle[l] = (int)order[l];
    free(order);
    example->shuffle = example->topk = shuffle;
    example->feature = wanted;
    example->attention = wanted + L * (size_t)c->base_width;
    for (int i = 1; i < tec_model_bases(c); i++) {
        wanted += base_numbers(c, i - 1, topk);
        example->more[i - 1] =
            (tec_base_targets){wanted, wanted + L * (size_t)tec_model_base(c, i).width, example->topk};
    }
}

static tec_bench_examples make_examples(const tec_model_config *c, int batch, int topk)
{
    const size_t B = (size_t)batch, L = (size_t)tec_model_patches(c);
    const size_t image = tec_model_pixels(c), each = image + wanted_numbers(c, topk);
    tec_bench_examples m = {.example = tec_allocate_zeroed(B, sizeof *m.example),
                            .numbers = tec_allocate(B * each * sizeof *m.numbers),
                            .indices = tec_allocate(B * L * sizeof *m.indices)};
    tec_philox random = tec_philox_start(0, TEC_STREAM_TEST, 0, 0, 0);
    draw_numbers(&random, m.numbers, B * each);
    for (size_t b = 0; b < B; b++) {
        real *at = m.numbers + b * each;
        m.example[b].image = at;
        if (c->kind == TEC_MODEL_CLASSIFIER)
            draw_classified(c, &random, at + image, &m.example[b]);
        else
            draw_predicted(c, topk, &random, at + image, m.indices + b * L, &m.example[b]);
    }
    return m;
}

static void free_examples(tec_bench_examples *m)
{
    free(m->example);
    free(m->numbers);
    free(m->indices);
}

tec_status tec_bench_training_open(tec_bench_training *t, const tec_comm *comm, const tec_reduction *reduction,
                                   const tec_model_config *config, int batch, int micro_batch, int visible, int topk)
{
    *t = (tec_bench_training){.comm = comm,
                              .batch = batch,
                              .micro_batch = micro_batch < batch ? micro_batch : batch,
                              .visible = visible,
                              .topk = topk};
    TEC_TRY(tec_model_create(&t->model, config, t->micro_batch, visible, topk));
    tec_params *params = tec_model_params(t->model);
    tec_params_initialize(params, 0);
    if (config->kind == TEC_MODEL_CLASSIFIER)
        tec_model_decay_layers(t->model, LAYER_DECAY);
    tec_adamw_create(&t->adamw, params, 0.9, 0.95, 0.05);
    t->examples = make_examples(config, batch, topk);
    tec_reduction sums = *reduction;
    tec_thread_parts = sums.parts > 0 ? TEC_FIXED_PARTS : 0;
    if (sums.parts > 0) {
        t->expected = tec_allocate((size_t)params->count * sizeof *t->expected);
        sums.parts = (int64_t)comm->size * ((batch + t->micro_batch - 1) / t->micro_batch);
    }
    tec_status status = tec_reducer_create(&t->reducer, comm, params->grad, params->trained, &sums);
    if (status != TEC_OK)
        tec_bench_training_close(t);
    return status;
}

void tec_bench_training_close(tec_bench_training *t)
{
    if (!t->model)
        return;
    tec_reducer_free(t->reducer);
    free(t->expected);
    free_examples(&t->examples);
    tec_adamw_free(&t->adamw);
    tec_model_free(t->model);
    *t = (tec_bench_training){0};
}

static tec_status take_images(tec_bench_training *t, tec_example *example, int count)
{
    TEC_MEASURE(TEC_OPERATOR_LOADER);
    tec_feed_batch batch;
    TEC_TRY(tec_feed_take(t->images->feed, &batch));
    for (int i = 0; i < count; i++)
        example[i].image = batch.item[i].image;
    return TEC_OK;
}

/* The images of a micro-batch in pairs. They are ours, or belong to the feed, whose images may be changed. */
static void mix_images(const tec_bench_training *t, const tec_example *example, int count)
{
    const tec_model_config *config = tec_model_get_config(t->model);
    if (config->kind != TEC_MODEL_CLASSIFIER)
        return;
    for (int i = 0; i + 1 < count; i += 2)
        tec_mix_pair(&MIXUP, config->image_size, config->channels, (real *)example[i].image,
                     (real *)example[i + 1].image);
}

tec_status tec_bench_training_step(void *context)
{
    tec_bench_training *t = context;
    tec_params *params = tec_model_params(t->model);
    static const double weight[TEC_MAX_LOSSES] = {1, 1, 1, 1, 1, 1, 1, 1};
    double loss[TEC_MAX_LOSSES] = {0};
    tec_slice slice;
    tec_status status = TEC_OK;
    if (t->expected)
        tec_reducer_expect(t->reducer, t->expected, tec_adamw_expect(&t->adamw, params, t->expected));
    if (++t->steps % TEC_SETTLE_STEPS == 0)
        tec_reducer_settle(t->reducer);
    for (int at = 0; at < t->batch; at += t->micro_batch) {
        int count = t->batch - at < t->micro_batch ? t->batch - at : t->micro_batch;
        tec_example *example = t->examples.example + at;
        if (t->images)
            status = take_images(t, example, count);
        if (status != TEC_OK)
            break;
        mix_images(t, example, count);
        tec_model_forward(t->model, example, count, weight, 1.0 / t->batch, loss);
        params->listener = at + count == t->batch ? tec_reducer_ready : NULL;
        params->listener_context = t->reducer;
        tec_model_backward(t->model);
        if (at + count < t->batch)
            tec_reducer_add(t->reducer);
        if (t->images)
            tec_feed_release(t->images->feed);
    }
    tec_adamw_begin(&t->adamw);
    while (tec_reducer_take(t->reducer, &slice))
        tec_adamw_update(&t->adamw, params, slice.first, slice.count, 1e-4, 1.0 / t->comm->size);
    return t->images ? tec_comm_agree(t->comm, status) : TEC_OK;
}

/* Products of branches that stochastic depth leaves out. */
static double flops_left_out(const tec_bench_training *t, const tec_model_config *config)
{
    int branches[2] = {0}; /* of attention, MLPs */
    for (int b = 0; b < t->batch && config->kind == TEC_MODEL_CLASSIFIER; b++)
        for (int i = 0; i < 2 * config->depth; i++)
            branches[i % 2] += t->examples.example[b].keep[i] == 0;
    return tec_flops_branches(config, branches[0], branches[1]);
}

double tec_bench_training_flops(const tec_bench_training *t)
{
    const tec_model_config *config = tec_model_get_config(t->model);
    int whole = t->batch / t->micro_batch, rest = t->batch % t->micro_batch;
    double each = tec_flops_train(config, t->micro_batch, t->visible, t->topk);
    return whole * each + (rest ? tec_flops_train(config, rest, t->visible, t->topk) : 0) - flops_left_out(t, config);
}

tec_status tec_bench_targets_open(tec_bench_targets *t, const tec_model_config *config, int batch, int topk)
{
    *t = (tec_bench_targets){.batch = batch, .topk = topk};
    TEC_TRY(tec_frozen_create(&t->frozen, config, batch));
    const size_t B = (size_t)batch, image = tec_model_pixels(config);
    const size_t feature = (size_t)tec_model_patches(config) * (size_t)config->width;
    tec_philox random = tec_philox_start(0, TEC_STREAM_TEST, 0, 0, 0);
    tec_params_initialize(tec_frozen_params(t->frozen), 0);
    tec_frozen_ready(t->frozen);
    t->images = tec_allocate(B * image * sizeof(real));
    t->feature = tec_allocate(B * feature * sizeof(real));
    t->attention = tec_allocate(B * attention_numbers(config, config->heads, topk) * sizeof(real));
    t->picked = tec_allocate(B * (size_t)topk * sizeof *t->picked);
    draw_numbers(&random, t->images, B * image);
    return TEC_OK;
}

void tec_bench_targets_close(tec_bench_targets *t)
{
    free(t->images);
    free(t->feature);
    free(t->attention);
    free(t->picked);
    tec_frozen_close(t->frozen);
}

tec_status tec_bench_targets_step(void *context)
{
    enum { LAST_LAYERS = 2 };
    tec_bench_targets *t = context;
    tec_frozen_targets(t->frozen, t->images, t->batch, LAST_LAYERS, t->topk, t->feature, t->attention, t->picked);
    return TEC_OK;
}

double tec_bench_targets_flops(const tec_bench_targets *t)
{
    return tec_flops_targets(tec_frozen_config(t->frozen), t->batch, t->topk);
}
