/* The same global batch on any number of ranks: mpirun -n N test_trainer compares N ranks with one, losses and
 * gradients, for both objectives and for batches that do not divide; a helper thread that reduces gradients with
 * none; and memory of nodes with memory of their own. */
#include "tests/mpi/mapped.h"
#include "tests/mpi/virtual_nodes.h"
#include "tests/unit/capture.h"
#include "tests/unit/file_limit.h"
#include "tests/unit/folder.h"
#include "tests/unit/noise_store.h"

#include "tec/files.h"
#include "tec/philox.h"
#include "tec/trainer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 30, SIZE = 16, PATCHES = 16, BASE_WIDTH = 12, BASE_HEADS = 3, TOPK = 4, VIEWS = 2 };

static tec_comm comm, alone;
static char directory[256];
static tec_dataset *set;
static tec_store *store;

static const tec_model_config config = {.kind = TEC_MODEL_TEC,
                                        .image_size = {SIZE, SIZE},
                                        .patch = 4,
                                        .channels = 1,
                                        .width = 24,
                                        .depth = 4,
                                        .heads = 3,
                                        .mlp_ratio = 4,
                                        .decoder_width = 16,
                                        .decoder_depth = 2,
                                        .decoder_heads = 2,
                                        .groups = 2,
                                        .norm_pix = true,
                                        .base_width = BASE_WIDTH,
                                        .base_heads = BASE_HEADS,
                                        .attention_tau = 1.8,
                                        .predict_attention = true};

static void write_images(const char *path)
{
    uint8_t file[16 + SAMPLES * SIZE * SIZE] = {0, 0, 8, 3, 0, 0, 0, SAMPLES, 0, 0, 0, SIZE, 0, 0, 0, SIZE};
    tec_philox random = tec_philox_start(1, TEC_STREAM_TEST, 0, 0, 0);
    for (size_t i = 16; i < sizeof file; i++)
        file[i] = (uint8_t)tec_philox_below(&random, 256);
    assert_int_equal(tec_file_write(path, file, sizeof file), TEC_OK);
}

/* Rank 0 makes the files, all ranks open them. */
static int open_inputs(void **state)
{
    (void)state;
    char *path, *list, *manifest;
    size_t bytes;
    tec_store_spec spec = {.samples = SAMPLES,
                           .views = VIEWS,
                           .patches = PATCHES,
                           .width = BASE_WIDTH,
                           .heads = BASE_HEADS,
                           .topk = TOPK,
                           .last_layers = 2,
                           .type = TEC_TARGET_FLOAT32,
                           .image_size = {SIZE, SIZE},
                           .patch = 4,
                           .channels = 1,
                           .shard_rows = SAMPLES * VIEWS};
    if (comm.rank == 0) {
        assert_true(folder_make(directory, sizeof directory));
    }
    tec_comm_broadcast(&comm, directory, sizeof directory, 0);
    path = tec_path_join(directory, "images-idx3-ubyte");
    if (comm.rank == 0) {
        write_images(path);
        noise_store_write(directory, &spec, -1);
    }
    tec_comm_barrier(&comm);
    assert_int_equal(tec_dataset_scan(path, TEC_LABELS_NONE, &list, &bytes), TEC_OK);
    assert_int_equal(tec_dataset_open(&set, list, bytes, 1, 0), TEC_OK);
    free(list);
    assert_int_equal(tec_store_manifest(directory, &manifest, &bytes), TEC_OK);
    assert_int_equal(tec_store_open(&store, directory, manifest, bytes), TEC_OK);
    free(manifest);
    free(path);
    return 0;
}

static int remove_inputs(void **state)
{
    (void)state;
    tec_store_close(store);
    tec_dataset_close(set);
    tec_comm_barrier(&comm);
    return comm.rank == 0 ? folder_remove(directory) : 0;
}

/* What a trainer is made of. */
typedef struct plan {
    tec_recipe recipe;
    int masks;
    tec_overlap overlap;
    tec_node_memory memory;
} plan;

static plan plan_of(int batch, int masks, int micro_batch)
{
    return (plan){.recipe = {.batch = batch, .micro_batch = micro_batch, .beta1 = 0.9, .beta2 = 0.95, .seed = 7},
                  .masks = masks,
                  .memory = TEC_NODE_PRIVATE};
}

static tec_task task_of(const tec_model_config *model, const plan *p, tec_store *targets)
{
    const tec_pretraining pretraining = {.model = *model,
                                         .view = {.size = {SIZE, SIZE},
                                                  .channels = 1,
                                                  .normalisation = {.mean = {0.5}, .std = {0.5}},
                                                  .crop = {.scale = {0.2, 1}, .ratio = {0.75, 4.0 / 3}, .flip = true},
                                                  .seed = 7},
                                         .mask_ratio = 0.75,
                                         .masks = p->masks,
                                         .feature_weight = 1,
                                         .attention_weight = 1};
    return tec_task_pretraining(&pretraining, targets, 2);
}

static tec_trainer *create(const tec_comm *on, const tec_task *task, const plan *p, tec_skipped *skipped)
{
    tec_trainer *trainer;
    const tec_trainer_settings settings = {
        .task = task,
        .recipe = &p->recipe,
        .set = set,
        .reading = {.workers = 2, .prefetch = 1},
        .reduction = {.bucket_bytes = 1 << 20, .overlap = p->overlap, .memory = p->memory},
        .skipped = skipped};
    assert_int_equal(tec_trainer_create(&trainer, on, &settings), TEC_OK);
    return trainer;
}

/* One step over the ranks of `on`; *gradient [trained] = the averaged gradient (Adam's first moment after one step
 * holds a tenth of it). Freed by the caller. */
static size_t take_step(const tec_comm *on, const plan *p, tec_store *targets, tec_step_result *result, real **gradient)
{
    tec_skipped skipped = {0};
    tec_model_config c = config;
    c.kind = targets ? TEC_MODEL_TEC : TEC_MODEL_MAE;
    tec_task task = task_of(&c, p, targets);
    tec_trainer *trainer = create(on, &task, p, &skipped);
    tec_trainer_start(trainer, 0, 1);
    assert_int_equal(tec_trainer_step(trainer, 1e-3, 0, result), TEC_OK);
    size_t count = tec_model_params(tec_trainer_model(trainer))->trained;
    *gradient = malloc(count * sizeof **gradient);
    memcpy(*gradient, tec_trainer_adamw(trainer)->m, count * sizeof **gradient);
    tec_trainer_free(trainer);
    tec_task_free(&task);
    tec_skipped_free(&skipped);
    return count;
}

static void compare_with_one_rank(int batch, int masks, int micro_batch, tec_store *targets)
{
    const plan p = plan_of(batch, masks, micro_batch);
    tec_step_result want, got;
    real *want_gradient, *got_gradient;
    size_t count = take_step(&alone, &p, targets, &want, &want_gradient);
    assert_int_equal(take_step(&comm, &p, targets, &got, &got_gradient), count);
    assert_int_equal(got.inputs, want.inputs);
    assert_int_equal(got.inputs, batch * masks);
    for (int i = 0; i < (targets ? 2 : 1); i++) {
        assert_true(want.loss[i] > 0.1);
        assert_true(fabs(got.loss[i] - want.loss[i]) <= 1e-5 * want.loss[i]);
    }
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)got_gradient[i] - want_gradient[i], 2);
        norm += pow(want_gradient[i], 2);
    }
    assert_true(norm > 0);
    assert_true(sqrt(difference) <= 1e-5 * sqrt(norm));
    free(want_gradient);
    free(got_gradient);
}

static void test_tec(void **state)
{
    (void)state;
    compare_with_one_rank(12, 1, 0, store);
    compare_with_one_rank(11, 1, 0, store); /* divides by no number of ranks but one */
    compare_with_one_rank(10, 2, 3, store);
    compare_with_one_rank(5, 3, 2, store); /* an image in several micro-batches */
}

static void test_mae(void **state)
{
    (void)state;
    compare_with_one_rank(12, 1, 0, NULL);
    compare_with_one_rank(11, 1, 2, NULL);
}

/* Fewer images than ranks: some rank has nothing to compute. */
static void test_one_image(void **state)
{
    (void)state;
    compare_with_one_rank(1, 1, 0, store);
}

static bool was_shared; /* memory, in the last training */

/* Four steps with a model of several buckets; every rank's weights, or their running mean, in a buffer for the caller to
 * free, and losses. */
static real *train(const tec_comm *on, const plan *p, size_t *count, double loss[4])
{
    tec_skipped skipped = {0};
    tec_step_result result;
    tec_model_config c = config;
    c.width = 120;
    tec_task task = task_of(&c, p, store);
    tec_trainer *trainer = create(on, &task, p, &skipped);
    tec_trainer_start(trainer, 0, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(tec_trainer_step(trainer, 1e-3, 0, &result), TEC_OK);
        assert_true(result.reduced >= 0 && isfinite(result.gradient_norm));
        loss[i] = result.loss[0] + result.loss[1];
    }
    const tec_params *params = tec_model_params(tec_trainer_model(trainer));
    *count = params->trained;
    assert_true(*count * sizeof(real) > 2 << 20);
    real *weights = malloc(*count * sizeof *weights);
    const real *average = tec_trainer_average(trainer), *before = average ? average : params->weight;
    memcpy(weights, before, *count * sizeof *weights);
    tec_trainer_swap_average(trainer);
    assert_memory_equal(weights, params->weight, *count * sizeof *weights);
    was_shared = maps_memory("/memfd:tec");
    tec_trainer_free(trainer);
    tec_task_free(&task);
    tec_skipped_free(&skipped);
    return weights;
}

/* The helper threads of two ranks give the same bits as none, of more ranks always the same; all ranks have them. With
 * and without clipping, also where a rank has no image; and what one rank makes of it. */
static void compare_overlap(int batch, int micro_batch, double clip_norm)
{
    plan p = plan_of(batch, 1, micro_batch);
    double one_loss[4], want_loss[4], got_loss[4];
    size_t count;
    p.recipe.clip_norm = clip_norm;
    free(train(&alone, &p, &count, one_loss));
    real *want = train(&comm, &p, &count, want_loss);
    p.overlap = TEC_OVERLAP_THREAD;
    real *got = train(&comm, &p, &count, got_loss);
    for (int i = 0; i < 4; i++) {
        assert_true(fabs(want_loss[i] - one_loss[i]) <= 1e-3 * one_loss[i]);
        assert_true(fabs(got_loss[i] - want_loss[i]) <= 1e-5 * want_loss[i]);
    }
    if (comm.size > 2) {
        free(want);
        want = train(&comm, &p, &count, want_loss);
    }
    assert_memory_equal(got_loss, want_loss, sizeof want_loss);
    assert_memory_equal(got, want, count * sizeof *want);
    real *first = malloc(count * sizeof *first);
    memcpy(first, got, count * sizeof *first);
    tec_comm_broadcast(&comm, first, count * sizeof *first, 0);
    assert_memory_equal(got, first, count * sizeof *first);
    free(first);
    free(got);
    free(want);
}

static void test_overlap(void **state)
{
    (void)state;
    compare_overlap(11, 2, 0);
    compare_overlap(6, 0, 1e-3);
    compare_overlap(1, 0, 0);
}

/* Exact sums: the same weights and losses, bit for bit, by one rank and by all. Chunks are of `images`. */
static void compare_exact(int batch, int masks, int images, double clip_norm)
{
    plan p = plan_of(batch, masks, 0);
    double want_loss[4], got_loss[4];
    size_t count;
    p.recipe.clip_norm = clip_norm;
    p.recipe.exact = true;
    p.recipe.together = images;
    real *want = train(&alone, &p, &count, want_loss);
    real *got = train(&comm, &p, &count, got_loss);
    assert_memory_equal(got_loss, want_loss, sizeof want_loss);
    assert_memory_equal(got, want, count * sizeof *want);
    free(got);
    free(want);
}

static void test_exact(void **state)
{
    (void)state;
    compare_exact(11, 1, 2, 0);
    compare_exact(6, 3, 1, 1e-3);
    compare_exact(2, 1, 4, 0); /* one chunk, whatever the ranks */
}

static void expect_close(const real *got, const real *want, size_t count, double tolerance)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)got[i] - want[i], 2);
        norm += pow(want[i], 2);
    }
    assert_true(norm > 0 && sqrt(difference) <= tolerance * sqrt(norm));
}

/* One copy per node of `ranks` ranks, or one for each: the same bits where two ranks leave no choice of an order, `same`
 * tells of other cases; otherwise the same but for rounding. All ranks have the same weights. */
static void compare_memory(plan p, int ranks, bool same)
{
    double want_loss[4], got_loss[4];
    size_t count;
    real *want = train(&comm, &p, &count, want_loss);
    assert_false(was_shared);
    ranks_per_node = ranks;
    p.memory = TEC_NODE_SHARED;
    real *got = train(&comm, &p, &count, got_loss);
    assert_int_equal(was_shared, comm.size > 1 && ranks > 1);
    if (same) {
        assert_memory_equal(got_loss, want_loss, sizeof want_loss);
        assert_memory_equal(got, want, count * sizeof *want);
    }
    for (int i = 0; i < 4; i++)
        assert_true(fabs(got_loss[i] - want_loss[i]) <= 1e-4 * want_loss[i]);
    expect_close(got, want, count, 1e-3);
    memcpy(want, got, count * sizeof *want);
    tec_comm_broadcast(&comm, want, count * sizeof *want, 0);
    assert_memory_equal(got, want, count * sizeof *want);
    ranks_per_node = 0;
    free(got);
    free(want);
}

/* One node, and nodes of two ranks, of which the last has one where there are three. */
static void test_node_memory(void **state)
{
    (void)state;
    for (int ranks = 2; ranks <= comm.size; ranks += comm.size > 3 ? 2 : 1) {
        plan p = plan_of(11, 1, 2);
        p.recipe.ema = 0.9;
        compare_memory(p, ranks, comm.size == 2);
        p.recipe.clip_norm = 1e-3; /* the norm is added up in another order */
        compare_memory(p, ranks, false);
        p.overlap = TEC_OVERLAP_THREAD;
        compare_memory(p, ranks, true);
        p.overlap = TEC_OVERLAP_OFF;
        p.recipe.exact = true;
        p.recipe.together = 2;
        compare_memory(p, ranks, true);
    }
}

/* Where memory cannot be shared: a warning, and the bits of private memory. */
static void test_node_memory_refused(void **state)
{
    (void)state;
    plan p = plan_of(6, 1, 0);
    double want_loss[4], got_loss[4];
    size_t count;
    char said[1024];
    real *want = train(&comm, &p, &count, want_loss);
    p.memory = TEC_NODE_SHARED;
    tec_comm_barrier(&comm);
    limit_files(1 << 20);
    capture *c = capture_begin();
    real *got = train(&comm, &p, &count, got_loss);
    capture_end(c, said, sizeof said);
    limit_files(RLIM_INFINITY);
    assert_false(was_shared);
    assert_memory_equal(got_loss, want_loss, sizeof want_loss);
    assert_memory_equal(got, want, count * sizeof *want);
    assert_int_equal(
        strstr(said, ": every rank keeps weights and moments for itself, as with run.node_memory=private") != NULL,
        comm.size > 1 && comm.rank == 0);
    free(got);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tec),
                                       cmocka_unit_test(test_mae),
                                       cmocka_unit_test(test_one_image),
                                       cmocka_unit_test(test_overlap),
                                       cmocka_unit_test(test_exact),
                                       cmocka_unit_test(test_node_memory),
                                       cmocka_unit_test(test_node_memory_refused)};
    tec_comm_start(&comm);
    tec_comm_local(&alone);
    int failed = cmocka_run_group_tests(tests, open_inputs, remove_inputs);
    tec_comm_finish(&comm);
    return failed;
}
