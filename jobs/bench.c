/* tec bench: the speed of one training step on this machine. */
#include "jobs/jobs.h"

#include "tec/adamw.h"
#include "tec/gemm.h"
#include "tec/log.h"
#include "tec/model.h"
#include "tec/philox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { OPTION_SIZE, OPTION_BATCH, OPTION_STEPS, OPTION_MICRO_BATCH };

static const tec_option options[] = {
    {"size", "NAME",
     "vitb: ViT-B/16 at 224 pixels (decoder 512); vitt: ViT-Ti/16 at 224 (decoder 192, "
     "the default); tiny: 32 pixels, patch 4, width 192 (decoder 128)"},
    {"batch", "N", "images per step and rank (default 8, 16, 64)"},
    {"steps", "N", "measured steps (default 5); one more goes before them"},
    {"micro-batch", "N", "images computed at once (default: as training chooses)"},
    {0}};

typedef struct bench_size {
    const char *name;
    int image_size, patch, width, heads, decoder_width, decoder_heads, topk, batch;
} bench_size;

static const bench_size sizes[] = {{"vitb", 224, 16, 768, 12, 512, 16, 15, 8},
                                   {"vitt", 224, 16, 192, 3, 192, 6, 15, 16},
                                   {"tiny", 32, 4, 192, 3, 128, 4, 9, 64}};

static tec_status find_size(const char *name, const bench_size **out)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (strcmp(sizes[i].name, name) == 0) {
            *out = &sizes[i];
            return TEC_OK;
        }
    *out = NULL;
    return tec_fail(TEC_USER_ERROR, "--size %s: no such size; vitb, vitt and tiny are there", name);
}

static tec_status read_count(const char *option, const char *text, int fallback, int *out)
{
    char *end;
    *out = fallback;
    if (!text)
        return TEC_OK;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < 1 || value > 1000000)
        return tec_fail(TEC_USER_ERROR, "--%s %s: a whole number from 1 to 1000000 is wanted", option, text);
    *out = (int)value;
    return TEC_OK;
}

static tec_model_config config_of(const bench_size *size)
{
    return (tec_model_config){.kind = TEC_MODEL_TEC,
                              .image_size = size->image_size,
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

/* Examples of random numbers: the speed does not depend on what is learnt. */
typedef struct material {
    tec_example *example;
    real *numbers;
    int *indices;
} material;

static material make_material(const tec_model_config *c, int batch, int topk)
{
    size_t L = tec_model_patches(c), image = (size_t)c->channels * c->image_size * c->image_size,
           feature = L * c->base_width, attention = (1 + topk) * c->base_heads * L, each = image + feature + attention;
    material m = {.example = tec_allocate_zeroed(batch, sizeof *m.example),
                  .numbers = tec_allocate(batch * each * sizeof *m.numbers),
                  .indices = tec_allocate(batch * L * sizeof *m.indices)};
    tec_philox random = tec_philox_start(0, TEC_STREAM_TEST, 0, 0, 0);
    int64_t *order = tec_allocate(L * sizeof *order);
    for (size_t i = 0; i < batch * each; i++)
        m.numbers[i] = (real)(2 * tec_philox_uniform(&random) - 1);
    for (int b = 0; b < batch; b++) {
        real *at = m.numbers + b * each;
        int *shuffle = m.indices + b * L;
        tec_philox_permutation(&random, (int64_t)L, order);
        for (size_t l = 0; l < L; l++)
            shuffle[l] = (int)order[l];
        m.example[b] = (tec_example){at, shuffle, at + image, at + image + feature, shuffle};
    }
    free(order);
    return m;
}

static void free_material(material *m)
{
    free(m->example);
    free(m->numbers);
    free(m->indices);
}

static void take_step(const tec_comm *comm, tec_model *model, tec_adamw *adamw, const material *m, int batch,
                      int micro_batch)
{
    tec_params *params = tec_model_params(model);
    double loss[TEC_MAX_LOSSES] = {0};
    for (int at = 0; at < batch; at += micro_batch) {
        int count = batch - at < micro_batch ? batch - at : micro_batch;
        tec_model_forward(model, m->example + at, count, (double[]){1, 1}, 1.0 / batch, loss);
        tec_model_backward(model);
    }
    tec_comm_sum_real(comm, params->grad, params->trained);
    tec_adamw_step(adamw, params, 1e-4, 1.0 / comm->size);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Collective. Prints what the median step took, and the closing line. */
static void measure(tec_comm *comm, tec_model *model, const material *m, int batch, int micro_batch, int steps)
{
    tec_adamw adamw;
    double *time = tec_allocate(steps * sizeof *time);
    tec_adamw_create(&adamw, tec_model_params(model), 0.9, 0.95, 0.05);
    take_step(comm, model, &adamw, m, batch, micro_batch);
    tec_gemm_measure(true);
    double start = tec_seconds();
    for (int i = 0; i < steps; i++) {
        double before = tec_seconds();
        take_step(comm, model, &adamw, m, batch, micro_batch);
        time[i] = tec_seconds() - before;
    }
    double share = tec_gemm_seconds() / (tec_seconds() - start), rate = tec_gemm_flops() / tec_gemm_seconds();
    qsort(time, steps, sizeof *time, by_size);
    double images = batch / time[steps / 2];
    tec_comm_sum_double(comm, &images, 1);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (comm->rank == 0) {
        printf("step %.4f s (median of %d), matrix products %.1f GFLOP/s, ranks %d, batch %d, micro-batch %d\n",
               time[steps / 2], steps, rate / 1e9, comm->size, batch, micro_batch);
        printf("img/s %.3f gemm_share %.3f peak_rss_mb %.0f\n", images, share, usage.ru_maxrss / 1024.0);
    }
    tec_adamw_free(&adamw);
    free(time);
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const bench_size *size;
    int batch, steps, micro_batch;
    tec_model *model;
    TEC_TRY(find_size(call->value[OPTION_SIZE] ? call->value[OPTION_SIZE] : "vitt", &size));
    TEC_TRY(read_count("batch", call->value[OPTION_BATCH], size->batch, &batch));
    TEC_TRY(read_count("steps", call->value[OPTION_STEPS], 5, &steps));
    tec_model_config config = config_of(size);
    TEC_TRY(read_count("micro-batch", call->value[OPTION_MICRO_BATCH], tec_model_micro_batch(&config), &micro_batch));
    if (micro_batch > batch)
        micro_batch = batch;
    tec_threads_set(tec_settings_threads(&call->settings));
    TEC_TRY(tec_model_create(&model, &config, micro_batch, tec_model_patches(&config) / 4, size->topk));
    tec_params_initialize(tec_model_params(model), 0);
    material m = make_material(&config, batch, size->topk);
    measure(comm, model, &m, batch, micro_batch, steps);
    free_material(&m);
    tec_model_free(model);
    return TEC_OK;
}

static const char *const sections[] = {"run", NULL};

const tec_command tec_command_bench = {
    .name = "bench",
    .usage = "[--size vitb|vitt|tiny] [--batch N] [--steps N] [run.threads=N]",
    .summary = "measure the speed of a training step",
    .details = "Times whole steps (forward, both losses, backward, sum of the gradients over the ranks, AdamW) on "
               "random images and targets in memory.\n"
               "Last line: images per second over all ranks, the share of the step spent in matrix products (rank 0),\n"
               "and the peak resident memory of rank 0.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
