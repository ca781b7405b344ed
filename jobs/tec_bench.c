/* tec bench: measures the speed of training steps, or of base targets, on this machine. */
#include "bench_layouts.h"
#include "jobs.h"

#include "tec/bench.h"
#include "tec/files.h"
#include "tec/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 1000000 };
enum {
    OPTION_SIZE,
    OPTION_BATCH,
    OPTION_STEPS,
    OPTION_MICRO_BATCH,
    OPTION_FINETUNE,
    OPTION_TARGETS,
    OPTION_LAYOUTS,
    OPTION_BRIEF,
    OPTION_JSON
};

static const tec_option options[] = {
    {"size", TEC_OPTION_CHOICE, "vitt|vitb|tiny",
     .help = "vitt: ViT-Ti/16 at 224 pixels (decoder 192, the default); vitb: ViT-B/16 "
             "at 224 (decoder 512); tiny: 32 pixels, patch 4, width 192 (decoder 128)"},
    {"batch", TEC_OPTION_WHOLE, "N", .help = "images per step and rank (default 16, 8, 64)", .least = 1, .most = MOST},
    {"steps", TEC_OPTION_WHOLE, "N", .help = "measured steps, after one for warm-up (default 5)", .least = 1,
     .most = MOST, .otherwise = 5},
    {"micro-batch", TEC_OPTION_WHOLE, "N", .help = "images computed at once (default: as in training)", .least = 1,
     .most = MOST},
    {"finetune", .help = "measure steps of fine-tuning the same encoder instead of steps of pretraining"},
    {"targets", .help = "measure base targets instead of training steps"},
    {"layouts", .help = "compare ranks x threads on this node, started with a rank for every core"},
    {"brief", .help = "print only the closing lines, and skip the measurements for the tables"},
    {"json", TEC_OPTION_TEXT, "FILE", .help = "add all results to this file, which has the runs of one machine"},
    {0}};

/* As the settings say, but for images of the model's size. */
static tec_status choose_view(const tec_settings *settings, const tec_bench_run *run, tec_feed_view *view)
{
    *view = tec_setup_view(settings);
    if (run->config.kind == TEC_MODEL_CLASSIFIER)
        TEC_TRY(tec_setup_tuning_view(settings, view));
    view->size = run->config.image_size;
    view->channels = run->config.channels;
    return TEC_OK;
}

/* Collective. The same steps again, with images from data.train. */
static tec_status measure_loader(const tec_comm *comm, const tec_settings *settings, tec_bench_training *training,
                                 tec_bench_run *run)
{
    const tec_reading reading = tec_setup_reading(settings);
    tec_feed_view view;
    tec_dataset *set;
    tec_bench_images images = {0};
    tec_bench_result result = {0};
    TEC_TRY(choose_view(settings, run, &view));
    TEC_TRY(tec_setup_dataset(comm, settings, true, &set));
    tec_status status = tec_bench_images_open(&images, set, &view, &reading, training->micro_batch);
    if (status == TEC_OK)
        status = tec_bench_images_rate(&images, &run->loader.rate);
    status = tec_comm_agree(comm, status);
    if (status == TEC_OK) {
        training->images = &images;
        status = tec_bench_measure(tec_bench_training_step, training, run->result.steps, &result);
        training->images = NULL;
    }
    if (status == TEC_OK) {
        run->loader.workers = reading.workers;
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
    const tec_reduction reduction = tec_setup_reduction(settings);
    const bool classifier = run->config.kind == TEC_MODEL_CLASSIFIER; /* sees all patches */
    const int visible = tec_step_visible(&run->config, classifier ? 0 : size->mask_ratio);
    tec_bench_training training = {0};
    if (reduction.memory == TEC_NODE_SHARED)
        tec_log("tec bench ignores run.node_memory=shared: every rank has weights and moments of its own");
    tec_status status = tec_bench_training_open(&training, comm, &reduction, &run->config, run->batch, run->micro_batch,
                                                visible, classifier ? 0 : size->topk);
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

/* ---- the tables ---- */

enum { MOST_KINDS = 24 }; /* in the table; the --json file has all */

static void print_operators(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    double rest = r->total;
    printf("\n%-18s %9s %11s %8s %9s\n", "operator", "calls", "ms a step", "share", "GFLOP/s");
    for (int i = 0; i < TEC_OPERATORS; i++) {
        const tec_measured *m = &r->operators[i];
        rest -= m->seconds;
        if (!m->calls)
            continue;
        printf("%-18s %9.0f %11.3f %7.2f%%", tec_operator_name((tec_operator)i), (double)m->calls / r->steps,
               1e3 * m->seconds / r->steps, 100 * m->seconds / r->total);
        if (i == TEC_OPERATOR_GEMM)
            printf(" %9.1f", r->flops / m->seconds / 1e9);
        putchar('\n');
    }
    printf("%-18s %9s %11.3f %7.2f%%\n", "everything else", "", 1e3 * rest / r->steps, 100 * rest / r->total);
}

static double rate(const tec_bench_kind *kind)
{
    const tec_gemm_kind *k = &kind->in_step;
    return 2.0 * k->m * k->n * k->k * (double)k->calls / k->seconds / 1e9;
}

static double warm_rate(const tec_bench_kind *kind)
{
    const tec_gemm_kind *k = &kind->in_step;
    return kind->warm_seconds > 0 ? 2.0 * k->m * k->n * k->k / kind->warm_seconds / 1e9 : 0;
}

static void print_kinds(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    double best = 0, left = 0;
    printf("\n%20s %3s %7s %10s %7s %9s %9s %6s\n", "product m x n x k", "a b", "calls", "ms a step", "share",
           "GFLOP/s", "own sgemm", "ratio");
    for (int i = 0; i < r->kinds; i++) {
        const tec_gemm_kind *k = &r->kind[i].in_step;
        best = warm_rate(&r->kind[i]) > best ? warm_rate(&r->kind[i]) : best;
        if (i >= MOST_KINDS) {
            left += k->seconds;
            continue;
        }
        printf("%6d x %4d x %4d %2c %c %7.0f %10.3f %6.2f%% %9.1f %9.1f %6.2f\n", k->m, k->n, k->k,
               k->a == TEC_TRANSPOSED ? 'T' : 'N', k->b == TEC_TRANSPOSED ? 'T' : 'N', (double)k->calls / r->steps,
               1e3 * k->seconds / r->steps, 100 * k->seconds / r->total, rate(&r->kind[i]), warm_rate(&r->kind[i]),
               rate(&r->kind[i]) / warm_rate(&r->kind[i]));
    }
    if (r->kinds > MOST_KINDS)
        printf("%20s %3s %7s %10.3f %6.2f%%\n", "other shapes", "", "", 1e3 * left / r->steps, 100 * left / r->total);
    printf("own sgemm: the same product, repeated on warm buffers in this process. At these rates the products would\n"
           "take %.1f %% of the step; the best of them reaches %.1f GFLOP/s.\n",
           100 * tec_bench_warm_share(r), best);
}

static void print_reduce(const tec_bench_run *run)
{
    const tec_bench_reduce *r = &run->reduce;
    if (r->seconds == 0)
        return;
    printf(
        "\nallreduce of %.1f MB over %d ranks: %.4f s, %.2f GB/s; memcpy of as much on all ranks: %.4f s, %.2f GB/s\n",
        r->bytes / 1e6, run->ranks, r->seconds, r->bytes / r->seconds / 1e9, r->copy_seconds,
        r->bytes / r->copy_seconds / 1e9);
}

static void print_loader(const tec_bench_run *run)
{
    if (run->loader.rate == 0)
        return;
    printf("\n"
           "loader: %.1f images/s per rank from %d thread%s while nothing is computed; "
           "steps that use them: %.3f images/s per rank, waiting %.2f %% of the time\n",
           run->loader.rate, run->loader.workers, run->loader.workers > 1 ? "s" : "", run->loader.step_rate,
           100 * run->loader.wait_share);
}

static void print_machine(void)
{
    json_t *machine = tec_bench_machine(), *value;
    const char *key;
    json_object_foreach(machine, key, value)
    {
        if (json_is_string(value))
            printf("%-13s %s\n", key, json_string_value(value));
        else
            printf("%-13s %.0f\n", key, json_number_value(value));
    }
    json_decref(machine);
}

static void print_tables(const tec_bench_run *run)
{
    print_machine();
    print_operators(run);
    print_kinds(run);
    print_reduce(run);
    print_loader(run);
    putchar('\n');
}

static void print_closing(const tec_bench_run *run)
{
    const tec_bench_result *r = &run->result;
    printf("%s %.4f s (median of %d), matrix products %.1f GFLOP/s, ranks %d, batch %d, micro-batch %d\n", run->what,
           r->median, r->steps, r->flops / r->operators[TEC_OPERATOR_GEMM].seconds / 1e9, run->ranks, run->batch,
           run->micro_batch);
    printf("processor time %.4f s a step, img/processor-s %.3f\n", r->processor / r->steps,
           run->batch * r->steps / r->processor);
    if (run->ranks > 1)
        printf("exposed communication: %.4f s a step, %.2f %% of it (waiting for other ranks included)\n",
               r->operators[TEC_OPERATOR_REDUCE].seconds / r->steps,
               100 * r->operators[TEC_OPERATOR_REDUCE].seconds / r->total);
    printf("img/s %.3f gemm_share %.3f peak_rss_mb %.0f\n", run->images_per_second, tec_bench_gemm_share(r),
           r->peak_rss_mb);
}

/* Collective. */
static void complete(const tec_comm *comm, tec_bench_run *run)
{
    run->images_per_second = run->batch / run->result.median;
    tec_comm_sum_double(comm, &run->images_per_second, 1);
    run->rate = run->flops * run->result.steps / tec_bench_compute_seconds(&run->result);
}

/* Collective. */
static tec_status report(const tec_comm *comm, bool brief, const char *json, tec_bench_run *run)
{
    complete(comm, run);
    if (!brief)
        tec_bench_measure_warm(&run->result); /* on all ranks, so that the machine is as busy as in a step */
    tec_status status = TEC_OK;
    if (comm->rank == 0) {
        if (json)
            status = tec_bench_json_add(json, run);
        if (!brief)
            print_tables(run);
        print_closing(run);
    }
    return tec_comm_agree(comm, status);
}

static int number_or(const tec_argument *argument, int otherwise)
{
    return argument->times ? (int)argument->number : otherwise;
}

typedef struct layout_steps {
    const tec_settings *settings;
    const tec_bench_size *size;
    const tec_argument *micro_batch;
} layout_steps;

static tec_status measure_layout(const tec_comm *comm, void *context, tec_bench_run *run)
{
    const layout_steps *steps = context;
    run->micro_batch = number_or(steps->micro_batch, tec_model_micro_batch(&run->config, run->batch));
    TEC_TRY(measure_training(comm, steps->settings, steps->size, true, run));
    complete(comm, run);
    return TEC_OK;
}

static tec_status check_options(const tec_argument *option, const tec_settings *settings)
{
    if (option[OPTION_TARGETS].times && option[OPTION_FINETUNE].times)
        return tec_fail(TEC_USER_ERROR, "--finetune and --targets measure different things: give one of them");
    if (option[OPTION_TARGETS].times && option[OPTION_LAYOUTS].times)
        return tec_fail(TEC_USER_ERROR, "--layouts compares training steps: leave out --targets, whose ranks need "
                                        "nothing of each other");
    if (option[OPTION_LAYOUTS].times && settings->data.train[0])
        return tec_fail(TEC_USER_ERROR, "--layouts compares steps of images in memory: leave out data.train");
    return TEC_OK;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_argument *option = call->option;
    const bool brief = option[OPTION_BRIEF].times, targets = option[OPTION_TARGETS].times,
               finetune = option[OPTION_FINETUNE].times;
    const tec_bench_size *size = &tec_bench_sizes[option[OPTION_SIZE].choice];
    const char *training = finetune ? "finetune" : "step";
    TEC_TRY(check_options(option, &call->settings));
    tec_bench_run run = {.size = size->name,
                         .what = targets ? "targets" : training,
                         .config = finetune ? tec_bench_classifier_config(size) : tec_bench_config(size),
                         .ranks = comm->size,
                         .threads = tec_settings_threads(&call->settings),
                         .batch = number_or(&option[OPTION_BATCH], size->batch),
                         .result = {.steps = (int)option[OPTION_STEPS].number}};
    run.micro_batch =
        number_or(&option[OPTION_MICRO_BATCH], targets ? run.batch : tec_model_micro_batch(&run.config, run.batch));
    const char *json = option[OPTION_JSON].text;
    TEC_TRY(tec_comm_agree(comm, json && comm->rank == 0 ? tec_file_check_output(json) : TEC_OK));
    if (option[OPTION_LAYOUTS].times) {
        layout_steps steps = {&call->settings, size, &option[OPTION_MICRO_BATCH]};
        return tec_bench_layouts(comm, &run, measure_layout, &steps, json);
    }
    tec_status status = targets ? tec_comm_agree(comm, measure_targets(size, &run))
                                : measure_training(comm, &call->settings, size, brief, &run);
    if (status == TEC_OK)
        status = report(comm, brief, json, &run);
    tec_bench_result_free(&run.result);
    return status;
}

static const char *const sections[] = {
    "data", "finetune.crop_scale", "finetune.rand_augment", "finetune.color_jitter", "finetune.erase", "run", NULL};

const tec_command tec_command_bench = {
    .name = "bench",
    .usage = "[--size vitt|vitb|tiny] [--batch N] [--steps N] [--micro-batch N] [--finetune | --targets] "
             "[--layouts] [--brief] [--json FILE] [section.key=value ...]",
    .summary = "measure the speed of steps of training and fine-tuning, or of base targets",
    .details = "Times whole steps (forward, both losses, backward, allreduce of the gradients, AdamW) on "
               "random images and targets in memory, and shows where the time goes: per operator, and "
               "per shape of matrix product, next to this machine's own sgemm for that shape, measured "
               "in the same process on warm buffers. With several ranks: the allreduce of the gradients "
               "next to a memcpy of as many bytes. With data.train: images per second of decoding and "
               "cropping to the image size of --size, and the share of time that steps wait for them.\n\n"
               "With --finetune: steps of fine-tuning by the default recipe (all patches, 1000 classes, soft labels, "
               "stochastic depth, mixup, layer-wise rates), and images altered and erased as the settings say.\n\n"
               "With --layouts, started with a rank for every core of a node: the same steps by 1, ... and all of the "
               "ranks, each with the threads and the cores of those that sleep meanwhile, and the lines for slurm/site "
               "that choose the best: the fewest ranks within 2 % of the fastest, as each rank takes memory.\n\n"
               "Last line otherwise: images per second over all ranks, the share of matrix "
               "products in the steps (rank 0), and the peak resident memory of rank 0.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
