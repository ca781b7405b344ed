/* The common beginning of `knn` and `probe`: two data sets and a model that go together, and their features. */
#include "jobs.h"

#include "tec/version.h"

#include <string.h>

static tec_status check_labels(const char *key, const char *path, const tec_dataset *set)
{
    if (tec_dataset_classes(set) > 0)
        return TEC_OK;
    return tec_fail(
        TEC_USER_ERROR,
        "%s %s has no labels, which an evaluation needs: give class folders (data.labels=folders), or an IDX "
        "file with its label file beside it",
        key, path);
}

/* Labels are positions in sorted lists of classes: lists that differ would silently score the wrong classes. */
static tec_status check_classes(const tec_settings *settings, const tec_dataset *train, const tec_dataset *val)
{
    TEC_TRY(check_labels("data.train", settings->data.train, train));
    TEC_TRY(check_labels("data.val", settings->data.val, val));
    int classes = tec_dataset_classes(train);
    for (int i = 0; i < tec_dataset_classes(val); i++) {
        const char *name = tec_dataset_class_name(val, i);
        if (i >= classes)
            return tec_fail(TEC_USER_ERROR, "data.val %s has the class %s, data.train %s only the %d classes before it",
                            settings->data.val, name, settings->data.train, classes);
        if (strcmp(name, tec_dataset_class_name(train, i)) != 0)
            return tec_fail(TEC_USER_ERROR, "class %d is %s in data.val %s, but %s in data.train %s", i, name,
                            settings->data.val, tec_dataset_class_name(train, i), settings->data.train);
    }
    return TEC_OK;
}

static tec_status check_model(const tec_settings *settings, const tec_model_config *model)
{
    if (model->channels != settings->data.channels)
        return tec_fail(TEC_USER_ERROR, "eval.model %s takes images of %d channels, but data.channels is %d",
                        settings->eval.model, model->channels, settings->data.channels);
    if (model->image_size != settings->data.image_size)
        return tec_fail(TEC_USER_ERROR, "eval.model %s takes images of %d x %d pixels, but data.image_size is %d",
                        settings->eval.model, model->image_size, model->image_size, settings->data.image_size);
    return TEC_OK;
}

static tec_status open_model(const tec_comm *comm, const tec_settings *settings, tec_frozen **out)
{
    *out = NULL;
    const char *model = settings->eval.model;
    if (!model || !model[0])
        return tec_fail(TEC_USER_ERROR,
                        "eval.model is not given: name a model file, or `pixels` for the images themselves");
    if (strcmp(model, "pixels") == 0)
        return TEC_OK;
    TEC_TRY(tec_job_open_frozen(comm, model, settings->eval.batch, out));
    tec_status status = check_model(settings, tec_frozen_config(*out));
    if (status != TEC_OK) {
        tec_frozen_close(*out);
        *out = NULL;
    }
    return status;
}

tec_status tec_job_evaluate(const tec_comm *comm, const tec_settings *settings, tec_job_evaluation *out)
{
    tec_dataset *train = NULL, *val = NULL;
    tec_frozen *frozen = NULL;
    *out = (tec_job_evaluation){0};
    tec_status status = open_model(comm, settings, &frozen);
    if (status == TEC_OK)
        status = tec_job_open_dataset(comm, settings, true, &train);
    if (status == TEC_OK)
        status = tec_job_open_dataset(comm, settings, false, &val);
    if (status == TEC_OK)
        status = check_classes(settings, train, val);
    if (status == TEC_OK)
        status = tec_job_make_directory(comm, settings->run.dir);
    if (status == TEC_OK)
        status = tec_features_compute(comm, settings, train, frozen, "training", &out->train);
    if (status == TEC_OK)
        status = tec_features_compute(comm, settings, val, frozen, "validation", &out->val);
    tec_frozen_close(frozen);
    tec_dataset_close(val);
    tec_dataset_close(train);
    return status;
}

void tec_job_evaluation_free(tec_job_evaluation *evaluation)
{
    tec_features_free(&evaluation->train);
    tec_features_free(&evaluation->val);
}

json_t *tec_job_evaluation_json(const tec_settings *settings, const tec_job_evaluation *evaluation)
{
    const tec_features *train = &evaluation->train, *val = &evaluation->val;
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:[f,f,f], s:[f,f,f], s:I, s:I, s:I, s:I, s:i, s:i, s:s}", //
                     "model", settings->eval.model,                                                             //
                     "pooling", settings->eval.pooling == TEC_POOL_CLASS ? "cls" : "mean",                      //
                     "train", settings->data.train, "val", settings->data.val,                                  //
                     "image_size", settings->data.image_size, "channels", settings->data.channels,              //
                     "mean", settings->data.mean[0], settings->data.mean[1], settings->data.mean[2],            //
                     "std", settings->data.std[0], settings->data.std[1], settings->data.std[2],                //
                     "training_images", (json_int_t)train->total,                                               //
                     "training_images_skipped", (json_int_t)train->skipped,                                     //
                     "test_images", (json_int_t)val->total,                                                     //
                     "test_images_skipped", (json_int_t)val->skipped,                                           //
                     "features", train->width, "classes", train->classes, "version", tec_version());
}
