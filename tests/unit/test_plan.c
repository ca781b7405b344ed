/* tec plan: its counts against the operations that the model really asks for, its formulae against known cases. */
#include "gradient.h"
#include "tiny_model.h"

#include "tec/flops.h"
#include "tec/frozen.h"
#include "tec/gemm.h"
#include "tec/measure.h"
#include "tec/setup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tec_settings settings;

static int resolve(void **state)
{
    (void)state;
    tec_threads_set(1); /* the main thread's products are counted */
    const char *overrides[] = {
        "model.preset=vit_tiny",         "pretrain.batch=64", "pretrain.epochs=10", "pretrain.micro_batch=8",
        "pretrain.checkpoint_minutes=0", "run.threads=1",     "data.workers=1"};
    tec_settings_source source = {.overrides = overrides, .override_count = sizeof overrides / sizeof *overrides};
    return tec_settings_resolve(&settings, &source) != TEC_OK;
}

static int unresolve(void **state)
{
    (void)state;
    tec_settings_free(&settings);
    return 0;
}

static tec_plan_job make_job(int nodes, int ranks_per_node)
{
    tec_model_config model, base;
    assert_int_equal(tec_settings_model_config(&settings, &model), TEC_OK);
    base = model;
    base.kind = TEC_MODEL_VIT;
    model.base_width = base.width;
    model.base_heads = base.heads;
    tec_plan_job job = tec_setup_plan_job(&settings, &model, &base);
    job.images = 1000;
    job.nodes = nodes;
    job.ranks_per_node = ranks_per_node;
    return job;
}

/* -- operations -- */

static void test_train_flops(void **state)
{
    (void)state;
    for (int i = 0; i < TINY_MODELS; i++)
        for (int count = 1; count <= TINY_EXAMPLES; count++) {
            tiny_model tiny = tiny_model_make(i, TINY_EXAMPLES);
            double loss[TEC_MAX_LOSSES] = {0};
            memcpy(tiny.example[1].more, tiny.example[0].more, sizeof tiny.example[1].more); /* none is missing */
            tec_gemm_forget();
            tec_measure_start();
            tiny_model_run(&tiny, 0, count, (double[TEC_MAX_LOSSES]){1, 1}, 1, loss);
            tec_measure_stop();
            double want = tec_gemm_flops();
            double got = tec_flops_train(&tiny.config, count, tiny.visible, tiny.topk);
            if (got != want)
                fail_msg("%s, %d examples: %.0f operations instead of %.0f", tiny.name, count, got, want);
            tiny_model_free(&tiny);
            numbers_free(NULL);
        }
}

static void test_targets_flops(void **state)
{
    (void)state;
    enum { B = 3, K = 4, LAST = 2 };
    tec_model_config config = {.kind = TEC_MODEL_VIT,
                               .image_size = {16, 16},
                               .patch = 4,
                               .channels = 3,
                               .width = 12,
                               .depth = 3,
                               .heads = 2,
                               .mlp_ratio = 4};
    tec_frozen *frozen;
    real images[B * 3 * 16 * 16] = {0}, feature[B * 16 * 12], attention[B * (1 + K) * 2 * 16];
    int topk[B * K];
    assert_int_equal(tec_frozen_create(&frozen, &config, B), TEC_OK);
    tec_frozen_ready(frozen);
    tec_gemm_forget();
    tec_measure_start();
    tec_frozen_targets(frozen, images, B, LAST, K, feature, attention, topk);
    tec_measure_stop();
    if (tec_flops_targets(&config, B, K) != tec_gemm_flops())
        fail_msg("%.0f operations instead of %.0f", tec_flops_targets(&config, B, K), tec_gemm_flops());
    tec_frozen_close(frozen);
}

/* -- memory -- */

static double item(const tec_plan_memory *memory, const char *name)
{
    for (int i = 0; i < TEC_PLAN_MEMORY_ITEMS && memory->item[i].name; i++)
        if (strstr(memory->item[i].name, name))
            return memory->item[i].bytes;
    fail_msg("there is no item %s", name);
    return 0;
}

static void test_pretrain_memory(void **state)
{
    (void)state;
    tec_plan_job job = make_job(1, 2);
    tec_plan_memory memory;
    tec_model *model;
    assert_int_equal(tec_plan_training_memory(&job, &memory), TEC_OK);
    assert_int_equal(tec_model_create(&model, &job.model, 8, 49, 15), TEC_OK);
    const tec_params *params = tec_model_params(model);
    assert_true(item(&memory, "weights") == (double)params->total * sizeof(real));
    assert_true(item(&memory, "moments") == 2.0 * (double)(params->trained * sizeof(real)));
    assert_true(item(&memory, "activations") == (double)tec_model_workspace_bytes(model));
    tec_model_free(model);

    /* Three batches of 8 slots; a crop and a float16 row for the one thread. */
    double slot = sizeof(real) * (3 * 224 * 224 + 196 * 192 + 16 * 3 * 196) + sizeof(int) * (15 + 196);
    double row = 2 * (196 * 192 + 16 * 3 * 196) + 2 * 15 + 4 * 5 + 8 + 4;
    assert_true(item(&memory, "loaded ahead") == 3 * 8 * slot + 3 * 224 * 224 + row);
    double sum = 0;
    for (int i = 0; i < TEC_PLAN_MEMORY_ITEMS && memory.item[i].name; i++)
        sum += memory.item[i].bytes;
    assert_true(fabs(sum - memory.bytes) < 1);
}

/* No rank computes more at once than its part of the batch. */
static void test_memory_of_many_ranks(void **state)
{
    (void)state;
    tec_plan_job few = make_job(1, 1), many = make_job(8, 8);
    tec_plan_memory a, b;
    assert_int_equal(tec_plan_training_memory(&few, &a), TEC_OK);
    assert_int_equal(tec_plan_training_memory(&many, &b), TEC_OK);
    assert_true(item(&a, "activations") > 6 * item(&b, "activations"));
    assert_true(item(&a, "weights") == item(&b, "weights"));
}

static void test_impossible(void **state)
{
    (void)state;
    tec_plan_job job = make_job(1, 1);
    tec_plan_memory memory;
    job.model.heads = 5;
    assert_int_equal(tec_plan_training_memory(&job, &memory), TEC_USER_ERROR);
}

/* -- storage -- */

static void test_store_bytes(void **state)
{
    (void)state;
    tec_plan_job job = make_job(1, 1);
    double half = tec_plan_store_bytes(&job, TEC_TARGET_FLOAT16), row = 2 * (196 * 192 + 16 * 3 * 196) + 62;
    assert_true(half > 1000 * row && half < 1000 * row + 1e6);
    job.targets.views = 2;
    double both = tec_plan_store_bytes(&job, TEC_TARGET_FLOAT16);
    assert_true(fabs(both / half - 2) < 0.01);
}

/* -- time -- */

static const tec_plan_machine machine = {.cores = 4,
                                         .memory = 1e9,
                                         .train_rate = 1e10,
                                         .targets_rate = 2e10,
                                         .update_seconds = 1e-9,
                                         .node_reduce_rate = 1e9,
                                         .network_rate = 1e9,
                                         .disk_rate = 1e8};

static double parameters(const tec_plan_job *job)
{
    tec_model *model;
    assert_int_equal(tec_model_create(&model, &job->model, 1, 49, 15), TEC_OK);
    double count = (double)tec_model_params(model)->trained;
    tec_model_free(model);
    return count;
}

static void assert_near(double got, double want)
{
    if (fabs(got - want) > 1e-9 * fabs(want))
        fail_msg("%.12g instead of %.12g", got, want);
}

static void test_time_of_one_rank(void **state)
{
    (void)state;
    tec_plan_job job = make_job(1, 1);
    tec_plan_time t;
    double bytes;
    assert_int_equal(tec_plan_time_of(&job, &machine, &t), TEC_OK);
    assert_int_equal(tec_plan_checkpoint_bytes(&job, &bytes), TEC_OK);
    assert_near(t.compute, 8 * tec_flops_train(&job.model, 8, 49, 15) / 1e10);
    assert_near(t.update, parameters(&job) * 1e-9);
    assert_true(t.node_reduce == 0 && t.network_reduce == 0 && t.fetch == 0);
    assert_int_equal(t.steps, 10 * (1000 / 64));
    assert_int_equal(t.checkpoints, 10);
    assert_near(t.seconds, 150 * (t.compute + t.update) + 10 * bytes / 1e8);
    assert_near(t.node_hours, t.seconds / 3600);
    assert_near(t.targets_seconds, 1000 * tec_flops_targets(&job.base, 1, 15) / 2e10);
}

static void test_communication(void **state)
{
    (void)state;
    tec_plan_job job = make_job(16, 4);
    tec_plan_time t;
    assert_int_equal(tec_plan_time_of(&job, &machine, &t), TEC_OK);
    double gradient = parameters(&job) * sizeof(real), buckets = ceil(gradient / (4 << 20));
    assert_near(t.compute, tec_flops_train(&job.model, 1, 49, 15) / 1e10); /* one image a rank */
    assert_near(t.node_reduce, gradient / 1e9);
    assert_near(t.network_reduce, 2 * 15.0 / 16 * gradient / 0.87e9 + 2 * 4 * 20e-6 * buckets);
    assert_near(t.node_hours, 16 * t.seconds / 3600);
}

/* Half the bytes between nodes in seven of eight steps, and what rounding leaves of a rank's part. */
static void test_rounded(void **state)
{
    (void)state;
    tec_plan_job job = make_job(16, 4);
    tec_plan_time t;
    tec_plan_memory whole, rounded, alone;
    const double gradient = parameters(&job) * sizeof(real), buckets = ceil(gradient / (4 << 20));
    const double wire = parameters(&job) * (7 * 2 + sizeof(real)) / 8;
    assert_int_equal(tec_plan_training_memory(&job, &whole), TEC_OK);
    job.reduction.type = TEC_GRADIENT_BFLOAT16;
    assert_int_equal(tec_plan_time_of(&job, &machine, &t), TEC_OK);
    assert_near(t.node_reduce, gradient / 1e9);
    assert_near(t.network_reduce, 2 * 15.0 / 16 * wire / 0.87e9 + 2 * 15 * 20e-6 * buckets);
    assert_int_equal(tec_plan_training_memory(&job, &rounded), TEC_OK);
    assert_near(rounded.bytes - whole.bytes, gradient / 4);
    job.nodes = 1;
    assert_int_equal(tec_plan_training_memory(&job, &rounded), TEC_OK);
    job.reduction.type = TEC_GRADIENT_FLOAT32;
    assert_int_equal(tec_plan_training_memory(&job, &alone), TEC_OK);
    assert_near(rounded.bytes, alone.bytes);
}

static void test_memory_of_a_node(void **state)
{
    (void)state;
    tec_plan_job job = make_job(16, 4);
    tec_plan_time t, exact;
    job.reduction.memory = TEC_NODE_SHARED;
    assert_int_equal(tec_plan_time_of(&job, &machine, &t), TEC_OK);
    double gradient = parameters(&job) * sizeof(real), buckets = ceil(gradient / 4 / (4 << 20));
    assert_near(t.update, parameters(&job) * 1e-9 / 4);
    assert_near(t.network_reduce, 2 * 15.0 / 16 * gradient / 0.87e9 + 2 * 4 * 20e-6 * buckets);
    job.recipe.exact = true; /* slices are updated, but not summed */
    assert_int_equal(tec_plan_time_of(&job, &machine, &exact), TEC_OK);
    assert_near(exact.update, t.update);
    assert_true(exact.network_reduce > t.network_reduce);
}

/* 440 MB over 16 nodes at 12.5 GB/s: a simulated fat tree takes 74 ms. */
static void test_network_agrees_with_simulation(void **state)
{
    (void)state;
    tec_plan_job job = make_job(16, 1);
    tec_plan_machine fast = machine;
    tec_plan_time t;
    double gradient = parameters(&job) * sizeof(real);
    fast.network_rate = 12.5e9 * gradient / 440e6;
    assert_int_equal(tec_plan_time_of(&job, &fast, &t), TEC_OK);
    assert_true(fabs(t.network_reduce / 0.074 - 1) < 0.1);
}

static void test_node_reduce_rate(void **state)
{
    (void)state;
    assert_near(tec_plan_node_reduce_rate(12e9, 4, false), 1e9);
    assert_near(tec_plan_node_reduce_rate(9e9, 4, true), 2e9);
    assert_true(isinf(tec_plan_node_reduce_rate(12e9, 1, false)));
}

/* Four cores: with two ranks each has one to spare, with four none. */
static void test_decoding(void **state)
{
    (void)state;
    tec_plan_machine slow = machine;
    tec_plan_time t;
    slow.fetch_seconds = 1;
    tec_plan_job half = make_job(1, 2), full = make_job(1, 4);
    assert_int_equal(tec_plan_time_of(&half, &slow, &t), TEC_OK);
    assert_near(t.fetch, 32 - t.compute);
    assert_int_equal(tec_plan_time_of(&full, &slow, &t), TEC_OK);
    assert_near(t.fetch, 16);
    slow.fetch_seconds = 1e-6;
    assert_int_equal(tec_plan_time_of(&half, &slow, &t), TEC_OK);
    assert_true(t.fetch == 0);
}

/* -- fine-tuning -- */

static tec_plan_job make_tuning(int nodes, int ranks_per_node)
{
    tec_model_config model;
    tec_plan_job job;
    assert_int_equal(tec_setup_classifier(&settings, NULL, &model), TEC_OK);
    model.classes = 10;
    assert_int_equal(tec_setup_tuning_plan_job(&settings, &model, &job), TEC_OK);
    job.images = 1000;
    job.val_images = 301;
    job.nodes = nodes;
    job.ranks_per_node = ranks_per_node;
    return job;
}

/* Pairs of images stay together: of 66 images one of four ranks has 18. All patches are seen. */
static void test_time_of_tuning(void **state)
{
    (void)state;
    tec_plan_job job = make_tuning(2, 2);
    tec_plan_time t;
    job.recipe.batch = 66;
    job.recipe.epochs = 3;
    job.recipe.validate_epochs = 2; /* after the second one, and at the end */
    assert_int_equal(tec_plan_time_of(&job, &machine, &t), TEC_OK);
    const double N = 197, D = job.model.width, block = 2 * (N * 12 * D * D + 2 * N * N * D); /* mlp_ratio 4 */
    const double kept = 1 - 0.1 / 2; /* drop_path grows to 0.1 */
    assert_near(t.compute,
                (tec_flops_train(&job.model, 18, 196, 0) - 18 * job.model.depth * 3 * block * (1 - kept)) / 1e10);
    assert_int_equal(t.steps, 3 * (1000 / 66));
    assert_near(t.validation, tec_flops_classify(&job.model, 76) / 1e10);
    assert_near(t.seconds, (double)t.steps * t.step + (double)t.checkpoints * t.checkpoint + 2 * t.validation);
    assert_true(t.targets_seconds == 0);
    job.val_images = 0;
    job.drop_path = 0;
    assert_int_equal(tec_plan_time_of(&job, &machine, &t), TEC_OK);
    assert_true(t.validation == 0);
    assert_near(t.compute, tec_flops_train(&job.model, 18, 196, 0) / 1e10);
}

static void test_memory_of_tuning(void **state)
{
    (void)state;
    tec_plan_job job = make_tuning(1, 1);
    tec_plan_memory memory;
    job.recipe.micro_batch = 7; /* pairs: 6 images are read together, and computed together */
    assert_int_equal(tec_plan_training_memory(&job, &memory), TEC_OK);
    double image = 3 * 224 * 224, slot = sizeof(real) * (image + 10 + 2 * 12);
    assert_true(item(&memory, "loaded ahead") == 3 * 6 * slot + image);
    assert_true(item(&memory, "validation") == 3 * 6 * sizeof(real) * image + 10 * 10 * 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_train_flops),
                                       cmocka_unit_test(test_targets_flops),
                                       cmocka_unit_test(test_pretrain_memory),
                                       cmocka_unit_test(test_memory_of_many_ranks),
                                       cmocka_unit_test(test_impossible),
                                       cmocka_unit_test(test_store_bytes),
                                       cmocka_unit_test(test_time_of_one_rank),
                                       cmocka_unit_test(test_communication),
                                       cmocka_unit_test(test_rounded),
                                       cmocka_unit_test(test_memory_of_a_node),
                                       cmocka_unit_test(test_network_agrees_with_simulation),
                                       cmocka_unit_test(test_node_reduce_rate),
                                       cmocka_unit_test(test_decoding),
                                       cmocka_unit_test(test_time_of_tuning),
                                       cmocka_unit_test(test_memory_of_tuning)};
    return cmocka_run_group_tests(tests, resolve, unresolve);
}
