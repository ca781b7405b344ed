/* The performance of a machine: measured now, or read from a file of tec bench. */
#include "plan_parts.h"

#include "tec/bench.h"
#include "tec/flops.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEPS = 5, TARGET_IMAGES = 8 };

static const double DISK_RATE = 400e6; /* assumed, not measured: a parallel file system, or a local disk */

static tec_status measure_training(const tec_comm *comm, const tec_plan_job *job, tec_plan_machine *out)
{
    tec_bench_training training;
    tec_bench_result result = {0};
    const int count = tec_plan_shape(job).micro_batch;
    tec_reduction within = job->reduction;
    within.type = TEC_GRADIENT_FLOAT32; /* what is rounded leaves a node, and here nothing does */
    TEC_TRY(
        tec_bench_training_open(&training, comm, &within, &job->model, count, count, job->visible, tec_plan_topk(job)));
    tec_status status = tec_bench_measure(tec_bench_training_step, &training, STEPS, &result);
    if (status == TEC_OK) {
        double update = result.operators[TEC_OPERATOR_ADAMW].seconds / STEPS;
        out->train_rate = tec_bench_training_flops(&training) / (result.median - update);
        out->update_seconds = update / (double)tec_model_params(training.model)->trained;
    }
    tec_bench_result_free(&result);
    tec_bench_training_close(&training);
    return status;
}

static tec_status measure_targets(const tec_plan_job *job, tec_plan_machine *out)
{
    tec_bench_targets targets;
    tec_bench_result result = {0};
    int batch = job->targets.batch < TARGET_IMAGES ? job->targets.batch : TARGET_IMAGES;
    TEC_TRY(tec_bench_targets_open(&targets, &job->base, batch, job->targets.topk));
    tec_status status = tec_bench_measure(tec_bench_targets_step, &targets, STEPS, &result);
    if (status == TEC_OK)
        out->targets_rate = tec_bench_targets_flops(&targets) / result.median;
    tec_bench_result_free(&result);
    tec_bench_targets_close(&targets);
    return status;
}

static tec_status measure_images(const tec_plan_job *job, const tec_dataset *set, tec_plan_machine *out)
{
    enum { BATCH = 8 };
    tec_bench_images images;
    double rate = 1;
    tec_reading one = job->reading;
    one.workers = 1;
    tec_status status = tec_bench_images_open(&images, set, &job->view, &one, BATCH);
    if (status == TEC_OK)
        status = tec_bench_images_rate(&images, &rate);
    out->fetch_seconds = 1 / rate;
    tec_bench_images_close(&images);
    return status;
}

static void set_node(const tec_plan_job *job, double copy_rate, tec_plan_machine *out)
{
    out->node_reduce_rate = tec_plan_node_reduce_rate(copy_rate, job->ranks_per_node, tec_plan_sums_by_slices(job));
    out->disk_rate = DISK_RATE;
}

tec_status tec_plan_machine_measure(const tec_comm *comm, const tec_plan_job *job, const tec_dataset *set,
                                    tec_plan_machine *out)
{
    *out = (tec_plan_machine){.cores = (int)sysconf(_SC_NPROCESSORS_ONLN),
                              .memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE)};
    set_node(job, tec_bench_copy_rate(), out);
    TEC_TRY(measure_training(comm, job, out));
    if (job->model.kind == TEC_MODEL_TEC)
        TEC_TRY(measure_targets(job, out));
    return set ? measure_images(job, set, out) : TEC_OK;
}

/* -- bench.json -- */

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static bool is_of_kind(const json_t *run, const char *what)
{
    const char *text = json_string_value(json_object_get(run, "what"));
    return text && strcmp(text, what) == 0 && number_of(run, "rate") > 0 && number_of(run, "flops_per_image") > 0;
}

/* Of the runs of a kind, the one with the nearest number of ranks and, among those, of operations per image. */
static const json_t *nearest(const json_t *runs, const char *what, int ranks, double flops)
{
    const json_t *best = NULL;
    double best_ranks = INFINITY, best_flops = INFINITY;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (!is_of_kind(run, what))
            continue;
        double by_ranks = fabs(log(number_of(run, "ranks") / ranks));
        double by_flops = fabs(log(number_of(run, "flops_per_image") / flops));
        if (by_ranks < best_ranks || (by_ranks == best_ranks && by_flops < best_flops)) {
            best = run;
            best_ranks = by_ranks;
            best_flops = by_flops;
        }
    }
    return best;
}

/* Rates are assumed proportional to the threads of a rank. */
static double thread_factor(const tec_plan_job *job, const json_t *run)
{
    double threads = number_of(run, "threads");
    return job->threads / (threads > 0 ? threads : 1);
}

/* An allreduce measured with the same number of ranks is preferred to the estimate of one. */
static void take_step_run(const tec_plan_job *job, const json_t *run, tec_plan_machine *out)
{
    const json_t *allreduce = json_object_get(run, "allreduce"), *loader = json_object_get(run, "loader");
    double factor = thread_factor(job, run);
    out->train_rate = number_of(run, "rate") * factor;
    out->update_seconds = number_of(run, "update_seconds") / factor;
    if (number_of(allreduce, "seconds") > 0 && (int)number_of(run, "ranks") == job->ranks_per_node &&
        !tec_plan_sums_by_slices(job))
        out->node_reduce_rate = number_of(allreduce, "bytes") / number_of(allreduce, "seconds");
    if (number_of(loader, "images_per_second") > 0)
        out->fetch_seconds = number_of(loader, "workers") / number_of(loader, "images_per_second");
}

static tec_status take_file(const char *path, const json_t *file, const tec_plan_job *job, tec_plan_machine *out,
                            char **used)
{
    const json_t *machine = json_object_get(file, "machine"), *runs = json_object_get(file, "runs");
    const int topk = job->targets.topk;
    double flops = tec_flops_train(&job->model, 1, job->visible, topk);
    const json_t *step = NULL, *targets = NULL;
    if (job->model.kind == TEC_MODEL_CLASSIFIER)
        step = nearest(runs, "finetune", job->ranks_per_node, flops);
    if (!step) /* steps of all kinds are matrix products of about the same rate */
        step = nearest(runs, "step", job->ranks_per_node, flops);
    out->cores = (int)number_of(machine, "cores");
    out->memory = number_of(machine, "memory_bytes");
    if (!step || out->cores < 1 || number_of(file, "copy_rate") <= 0)
        return tec_fail(TEC_USER_ERROR, "%s has no measurements of training steps; `tec bench --json %s` adds them",
                        path, path);
    set_node(job, number_of(file, "copy_rate"), out);
    take_step_run(job, step, out);
    if (job->model.kind == TEC_MODEL_TEC)
        targets = nearest(runs, "targets", job->ranks_per_node, tec_flops_targets(&job->base, 1, topk));
    /* The products of a forward run about as fast as those of a step. */
    out->targets_rate = targets ? number_of(targets, "rate") * thread_factor(job, targets) : out->train_rate;
    const char *size = json_string_value(json_object_get(step, "size"));
    *used = tec_string_format("%s%s, %d rank%s", size ? size : "?", is_of_kind(step, "finetune") ? " fine-tuning" : "",
                              (int)number_of(step, "ranks"), number_of(step, "ranks") > 1 ? "s" : "");
    return TEC_OK;
}

tec_status tec_plan_machine_read(const char *path, const tec_plan_job *job, tec_plan_machine *out, char **used)
{
    json_t *file;
    *out = (tec_plan_machine){0};
    *used = NULL;
    TEC_TRY(tec_bench_json_read(path, &file));
    tec_status status = take_file(path, file, job, out, used);
    json_decref(file);
    return status;
}
