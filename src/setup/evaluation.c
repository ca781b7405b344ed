/* The input of an evaluation: opens two data sets and a model, checks that they go together, computes features. */
#include "tec/setup.h"

#include "tec/dataset_kept.h"
#include "tec/log.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

tec_status tec_setup_check_model(const tec_settings *settings, const char *section, const char *path,
                                 tec_pooling pooling, const tec_model_config *model)
{
    if (model->channels != settings->data.channels)
        return tec_fail(TEC_USER_ERROR,
                        "%s.model %s takes %d-channel images, but data.channels is %d: set data.channels=%d, and "
                        "data.bands if images have more bands, or train a model of %d channels "
                        "(pretrain.objective=mae)",
                        section, path, model->channels, settings->data.channels, model->channels,
                        settings->data.channels);
    if (model->variant.no_class_token && pooling == TEC_POOL_CLASS)
        return tec_fail(TEC_USER_ERROR, "%s.model %s has no class token: set %s.pooling=mean", section, path, section);
    return TEC_OK;
}

/* For `pixels` there is no model, and *normalisation and *preprocessing stay as they are. */
static tec_status open_model(const tec_comm *comm, const tec_settings *settings, tec_frozen **out,
                             tec_normalisation *normalisation, tec_preprocessing *preprocessing)
{
    *out = NULL;
    const char *model = settings->eval.model, *base = settings->base.model;
    if ((!model || !model[0]) && base && base[0])
        return tec_fail(TEC_USER_ERROR,
                        "eval.model is not given, and base.model is not what is evaluated: "
                        "give eval.model=%s, or the new model",
                        base);
    if (!model || !model[0])
        return tec_fail(TEC_USER_ERROR, "eval.model is not given: name a model file, or `pixels` for the raw pixels");
    if (strcmp(model, "pixels") == 0)
        return TEC_OK;
    TEC_TRY(tec_setup_frozen(comm, settings, model, settings->eval.batch, out, normalisation, preprocessing));
    tec_setup_say_normalisation(settings, model, normalisation);
    tec_status status =
        tec_setup_check_model(settings, "eval", model, (tec_pooling)settings->eval.pooling, tec_frozen_config(*out));
    if (status != TEC_OK) {
        tec_frozen_close(*out);
        *out = NULL;
    }
    return status;
}

tec_preprocessing tec_setup_choose_preprocessing(const tec_settings *settings, tec_preprocessing model,
                                                 const tec_dataset *train, const tec_dataset *val)
{
    bool idx = tec_dataset_one_size(train) && tec_dataset_one_size(val);
    tec_preprocessing said = tec_preprocessing_complete(tec_setup_preprocessing(settings), model);
    if (idx && said.resize == TEC_RESIZE_AUTO && said.crop_pct <= 0)
        said.resize = TEC_RESIZE_WHOLE;
    bool open = said.resize == TEC_RESIZE_AUTO && said.crop_pct <= 0 && said.filter == TEC_FILTER_AUTO;
    char *text = tec_preprocessing_describe(said, settings->data.image_size);
    tec_log("evaluation: %s%s (eval.resize, eval.crop_pct and eval.interpolation choose)", text,
            open ? ", as MAE does" : "");
    free(text);
    return said;
}

static tec_status compute(const tec_comm *comm, const tec_settings *settings, const tec_features_settings *features,
                          const tec_dataset *train, const tec_dataset *val, tec_frozen *frozen, tec_evaluation *out)
{
    tec_features_settings complete = *features;
    complete.image_size = settings->data.image_size;
    complete.channels = settings->data.channels;
    complete.reading = tec_setup_reading(settings);
    complete.batch = settings->eval.batch;
    complete.tap.pooling = (tec_pooling)settings->eval.pooling;
    complete.model = settings->eval.model;
    complete.preprocessing = tec_setup_choose_preprocessing(settings, features->preprocessing, train, val);
    return tec_evaluation_compute(comm, &complete, train, val, frozen, out);
}

/* Rows have the numbers of samples if none was left out. */
static void warn_of_shared(const tec_dataset *val, const tec_evaluation *e)
{
    char name[256] = "";
    if (e->val.skipped == 0)
        tec_dataset_name(val, e->first_shared, name, sizeof name);
    tec_warn(
        "%lld of the %lld images of data.val %s in data.train too, to the pixel as they are resized%s%s: these are evaluated "
        "by themselves, and the figures are better than they would be without them",
        (long long)e->shared, (long long)e->val.total, e->shared == 1 ? "is" : "are", *name ? ", the first is " : "",
        name);
}

static tec_evaluated describe(const tec_settings *settings, const tec_normalisation *normalisation)
{
    return (tec_evaluated){.model = tec_string_copy(settings->eval.model),
                           .train = tec_string_copy(settings->data.train),
                           .val = tec_string_copy(settings->data.val),
                           .pooling = (tec_pooling)settings->eval.pooling,
                           .image_size = settings->data.image_size,
                           .channels = settings->data.channels,
                           .normalisation = *normalisation};
}

tec_status tec_setup_evaluation(const tec_comm *comm, const tec_settings *settings, const tec_knn_settings *knn,
                                tec_evaluation *out, tec_evaluated *about)
{
    if (tec_setup_evaluates_files(settings))
        return tec_setup_evaluation_files(comm, settings, knn, out, about);
    tec_dataset *train = NULL, *val = NULL;
    tec_frozen *frozen = NULL;
    bool warned = false;
    tec_trained trained = {-1, -1};
    tec_features_settings features = {.normalisation = tec_setup_normalisation(settings)};
    *out = (tec_evaluation){0};
    tec_status status = tec_setup_check_labels(settings);
    if (status == TEC_OK)
        status = open_model(comm, settings, &frozen, &features.normalisation, &features.preprocessing);
    if (status == TEC_OK && comm->rank == 0)
        trained = tec_checkpoint_trained(settings->eval.model);
    if (status == TEC_OK)
        status = tec_setup_dataset(comm, settings, true, &train);
    if (status == TEC_OK)
        status = tec_setup_dataset(comm, settings, false, &val);
    if (status == TEC_OK)
        status = tec_setup_val_labels(comm, settings, train, val);
    if (status == TEC_OK)
        status = tec_evaluation_check(train, settings->data.train, val, settings->data.val);
    if (status == TEC_OK && knn)
        status = tec_knn_check(knn, tec_dataset_size(train));
    if (status == TEC_OK && comm->rank == 0)
        warned = tec_evaluation_warn(train, settings->data.train, val, settings->data.val);
    if (status == TEC_OK)
        status = tec_setup_directory(comm, settings->run.dir);
    if (status == TEC_OK && comm->rank == 0) {
        tec_dataset_list_keep(train, settings->run.dir);
        tec_dataset_list_keep(val, settings->run.dir);
    }
    if (status == TEC_OK)
        status = compute(comm, settings, &features, train, val, frozen, out);
    if (status == TEC_OK && out->shared && !warned)
        warn_of_shared(val, out);
    *about = describe(settings, &features.normalisation);
    about->trained = trained;
    tec_frozen_close(frozen);
    tec_dataset_close(val);
    tec_dataset_close(train);
    return status;
}

void tec_evaluated_free(tec_evaluated *about)
{
    free(about->model);
    free(about->train);
    free(about->val);
    *about = (tec_evaluated){0};
}
