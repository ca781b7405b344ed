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
    if (model->variant.no_class_token && settings->eval.pooling == TEC_POOL_CLASS)
        return tec_fail(TEC_USER_ERROR, "eval.model %s has no class token: set eval.pooling=mean",
                        settings->eval.model);
    return TEC_OK;
}

/* *normalisation stays as it is for `pixels`. */
static tec_status open_model(const tec_comm *comm, const tec_settings *settings, tec_frozen **out,
                             tec_normalisation *normalisation)
{
    *out = NULL;
    const char *model = settings->eval.model, *base = settings->base.model;
    if ((!model || !model[0]) && base && base[0])
        return tec_fail(TEC_USER_ERROR,
                        "eval.model is not given, and base.model is not what is evaluated: give eval.model=%s, or the "
                        "new model",
                        base);
    if (!model || !model[0])
        return tec_fail(TEC_USER_ERROR,
                        "eval.model is not given: name a model file, or `pixels` for the images themselves");
    if (strcmp(model, "pixels") == 0)
        return TEC_OK;
    TEC_TRY(tec_setup_frozen(comm, settings, model, settings->eval.batch, out, normalisation));
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
    /* The model's normalisation takes the place of that of a model in training. */
    tec_settings own = *settings;
    tec_normalisation *normalisation = &out->normalisation;
    memcpy(normalisation->mean, settings->data.mean, sizeof normalisation->mean);
    memcpy(normalisation->std, settings->data.std, sizeof normalisation->std);
    tec_status status = open_model(comm, settings, &frozen, normalisation);
    memcpy(own.data.mean, normalisation->mean, sizeof own.data.mean);
    memcpy(own.data.std, normalisation->std, sizeof own.data.std);
    if (status == TEC_OK)
        status = tec_setup_dataset(comm, settings, true, &train);
    if (status == TEC_OK)
        status = tec_setup_dataset(comm, settings, false, &val);
    if (status == TEC_OK)
        status = check_classes(settings, train, val);
    if (status == TEC_OK)
        status = tec_setup_directory(comm, settings->run.dir);
    if (status == TEC_OK)
        status = tec_features_compute(comm, &own, train, frozen, "training", &out->train);
    if (status == TEC_OK)
        status = tec_features_compute(comm, &own, val, frozen, "validation", &out->val);
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
    const double *mean = evaluation->normalisation.mean, *std = evaluation->normalisation.std;
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:[f,f,f], s:[f,f,f], s:I, s:I, s:I, s:I, s:i, s:i, s:s}", //
                     "model", settings->eval.model,                                                             //
                     "pooling", settings->eval.pooling == TEC_POOL_CLASS ? "cls" : "mean",                      //
                     "train", settings->data.train, "val", settings->data.val,                                  //
                     "image_size", settings->data.image_size, "channels", settings->data.channels,              //
                     "mean", mean[0], mean[1], mean[2],                                                         //
                     "std", std[0], std[1], std[2],                                                             //
                     "training_images", (json_int_t)train->total,                                               //
                     "training_images_skipped", (json_int_t)train->skipped,                                     //
                     "test_images", (json_int_t)val->total,                                                     //
                     "test_images_skipped", (json_int_t)val->skipped,                                           //
                     "features", train->width, "classes", train->classes, "version", tec_version());
}
