/* tec finetune: trains all of a model on labelled images. */
#include "jobs.h"

#include "tec/files.h"
#include "tec/json.h"
#include "tec/log.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const tec_option options[] = {TEC_RUN_OPTIONS("finetune"), {0}};

static const char *const sections[] = {"data", "model", "base", "finetune", "eval", "run", NULL};

#define RESULTS "finetune.json" /* in run.dir */

/* What a report is about. */
typedef struct subject {
    const tec_settings *settings;
    const tec_dataset *val;
    const tec_dataset *train; /* whose classes have names */
} subject;

/* By class: its name, its images, how many percent of them are right. Adds up the latter over the classes that have
 * images, for the balanced accuracy. */
static json_t *classes_json(const subject *s, const tec_validation *v, double *recalls, int *present)
{
    json_t *list = json_array();
    for (int c = 0; c < v->classes; c++) {
        const int64_t images = v->of_class[2 * c], right = v->of_class[2 * c + 1];
        json_t *one = json_pack("{s:o, s:I}", "class", tec_job_name_json(tec_dataset_class_name(s->train, c)), "images",
                                (json_int_t)images);
        if (images > 0) {
            json_object_set_new(one, "recall", json_real(tec_job_percent(right, images)));
            *recalls += tec_job_percent(right, images);
            ++*present;
        }
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *confusion_json(const tec_validation *v)
{
    json_t *rows = json_array();
    for (int c = 0; c < v->classes; c++) {
        json_t *row = json_array();
        for (int i = 0; i < v->classes; i++)
            json_array_append_new(row, json_integer(v->confusion[(int64_t)c * v->classes + i]));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* Rank 0. finetune.json, and the result of a run that is done. */
static tec_status write_report(const subject *s, const tec_validation *v, int64_t epochs, bool last)
{
    const double top1 = tec_job_percent(v->top1, v->images), top5 = tec_job_percent(v->top5, v->images);
    double recalls = 0;
    int present = 0;
    json_t *object =
        json_pack("{s:o, s:f, s:I, s:b, s:I, s:f, s:f, s:f}", "model", tec_job_name_json(s->settings->finetune.model),
                  "ema", s->settings->finetune.ema, "epochs", (json_int_t)epochs, "done", last, "images",
                  (json_int_t)v->images, "loss", v->loss, "top1", top1, "top5", top5);
    json_t *classes = classes_json(s, v, &recalls, &present);
    json_object_set_new(object, "balanced", json_real(recalls / present));
    json_object_set_new(object, "classes", classes);
    if (v->confusion)
        json_object_set_new(object, "confusion", confusion_json(v));
    char *path = tec_path_join(s->settings->run.dir, RESULTS);
    tec_status status = tec_json_write(path, object, 9);
    free(path);
    json_decref(object);
    if (status == TEC_OK && last)
        printf("finetune top1 %.2f top5 %.2f balanced %.2f loss %.4f (%lld images, %d classes, %lld epoch%s)\n", top1,
               top5, recalls / present, v->loss, (long long)v->images, v->classes, (long long)epochs,
               tec_plural(epochs));
    return status;
}

/* tec_run_report */
static tec_status report(const void *context, const tec_comm *comm, const tec_validation *v, int64_t epochs, bool last)
{
    return tec_comm_agree(comm, comm->rank == 0 ? write_report(context, v, epochs, last) : TEC_OK);
}

/* Collective. `settings`: as they are kept with the run. */
static tec_status train(const tec_comm *comm, const tec_invocation *call, const tec_settings *settings,
                        tec_tuning *tuning, tec_deadline deadline)
{
    const tec_setup_now now = {settings, sections, tec_setup_tuning_recipe};
    const subject about = {settings, tuning->val, tuning->inputs.set};
    const tec_validation_settings validation = {
        .set = tuning->val, .view = tuning->validation_view, .reading = tec_setup_reading(settings)};
    char *text = NULL;
    size_t bytes;
    TEC_TRY(tec_comm_agree(comm, tec_settings_text(settings, &text, &bytes)));
    tec_task task = tec_task_finetuning(&tuning->task, tuning->inputs.set, tuning->base);
    tuning->base = NULL;
    tec_run_plan plan = tec_job_plan(call, &now, text, deadline);
    plan.classes = tuning->classes;
    plan.task = &task;
    plan.set = tuning->inputs.set;
    plan.base = tuning->base_hash;
    plan.validation = &validation;
    plan.report = report;
    plan.report_context = &about;
    plan.results = RESULTS;
    char *recipe = tec_settings_recipe_text(settings);
    if (recipe)
        tec_log("%s", recipe);
    free(recipe);
    tec_log("fine-tuning for %d classes: every tensor of the model is trained%s", task.model.classes,
            task.model.classes > TEC_VALIDATION_CONFUSION
                ? "; " RESULTS " has each class's recall, and no confusion matrix for so many"
                : "");
    tec_job_say_run(comm, &plan);
    tec_status status = tec_run_training(comm, &plan);
    tec_task_free(&task);
    free(text);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    tec_settings settings = call->settings; /* borrows its texts */
    tec_tuning tuning;
    TEC_TRY(tec_run_check_options(call->option[TEC_RUN_FRESH].times, call->option[TEC_RUN_FINISH].times));
    tec_deadline deadline = tec_deadline_read(settings.run.max_minutes); /* setup takes of the time, too */
    tec_status status = tec_setup_tuning(comm, &settings, &tuning);
    if (status == TEC_OK)
        status = tec_setup_directory(comm, settings.run.dir);
    if (status == TEC_OK) {
        /* The new model's images are normalised as its base's, and resized as the validation's: its checkpoint must say
         * so, but for what nobody has said, which depends on the size of images. */
        const tec_normalisation *is = &tuning.task.view.normalisation;
        memcpy(settings.data.mean, is->mean, sizeof is->mean);
        memcpy(settings.data.std, is->std, sizeof is->std);
        const tec_preprocessing resized = tuning.validation_view.preprocessing;
        settings.eval.resize = (int)resized.resize;
        settings.eval.crop_pct = resized.crop_pct;
        settings.eval.interpolation = (int)resized.filter;
        status = train(comm, call, &settings, &tuning, deadline);
    }
    tec_tuning_close(&tuning);
    return status;
}

const tec_command tec_command_finetune = {
    .name = "finetune",
    .usage = "[-c CONFIG.yaml] finetune.model=MODEL data.train=PATH data.val=PATH run.dir=DIR [--fresh [--fresh] | "
             "--finish N] [section.key=value ...]",
    .summary = "train all of a model on labelled images",
    .details =
        "Fine-tunes as MAE does: a new linear head on the class token or on the mean of the patches, and every tensor "
        "of the model is trained, with a learning rate that falls from layer to layer, stochastic depth, RandAugment, "
        "random erasing, mixup, CutMix and smoothed labels. The defaults are those of MAE's published run of "
        "ViT-Base on ImageNet (learning rate, weight decay, stochastic depth, mixing, erasing, 100 epochs), but for "
        "finetune.layer_decay, 0.75 as in MAE's program, where that run has 0.65; finetune.recipe=mae_base is that run. A "
        "small data set wants a smaller finetune.batch, or finetune.recipe=small_data.\n\n"
        "After every epoch all images of data.val are classified, from centre crops: one line, one in log.jsonl "
        "(\"kind\": \"validation\"), and DIR/finetune.json with top-1, top-5, loss, balanced accuracy, each class's "
        "recall and, for up to 2000 classes, the confusion matrix (rows: labels). When all epochs are done, one line is printed. The epoch's "
        "checkpoint is written before; a validation that is ended by a signal, a time limit or a kill is done by the next "
        "process.\n\n"
        "The run directory, resuming, signals, time limits, --fresh and --finish are as with `tec pretrain`. Images "
        "are normalised as for finetune.model; with scratch by data.mean and data.std. With mixup or CutMix, images "
        "2k and 2k + 1 of a step are mixed with each other and are on one rank: what an image is mixed with does not depend "
        "on the number of ranks. Results are the same for any number of them, up to rounding, or bit for bit with "
        "run.exact_sums=true.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
