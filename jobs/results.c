/* What commands write: results and the settings that led to them, to the run directory, or a file of -o. */
#include "jobs.h"

#include "tec/files.h"
#include "tec/json.h"
#include "tec/log.h"
#include "tec/text.h"
#include "tec/utf8.h"
#include "tec/version.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tec_status write_settings(const tec_settings *settings, const char *path)
{
    char *text;
    size_t bytes;
    tec_status status = tec_settings_text(settings, &text, &bytes);
    if (status == TEC_OK)
        status = tec_file_write(path, text, bytes);
    free(text);
    return status;
}

/* Renames an earlier evaluation's file to DIR/NAME_NUMBER.ENDING, if it is there. */
static tec_status keep_file(const char *dir, const char *name, int number, const char *ending)
{
    char *old = tec_string_format("%s/%s.%s", dir, name, ending);
    char *kept = tec_string_format("%s/%s_%d.%s", dir, name, number, ending);
    tec_status status = tec_file_exists(old) ? tec_file_rename(old, kept) : TEC_OK;
    free(kept);
    free(old);
    return status;
}

static bool is_taken(const char *dir, const char *name, int number)
{
    char *json = tec_string_format("%s/%s_%d.json", dir, name, number);
    char *yaml = tec_string_format("%s/%s_%d.yaml", dir, name, number);
    bool taken = tec_file_exists(json) || tec_file_exists(yaml);
    free(yaml);
    free(json);
    return taken;
}

/* Keeps the results of an earlier evaluation under the first number that is free. */
static tec_status keep_results(const char *dir, const char *name, const char *json)
{
    int number = 1;
    if (!tec_file_exists(json))
        return TEC_OK;
    while (is_taken(dir, name, number))
        number++;
    TEC_TRY(keep_file(dir, name, number, "json"));
    TEC_TRY(keep_file(dir, name, number, "yaml"));
    tec_log("the earlier results in %s are kept as %s/%s_%d.json", json, dir, name, number);
    return TEC_OK;
}

/* Of a model that is a checkpoint of a run: where the run was. */
static void add_progress(const tec_trained *trained, json_t *object)
{
    const double epochs = trained->epochs;
    if (trained->steps >= 0)
        json_object_set_new(object, "step", json_integer((json_int_t)trained->steps));
    if (epochs >= 0)
        json_object_set_new(object, "epoch",
                            epochs == floor(epochs) ? json_integer((json_int_t)epochs) : json_real(epochs));
}

static tec_status write_results(const tec_settings *settings, const tec_evaluated *about, const char *name,
                                const json_t *object)
{
    const char *dir = settings->run.dir;
    json_t *whole = json_copy((json_t *)(uintptr_t)object);
    char *json = tec_string_format("%s/%s.json", dir, name), *yaml = tec_string_format("%s/%s.yaml", dir, name);
    add_progress(&about->trained, whole);
    tec_status status = keep_results(dir, name, json);
    if (status == TEC_OK)
        status = tec_json_write(json, whole, 9);
    if (status == TEC_OK)
        status = write_settings(settings, yaml);
    json_decref(whole);
    free(yaml);
    free(json);
    return status;
}

tec_status tec_job_write_results(const tec_comm *comm, const tec_settings *settings, const tec_evaluated *about,
                                 const char *name, const json_t *object)
{
    return tec_comm_agree(comm, comm->rank == 0 ? write_results(settings, about, name, object) : TEC_OK);
}

static tec_status check_output(const tec_invocation *call, const char *path)
{
    for (int i = 0; i < call->file_count; i++)
        if (tec_file_same(path, call->files[i]))
            return tec_fail(TEC_USER_ERROR, "command line: -o %s is a file that is read: name another one", path);
    return tec_file_check_output(path);
}

tec_status tec_job_check_output(const tec_comm *comm, const tec_invocation *call, const char *path)
{
    return tec_comm_agree(comm, comm->rank == 0 && path ? check_output(call, path) : TEC_OK);
}

json_t *tec_job_numbers_json(const double *number, int count)
{
    json_t *all = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(all, json_real(number[i]));
    return all;
}

json_t *tec_job_evaluation_json(const tec_settings *settings, const tec_evaluation *evaluation,
                                const tec_evaluated *about)
{
    const tec_features *train = &evaluation->train, *val = &evaluation->val;
    const int numbers = tec_bands_numbers(about->channels);
    /* clang-format off */
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:I, s:I, s:I, s:I, s:i, s:i, s:s}",
        "model", about->model,
        "pooling", tec_pooling_name(about->pooling),
        "train", about->train,
        "val", about->val,
        "image_size", tec_json_size(about->image_size),
        "channels", about->channels,
        "mean", tec_job_numbers_json(about->normalisation.mean, numbers),
        "std", tec_job_numbers_json(about->normalisation.std, numbers),
        "training_images", (json_int_t)train->total,
        "training_images_skipped", (json_int_t)train->skipped,
        "test_images", (json_int_t)val->total,
        "test_images_skipped", (json_int_t)val->skipped,
        "features", train->width,
        "classes", train->classes,
        "version", tec_version());
    /* clang-format on */
    if (settings->data.val_labels[0])
        json_object_set_new(object, "val_labels", json_string(settings->data.val_labels));
    if (tec_setup_evaluates_files(settings)) {
        json_object_set_new(object, "features_file", json_string(settings->eval.features));
        json_object_set_new(object, "val_features_file", json_string(settings->eval.val_features));
        json_object_set_new(object, "layer", json_integer(about->layer));
        json_object_set_new(object, "norm", json_boolean(!about->raw));
    }
    const tec_preprocessing *p = &evaluation->preprocessing;
    json_object_set_new(object, "shared_images", json_integer((json_int_t)evaluation->shared));
    json_object_set_new(object, "resize", json_string(tec_resize_name(p->resize)));
    json_object_set_new(object, "crop_pct", json_real(p->crop_pct));
    json_object_set_new(object, "interpolation", json_string(tec_filter_name(p->filter)));
    return object;
}

json_t *tec_job_name_json(const char *name)
{
    char *copy = tec_string_copy(name);
    if (!tec_utf8_valid(copy))
        for (char *at = copy; *at; at++)
            *at = (unsigned char)*at > 127 ? '?' : *at;
    json_t *string = json_string(copy);
    free(copy);
    return string;
}

double tec_job_percent(int64_t part, int64_t total)
{
    return 100.0 * (double)part / (double)total;
}

tec_run_plan tec_job_plan(const tec_invocation *call, const tec_setup_now *now, const char *text, tec_deadline deadline)
{
    const tec_settings *settings = now->settings;
    return (tec_run_plan){.dir = settings->run.dir,
                          .settings = text,
                          .recipe = now->recipe(settings),
                          .reading = tec_setup_reading(settings),
                          .reduction = tec_setup_reduction(settings),
                          .compare = tec_setup_compare,
                          .now = now,
                          .finish = (int64_t)call->option[TEC_RUN_FINISH].number,
                          .threads = tec_settings_threads(settings),
                          .fresh = call->option[TEC_RUN_FRESH].times,
                          .deadline = deadline,
                          .tensorboard = settings->run.tensorboard,
                          .show = settings->run.pictures > 0 ? tec_job_show : NULL,
                          .show_context = settings,
                          .lock_minutes = settings->run.lock_minutes};
}

void tec_job_say_run(const tec_comm *comm, const tec_run_plan *plan)
{
    const int64_t images = tec_dataset_size(plan->set), batch = plan->recipe.batch, steps = images / batch;
    const int repeats = tec_recipe_repeats(&plan->recipe);
    const int64_t left = images - (steps * batch + repeats - 1) / repeats;
    char rest[96] = "", times[48] = "";
    if (left > 0 && steps > 0)
        snprintf(rest, sizeof rest, " (%lld %s left out of each epoch, others every time)", (long long)left,
                 left == 1 ? "image is" : "images are");
    if (repeats > 1)
        snprintf(times, sizeof times, ", each image %d times", repeats);
    if (plan->show && !plan->tensorboard)
        tec_warn("run.pictures is given, but there are no event files for pictures: give run.tensorboard=true, too");
    tec_log("%lld images, %d ranks, %lld images a step%s, %lld steps an epoch%s, run directory %s", (long long)images,
            comm->size, (long long)batch, times, (long long)steps, rest, plan->dir);
    tec_recipe_say_micro_batch(&plan->recipe, plan->task->inputs);
}
