/* tec bench: the speed of a training step, or of base targets, on this machine. */
#include "tec/bench.h"

#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPTION_SIZE, OPTION_BATCH, OPTION_STEPS, OPTION_MICRO_BATCH, OPTION_TARGETS, OPTION_BRIEF, OPTION_JSON };

static const tec_option options[] = {
    {"size", "NAME",
     "vitb: ViT-B/16 at 224 pixels (decoder 512); vitt: ViT-Ti/16 at 224 (decoder 192, "
     "the default); tiny: 32 pixels, patch 4, width 192 (decoder 128)"},
    {"batch", "N", "images per step and rank (default 8, 16, 64)"},
    {"steps", "N", "measured steps (default 5); one more goes before them"},
    {"micro-batch", "N", "images computed at once (default: as training chooses)"},
    {"targets", NULL, "measure the base model's targets instead of training steps"},
    {"brief", NULL, "the closing lines alone, without the measurements of the tables"},
    {"json", "FILE", "add everything to this file, which holds the runs of one machine"},
    {0}};

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

/* Collective. The same steps again, with images from data.train. */
static tec_status measure_loader(const tec_comm *comm, const tec_settings *settings, tec_bench_training *training,
                                 tec_bench_run *run)
{
    tec_dataset *set;
    tec_bench_images images = {0};
    tec_bench_result result = {0};
    TEC_TRY(tec_setup_dataset(comm, settings, true, &set));
    tec_status status = tec_bench_images_open(&images, settings, &run->config, set, training->micro_batch);
    if (status == TEC_OK)
        status = tec_bench_images_rate(&images, &run->loader.rate);
    status = tec_comm_agree(comm, status);
    if (status == TEC_OK) {
        training->images = &images;
        for (int i = 0; i <= settings->data.prefetch; i++)
            tec_bench_images_ask(&images);
        status = tec_bench_measure(tec_bench_training_step, training, run->result.steps, &result);
        training->images = NULL;
    }
    if (status == TEC_OK) {
        run->loader.workers = settings->data.workers;
        run->loader.step_rate = run->batch / result.median;
        run->loader.wait_share = result.operators[TEC_OPERATOR_LOADER].seconds / result.total;
    }
    tec_bench_result_free(&result);
    tec_bench_images_close(&images);
    tec_dataset_close(set);
    return status;
}

/* Collective. */
static tec_status measure_training(const tec_comm *comm, const tec_settings *settings, const tec_bench_size *size,
                                   bool brief, tec_bench_run *run)
{
    tec_bench_training training = {0};
    tec_status status = tec_bench_training_open(&training, comm, settings, &run->config, run->batch, run->micro_batch,
                                                tec_model_patches(&run->config) / 4, size->topk);
    status = tec_comm_agree(comm, status);
    if (status != TEC_OK) {
        tec_bench_training_close(&training);
        return status;
    }
    run->micro_batch = training.micro_batch;
    run->parameters = (double)tec_model_params(training.model)->trained;
    run->flops = tec_bench_training_flops(&training);
    status = tec_bench_measure(tec_bench_training_step, &training, run->result.steps, &run->result);
    if (status == TEC_OK && !brief && comm->size > 1)
        run->reduce = tec_bench_measure_reduce(&training);
    if (status == TEC_OK && !brief && settings->data.train[0])
        status = measure_loader(comm, settings, &training, run);
    tec_bench_training_close(&training);
    return status;
}

static tec_status measure_targets(const tec_bench_size *size, tec_bench_run *run)
{
    tec_bench_targets targets;
    TEC_TRY(tec_bench_targets_open(&targets, &run->config, run->batch, size->topk));
    run->flops = tec_bench_targets_flops(&targets);
    tec_status status = tec_bench_measure(tec_bench_targets_step, &targets, run->result.steps, &run->result);
    tec_bench_targets_close(&targets);
    return status;
}

static void print_closing(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    printf("%s %.4f s (median of %d), matrix products %.1f GFLOP/s, ranks %d, batch %d, micro-batch %d\n", run->what,
           r->median, r->steps, r->flops / r->operators[TEC_OPERATOR_GEMM].seconds / 1e9, run->ranks, run->batch,
           run->micro_batch);
    if (run->ranks > 1)
        printf("exposed communication: %.4f s a step, %.2f %% of it (waiting for other ranks included)\n",
               r->operators[TEC_OPERATOR_REDUCE].seconds / r->steps,
               100 * r->operators[TEC_OPERATOR_REDUCE].seconds / r->total);
    printf("img/s %.3f gemm_share %.3f peak_rss_mb %.0f\n", run->images_per_second, tec_bench_gemm_share(r),
           r->peak_rss_mb);
}

/* Collective. */
static tec_status report(const tec_comm *comm, bool brief, const char *json, tec_bench_run *run)
{
    run->images_per_second = run->batch / run->result.median;
    tec_comm_sum_double(comm, &run->images_per_second, 1);
    run->rate = run->flops * run->result.steps / tec_bench_compute_seconds(&run->result);
    if (!brief)
        tec_bench_measure_warm(&run->result); /* on all ranks, which load the machine as they do in a step */
    tec_status status = TEC_OK;
    if (comm->rank == 0) {
        if (json)
            status = tec_bench_json_add(json, run);
        if (!brief)
            bench_print(run);
        print_closing(run);
    }
    return tec_comm_agree(comm, status);
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_bench_size *size;
    const bool brief = call->times[OPTION_BRIEF], targets = call->times[OPTION_TARGETS];
    tec_bench_run run = {
        .what = targets ? "targets" : "step", .ranks = comm->size, .threads = tec_settings_threads(&call->settings)};
    TEC_TRY(tec_bench_size_find(call->value[OPTION_SIZE], &size));
    run.size = size->name;
    run.config = tec_bench_config(size);
    TEC_TRY(read_count("batch", call->value[OPTION_BATCH], size->batch, &run.batch));
    TEC_TRY(read_count("steps", call->value[OPTION_STEPS], 5, &run.result.steps));
    TEC_TRY(read_count("micro-batch", call->value[OPTION_MICRO_BATCH],
                       targets ? run.batch : tec_model_micro_batch(&run.config, run.batch), &run.micro_batch));
    tec_status status = targets ? tec_comm_agree(comm, measure_targets(size, &run))
                                : measure_training(comm, &call->settings, size, brief, &run);
    if (status == TEC_OK)
        status = report(comm, brief, call->value[OPTION_JSON], &run);
    tec_bench_result_free(&run.result);
    return status;
}

static const char *const sections[] = {"data", "run", NULL};

const tec_command tec_command_bench = {
    .name = "bench",
    .usage = "[--size vitb|vitt|tiny] [--batch N] [--steps N] [--targets] [--brief] [--json FILE] [section.key=value "
             "...]",
    .summary = "measure the speed of a training step, or of base targets",
    .details = "Times whole steps (forward, both losses, backward, sum of the gradients over the ranks, AdamW) on "
               "random images and targets in memory, and says where the time goes: per operator, and per shape of "
               "matrix product beside this machine's own sgemm at the same shape, measured in the same process on "
               "warm buffers. With more than one rank: allreduce of the gradients beside a memcpy of as many bytes. "
               "With data.train: images per second of decoding and cropping to the size's image size, and the share "
               "of the time that steps wait for them.\n"
               "Last line: images per second over all ranks, the share of the steps spent in matrix products (rank "
               "0), and the peak resident memory of rank 0 after them.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
