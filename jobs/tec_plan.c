/* tec plan: estimates what a configuration needs on a cluster, before anything is submitted. */
#include "jobs.h"

#include "tec/bench.h"
#include "tec/clock.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/sampler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_NODES, OPTION_RANKS, OPTION_BENCH, OPTION_NETWORK, OPTION_IMAGES, OPTION_FINETUNE };

static const tec_option options[] = {
    {"nodes", TEC_OPTION_WHOLE, "N", .help = "nodes of the job (default 1)", .least = 1, .most = 1e6, .otherwise = 1},
    {"ranks-per-node", TEC_OPTION_WHOLE, "R", .help = "ranks on each node (default: cores / run.threads)", .least = 1,
     .most = 4096},
    {"bench", TEC_OPTION_TEXT, "FILE",
     .help = "performance of the nodes, from `tec bench --json` (default: measure this machine now)"},
    {"network", TEC_OPTION_NUMBER, "GBIT", .help = "network bandwidth of a node in Gbit/s (default 100)", .most = 1e5,
     .otherwise = 100},
    {"images", TEC_OPTION_WHOLE, "N", .help = "number of training images, if data.train is not available", .least = 1,
     .most = 1e15},
    {"finetune", .help = "plan `tec finetune` instead of `tec pretrain` and `tec targets`"},
    {0}};

static const double GBIT = 1e9 / 8;

/* What is to be planned. */
typedef struct subject {
    tec_plan_job job;
    tec_dataset *train, *val; /* NULL: not available */
    bool base_guessed;        /* there is no model file: it is taken to be like the model that the settings describe */
    bool classes_guessed;
} subject;

/* The architecture in a model file of any format, for the images of this job. `command`: which will read it. */
static tec_status read_architecture(const tec_settings *settings, const char *path, const char *command,
                                    tec_model_config *out)
{
    tec_import *import;
    TEC_TRY(tec_setup_import(settings, path, &import));
    char *doubts = tec_import_doubts(import, TEC_USE_FEATURES);
    if (doubts)
        tec_warn("%s: nothing in the file tells %s; the plan takes the guess, %s will ask", path, doubts, command);
    free(doubts);
    tec_status status = tec_import_resize(import, settings->data.image_size, out);
    tec_import_close(import);
    return status;
}

/* Of pretraining. The base model's architecture, from its file; if there is none, the new model's. */
static tec_status describe_pretraining(const tec_settings *settings, subject *s)
{
    const char *path = settings->base.model;
    tec_model_config model, base;
    TEC_TRY(tec_settings_model_config(settings, &model));
    base = model;
    s->base_guessed = model.kind == TEC_MODEL_TEC && (!path[0] || !tec_file_exists(path));
    if (path[0] && tec_file_exists(path))
        TEC_TRY(read_architecture(settings, path, "tec targets", &base));
    base.kind = TEC_MODEL_VIT;
    model.base_width = base.width;
    model.base_heads = base.heads;
    s->job = tec_setup_plan_job(settings, &model, &base);
    return tec_model_config_check(&model);
}

/* Of fine-tuning. The architecture of finetune.model, from its file; if there is none, what the settings describe. */
static tec_status describe_tuning(const tec_settings *settings, subject *s)
{
    const char *path = settings->finetune.model;
    const bool scratch = tec_setup_from_scratch(settings);
    tec_model_config base, model;
    s->base_guessed = !scratch && (!path[0] || !tec_file_exists(path));
    if (scratch || s->base_guessed) {
        TEC_TRY(tec_setup_classifier(settings, NULL, &model));
    } else {
        TEC_TRY(read_architecture(settings, path, "tec finetune", &base));
        TEC_TRY(tec_setup_classifier(settings, &base, &model));
    }
    return tec_setup_tuning_plan_job(settings, &model, &s->job);
}

/* In the memory of a rank: a whole IDX file, or the file names of a folder. */
static double dataset_bytes(const tec_dataset *set, double images)
{
    enum { NAME = 128 };
    tec_image image;
    char name[256] = "";
    if (set)
        tec_dataset_name(set, tec_dataset_size(set) - 1, name, sizeof name);
    const char *number = strrchr(name, '['); /* "FILE[17]" of an IDX file, all of which max_train samples */
    if (!number || tec_dataset_read(set, 0, &image) != TEC_OK)
        return images * NAME;
    double pixels = (double)image.width * image.height;
    tec_image_free(&image);
    return (strtod(number + 1, NULL) + 1) * pixels;
}

static bool is_there(const char *path)
{
    return path[0] && tec_file_exists(path);
}

/* As `tec finetune` does, of those that are there. */
static tec_status check_labelled(const tec_comm *comm, const tec_settings *settings, subject *s)
{
    TEC_TRY(tec_setup_check_labels(settings));
    if (s->val)
        TEC_TRY(tec_setup_val_labels(comm, settings, s->train, s->val));
    TEC_TRY(tec_evaluation_check(s->train, settings->data.train, s->val, settings->data.val));
    tec_setup_choose_labels(settings, s->train);
    return TEC_OK;
}

static tec_status open_images(const tec_comm *comm, const tec_invocation *call, subject *s)
{
    const tec_settings *settings = &call->settings;
    const double given = call->option[OPTION_IMAGES].number;
    tec_plan_job *job = &s->job;
    const bool tuning = job->model.kind == TEC_MODEL_CLASSIFIER;
    if (is_there(settings->data.train))
        TEC_TRY(tec_setup_dataset(comm, settings, true, &s->train));
    else if (given == 0)
        return tec_fail(TEC_USER_ERROR, "the number of images is unknown: give data.train, or --images N");
    if (tuning && is_there(settings->data.val))
        TEC_TRY(tec_setup_dataset(comm, settings, false, &s->val));
    if (tuning && s->train)
        TEC_TRY(check_labelled(comm, settings, s));
    if (s->train)
        job->images = tec_dataset_size(s->train);
    if (given > 0)
        job->images = (int64_t)given;
    job->dataset_bytes = dataset_bytes(s->train, (double)job->images);
    if (s->val) {
        job->val_images = tec_dataset_size(s->val);
        job->dataset_bytes += dataset_bytes(s->val, (double)job->val_images);
    }
    if (!tuning)
        return tec_sampler_check(job->images, &job->recipe);
    return tec_setup_check_tuning(settings, job->images, s->train ? tec_dataset_classes(s->train) : 0);
}

static tec_status choose_classes(subject *s)
{
    enum { IMAGENET_CLASSES = 1000 };
    tec_model_config *model = &s->job.model;
    if (model->kind != TEC_MODEL_CLASSIFIER)
        return TEC_OK;
    model->classes = s->train ? tec_dataset_classes(s->train) : 0;
    s->classes_guessed = model->classes < 2;
    if (s->classes_guessed)
        model->classes = IMAGENET_CLASSES;
    return tec_model_config_check(model);
}

/* -- the report -- */

static void print_bytes(const char *what, double bytes, const char *more)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    int unit = 0;
    for (bytes /= 1e3; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1e3;
    printf("  %-34s %9.2f %s%s\n", what, bytes, units[unit], more);
}

static void print_memory(const char *title, const tec_plan_memory *memory, const tec_plan_job *job, double node)
{
    printf("\n%s\n", title);
    for (int i = 0; i < TEC_PLAN_MEMORY_ITEMS && memory->item[i].name; i++)
        print_bytes(memory->item[i].name, memory->item[i].bytes, "");
    print_bytes("a rank", memory->bytes, "");
    print_bytes("a node", memory->bytes * job->ranks_per_node,
                memory->bytes * job->ranks_per_node > node ? "  MORE THAN A NODE HAS" : "");
}

static void print_store(const tec_plan_job *job)
{
    double half = tec_plan_store_bytes(job, TEC_TARGET_FLOAT16);
    for (int type = TEC_TARGET_FLOAT32; type <= TEC_TARGET_INT8; type++) {
        char name[64], more[64];
        snprintf(name, sizeof name, "target store, %s", tec_target_type_name((tec_target_type)type));
        snprintf(more, sizeof more, "  %.3f of float16%s", tec_plan_store_bytes(job, (tec_target_type)type) / half,
                 type == (int)job->targets.type ? ", as the settings say" : "");
        print_bytes(name, tec_plan_store_bytes(job, (tec_target_type)type), more);
    }
}

static void print_time(const tec_plan_job *job, const tec_plan_time *t)
{
    char text[32];
    double communication = t->node_reduce + t->network_reduce;
    if (job->model.kind == TEC_MODEL_TEC)
        printf("\ntargets: %s, %.2f node-hours\n", tec_duration(text, t->targets_seconds), t->targets_node_hours);
    printf("\n%s: %lld steps of %.4f s\n", tec_recipe_section(&job->recipe), (long long)t->steps, t->step);
    const struct {
        const char *name;
        double seconds;
    } part[] = {{"forward and backward", t->compute},
                {"AdamW", t->update},
                {"allreduce inside a node", t->node_reduce},
                {"allreduce between nodes", t->network_reduce},
                {"decoding beyond free cores", t->fetch}};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        printf("  %-34s %9.4f s %6.2f %%\n", part[i].name, part[i].seconds, 100 * part[i].seconds / t->step);
    printf("  %-34s %9.2f\n", "images/s", job->recipe.batch / t->step);
    printf("communication share %.2f %%\n", 100 * communication / t->step);
    printf("checkpoints: %lld, %.1f s each\n", (long long)t->checkpoints, t->checkpoint);
    if (t->validations > 0)
        printf("validations: %lld, %.1f s each\n", (long long)t->validations, t->validation);
    printf("time %s, %.1f s\n", tec_duration(text, t->seconds), t->seconds);
    printf("node-hours %.2f\n", t->node_hours + t->targets_node_hours);
}

static tec_status report(const tec_plan_job *job, const tec_plan_machine *machine)
{
    tec_plan_memory memory;
    tec_plan_time time;
    double checkpoint;
    bool tec = job->model.kind == TEC_MODEL_TEC;
    char title[64];
    TEC_TRY(tec_plan_training_memory(job, &memory));
    snprintf(title, sizeof title, "memory, %s", tec_recipe_section(&job->recipe));
    print_memory(title, &memory, job, machine->memory);
    if (tec) {
        TEC_TRY(tec_plan_targets_memory(job, &memory));
        print_memory("memory, targets", &memory, job, machine->memory);
    }
    TEC_TRY(tec_plan_checkpoint_bytes(job, &checkpoint));
    puts("\ndisk");
    print_bytes("a checkpoint (2 are kept)", checkpoint, "");
    if (tec)
        print_store(job);
    TEC_TRY(tec_plan_time_of(job, machine, &time));
    print_time(job, &time);
    return TEC_OK;
}

static tec_status find_machine(const tec_comm *comm, const tec_invocation *call, const tec_plan_job *job,
                               const tec_dataset *set, tec_plan_machine *machine)
{
    const char *path = call->option[OPTION_BENCH].text;
    const double gbit = call->option[OPTION_NETWORK].number;
    char *used = NULL;
    if (path) {
        TEC_TRY(tec_plan_machine_read(path, job, machine, &used));
        printf("performance from %s (%s)\n", path, used);
        free(used);
    } else {
        puts("performance of this machine, measured now by a single rank");
        TEC_TRY(tec_plan_machine_measure(comm, job, set, machine));
    }
    machine->network_rate = gbit * GBIT;
    printf("  %.1f GFLOP/s per rank in training steps, allreduce %.2f GB/s inside a node, network %.0f Gbit/s\n",
           machine->train_rate / 1e9, isinf(machine->node_reduce_rate) ? 0 : machine->node_reduce_rate / 1e9, gbit);
    return TEC_OK;
}

static tec_status choose_ranks(const tec_invocation *call, tec_plan_job *job)
{
    const tec_argument *ranks = &call->option[OPTION_RANKS], *bench = &call->option[OPTION_BENCH];
    double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    json_t *file = NULL;
    if (bench->text) {
        TEC_TRY(tec_bench_json_read(bench->text, &file));
        cores = json_number_value(json_object_get(json_object_get(file, "machine"), "cores"));
        json_decref(file);
    }
    job->nodes = (int)call->option[OPTION_NODES].number;
    job->ranks_per_node = (int)(ranks->times ? ranks->number : fmax(1, floor(cores / job->threads)));
    return TEC_OK;
}

static void print_heading(const subject *s, const tec_plan_machine *machine)
{
    const tec_plan_job *job = &s->job;
    const bool tuning = job->model.kind == TEC_MODEL_CLASSIFIER;
    printf("%lld images, %d node%s x %d rank%s x %d thread%s, %d images a step\n", (long long)job->images, job->nodes,
           job->nodes > 1 ? "s" : "", job->ranks_per_node, job->ranks_per_node > 1 ? "s" : "", job->threads,
           job->threads > 1 ? "s" : "", job->recipe.batch);
    if (s->base_guessed && tuning)
        puts("finetune.model is not available: it is assumed to have the architecture that the settings describe");
    else if (s->base_guessed)
        puts("base.model is not available: it is assumed to have the architecture of the new model");
    if (s->classes_guessed)
        printf("the number of classes is unknown: %d are assumed\n", job->model.classes);
    if (tuning && job->val_images == 0)
        puts("data.val is not available: the time of validation is left out");
    if (machine->fetch_seconds == 0)
        puts("the cost of decoding an image is unknown, and assumed to be zero");
}

static tec_status plan(const tec_comm *comm, const tec_invocation *call, subject *s)
{
    tec_plan_machine machine;
    const bool tuning = call->option[OPTION_FINETUNE].times;
    TEC_TRY(tuning ? describe_tuning(&call->settings, s) : describe_pretraining(&call->settings, s));
    TEC_TRY(choose_ranks(call, &s->job));
    TEC_TRY(open_images(comm, call, s));
    TEC_TRY(choose_classes(s));
    TEC_TRY(find_machine(comm, call, &s->job, s->train, &machine));
    print_heading(s, &machine);
    return report(&s->job, &machine);
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    subject s = {0};
    tec_status status = plan(comm, call, &s);
    tec_dataset_close(s.train);
    tec_dataset_close(s.val);
    return status;
}

static const char *const sections[] = {"data", "model", "base", "targets", "pretrain", "finetune", "run", NULL};

const tec_command tec_command_plan = {
    .name = "plan",
    .usage = "-c CONFIG.yaml [--nodes N] [--ranks-per-node R] [--bench FILE] [--network GBIT] [--images N] "
             "[--finetune] [section.key=value ...]",
    .summary = "estimate node-hours, memory and storage of a configuration",
    .details =
        "Estimates, for a job on N nodes, node-hours, memory of a rank, bytes of targets "
        "and checkpoints, and the share of communication. The performance of the machine is "
        "measured here, with the job's own model, in a few seconds, or taken from --bench "
        "FILE: run `mpirun -n R tec bench --json FILE` on such a node, with as many ranks "
        "as a node will have (a single rank alone is faster than each rank of a full node).\n\n"
        "With --finetune: of `tec finetune` with the same settings. FILE should have runs of `tec bench --finetune`.\n\n"
        "The estimate, with P = N R ranks, b = batch / P rounded up, m masks per image, G bytes of gradient:\n"
        "  step           compute + AdamW + allreduce inside a node + between nodes + decoding\n"
        "  compute        b m F / rate; F counts the model's matrix products, rate is F / measured time\n"
        "  AdamW          parameters x measured time per parameter\n"
        "  inside a node  G / rate measured among R ranks; otherwise 4 (R - 1) G / memcpy rate of all cores\n"
        "  between nodes  2 (N - 1) / N G / (0.87 network) + 2 log2(N) 20 us per bucket (a ring)\n"
        "  decoding       what exceeds the free cores: b x time per image - (cores / R - threads) compute\n"
        "  run            steps x step + checkpoints at 400 MB/s; fine-tuning: + validations\n"
        "  validation     forward and decoding of the images of data.val, shared by the ranks\n"
        "  memory         the model is laid out as in the run, but its memory is not touched\n"
        "No communication is assumed to overlap with computation.",
    .options = options,
    .sections = sections,
    .run = run,
};
