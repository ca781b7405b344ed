/* tec plan: estimates what a configuration needs on a cluster, before anything is submitted. */
#include "jobs.h"
#include "plan_report.h"

#include "tec/bench.h"
#include "tec/files.h"
#include "tec/json.h"
#include "tec/log.h"
#include "tec/sampler.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_NODES, OPTION_RANKS, OPTION_BENCH, OPTION_NETWORK, OPTION_IMAGES, OPTION_FINETUNE, OPTION_JSON };

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
    {"json", TEC_OPTION_TEXT, "FILE", .help = "also write everything to FILE, which `tec report` shows"},
    {0}};

static const double GBIT = 1e9 / 8;

/* What is to be planned. */
typedef struct subject {
    tec_plan_job job;
    tec_dataset *train, *val; /* NULL: not available */
    bool base_guessed;        /* there is no model file: it is taken to be like the model that the settings describe */
    int further_guessed; /* how many stores of further base models are not there: they are taken to be like the first */
    bool classes_guessed;
    char *performance; /* whose it is: "from bench.json (tiny, 1 rank)"; owned */
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

/* Of the base model whose store is in `dir`; false: there is none. */
static bool read_shape(const char *dir, tec_base_shape *out)
{
    tec_store *store = NULL;
    char *manifest = NULL;
    size_t bytes;
    bool found =
        tec_store_manifest(dir, &manifest, &bytes) == TEC_OK && tec_store_open(&store, dir, manifest, bytes) == TEC_OK;
    if (found)
        *out = (tec_base_shape){tec_store_get_spec(store)->width, tec_store_get_spec(store)->heads};
    tec_store_close(store);
    free(manifest);
    return found;
}

/* The further base models that the new one learns from. */
static void describe_further(const tec_settings *settings, tec_model_config *model, subject *s)
{
    char *dir;
    for (int i = 0; model->kind == TEC_MODEL_TEC && (dir = tec_settings_more_targets(settings, i)); i++) {
        model->more_base[i] = tec_model_base(model, 0);
        s->further_guessed += !read_shape(dir, &model->more_base[i]);
        free(dir);
    }
}

/* Of pretraining. The base model's architecture, from its file; if there is none, the new model's. */
static tec_status describe_pretraining(const tec_settings *settings, subject *s)
{
    const char *path = settings->base.model;
    tec_model_config model, base;
    TEC_TRY(tec_setup_check_more(settings));
    TEC_TRY(tec_settings_model_config(settings, &model));
    base = model;
    s->base_guessed = model.kind == TEC_MODEL_TEC && (!path[0] || !tec_file_exists(path));
    if (path[0] && tec_file_exists(path))
        TEC_TRY(read_architecture(settings, path, "tec targets", &base));
    if (model.kind == TEC_MODEL_TEC && settings->targets.online)
        TEC_TRY(tec_setup_check_online(settings, &base, &model));
    base.kind = TEC_MODEL_VIT;
    model.base_width = base.width;
    model.base_heads = base.heads;
    describe_further(settings, &model, s);
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

/* In the memory of a rank: a whole IDX file, what of arrays is unpacked, or the file names of a folder. */
static double dataset_bytes(const tec_dataset *set, double images)
{
    enum { NAME = 128, NUMBERS = 8 };
    if (set && tec_dataset_one_size(set))
        return (double)tec_dataset_memory(set) + images * NUMBERS;
    return images * NAME;
}

static bool is_there(const char *path)
{
    return path[0] && tec_dataset_is_there(path);
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

/* Prints whose performance it is, which goes to `performance`. */
static tec_status find_machine(const tec_comm *comm, const tec_invocation *call, subject *s, tec_plan_machine *machine)
{
    const char *path = call->option[OPTION_BENCH].text;
    char *used = NULL;
    if (path)
        TEC_TRY(tec_plan_machine_read(path, &s->job, machine, &used));
    s->performance = path ? tec_string_format("from %s (%s)", path, used)
                          : tec_string_copy("of this machine, measured now by a single rank");
    free(used);
    printf("performance %s\n", s->performance);
    if (!path)
        TEC_TRY(tec_plan_machine_measure(comm, &s->job, s->train, machine));
    machine->network_rate = call->option[OPTION_NETWORK].number * GBIT;
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

static void assume(json_t *list, const char *text)
{
    json_array_append_new(list, json_string(text));
}

/* What is not known, and what is taken instead: a new list of texts. */
static json_t *assumptions(const subject *s, const tec_plan_machine *machine)
{
    const tec_plan_job *job = &s->job;
    const bool tuning = job->model.kind == TEC_MODEL_CLASSIFIER;
    json_t *list = json_array();
    if (s->base_guessed && tuning)
        assume(list,
               "finetune.model is not available: it is assumed to have the architecture that the settings describe");
    else if (s->base_guessed)
        assume(list, "base.model is not available: it is assumed to have the architecture of the new model");
    if (s->further_guessed > 0)
        assume(list,
               "a store of pretrain.more_targets is not there yet: its base model is assumed to be like the first");
    if (tec_model_bases(&job->model) > 1)
        assume(list,
               "storage and time of targets are those of base.model alone: plan those of pretrain.more_targets with "
               "their own");
    if (s->classes_guessed) {
        char *text = tec_string_format("the number of classes is unknown: %d are assumed", job->model.classes);
        assume(list, text);
        free(text);
    }
    if (tuning && job->val_images == 0)
        assume(list, "data.val is not available: the time of validation is left out");
    if (machine->fetch_seconds == 0)
        assume(list, "the cost of decoding an image is unknown, and assumed to be zero");
    return list;
}

static tec_status report(const subject *s, const tec_plan_machine *machine, const char *path)
{
    json_t *plan;
    TEC_TRY(tec_plan_json(&s->job, machine, &plan));
    json_object_set_new(plan, "performance", tec_job_name_json(s->performance));
    json_object_set_new(plan, "assumptions", assumptions(s, machine));
    /* All digits: they round to what is printed. */
    tec_status status = path ? tec_json_write(path, plan, 17) : TEC_OK;
    tec_plan_print(plan);
    json_decref(plan);
    return status;
}

static tec_status plan(const tec_comm *comm, const tec_invocation *call, subject *s)
{
    tec_plan_machine machine;
    const bool tuning = call->option[OPTION_FINETUNE].times;
    const char *json = call->option[OPTION_JSON].text;
    if (json)
        TEC_TRY(tec_file_check_output(json));
    TEC_TRY(tuning ? describe_tuning(&call->settings, s) : describe_pretraining(&call->settings, s));
    TEC_TRY(tec_reduction_check(&s->job.reduction));
    TEC_TRY(choose_ranks(call, &s->job));
    TEC_TRY(open_images(comm, call, s));
    TEC_TRY(choose_classes(s));
    tec_recipe_say_micro_batch(&s->job.recipe, s->job.inputs);
    TEC_TRY(find_machine(comm, call, s, &machine));
    return report(s, &machine, json);
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    subject s = {0};
    tec_status status = plan(comm, call, &s);
    tec_dataset_close(s.train);
    tec_dataset_close(s.val);
    free(s.performance);
    return status;
}

static const char *const sections[] = {"data", "model", "base", "targets", "pretrain", "finetune", "run", NULL};

const tec_command tec_command_plan = {
    .name = "plan",
    .usage = "-c CONFIG.yaml [--nodes N] [--ranks-per-node R] [--bench FILE] [--network GBIT] [--images N] "
             "[--finetune] [--json FILE] [section.key=value ...]",
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
        "  AdamW          parameters x measured time per parameter; / R with run.node_memory=shared\n"
        "  inside a node  G / rate measured among R ranks; otherwise 4 (R - 1) G / memcpy rate of all cores;\n"
        "                 with run.node_memory=shared (R + 1/2) G / memcpy rate of all cores\n"
        "  between nodes  2 (N - 1) / N G / (0.87 network) + 2 log2(N) 20 us per bucket (a ring); of "
        "bfloat16 9/16 of G, and N - 1 for log2(N)\n"
        "  decoding       what exceeds the free cores: b x time per image - (cores / R - threads) compute\n"
        "  run            steps x step + checkpoints at 400 MB/s; fine-tuning: + validations\n"
        "  validation     forward and decoding of the images of data.val, shared by the ranks\n"
        "  memory         the model is laid out as in the run, but its memory is not touched\n"
        "No communication is assumed to overlap with computation.",
    .options = options,
    .sections = sections,
    .run = run,
};
