/* The input of an evaluation: opens two data sets and a model, checks that they go together, computes features. */
#include "tec/setup.h"

#include <string.h>

static tec_status check_model(const tec_settings *settings, const tec_model_config *model)
{
    if (model->channels != settings->data.channels)
        return tec_fail(TEC_USER_ERROR, "eval.model %s takes %d-channel images, but data.channels is %d",
                        settings->eval.model, model->channels, settings->data.channels);
    if (model->variant.no_class_token && settings->eval.pooling == TEC_POOL_CLASS)
        return tec_fail(TEC_USER_ERROR, "eval.model %s has no class token: set eval.pooling=mean",
                        settings->eval.model);
    return TEC_OK;
}

/* For `pixels` there is no model, and *normalisation stays as it is. */
static tec_status open_model(const tec_comm *comm, const tec_settings *settings, tec_frozen **out,
                             tec_normalisation *normalisation)
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
    TEC_TRY(tec_setup_frozen(comm, settings, model, settings->eval.batch, out, normalisation));
    tec_status status = check_model(settings, tec_frozen_config(*out));
    if (status != TEC_OK) {
        tec_frozen_close(*out);
        *out = NULL;
    }
    return status;
}

tec_status tec_setup_evaluation(const tec_comm *comm, const tec_settings *settings, tec_evaluation *out,
                                tec_normalisation *normalisation)
{
    tec_dataset *train = NULL, *val = NULL;
    tec_frozen *frozen = NULL;
    *out = (tec_evaluation){0};
    *normalisation = tec_setup_normalisation(settings);
    tec_status status = open_model(comm, settings, &frozen, normalisation);
    if (status == TEC_OK)
        status = tec_setup_dataset(comm, settings, true, &train);
    if (status == TEC_OK)
        status = tec_setup_dataset(comm, settings, false, &val);
    if (status == TEC_OK)
        status = tec_evaluation_check(train, settings->data.train, val, settings->data.val);
    if (status == TEC_OK)
        status = tec_setup_directory(comm, settings->run.dir);
    if (status == TEC_OK) {
        const tec_features_settings features = {.image_size = settings->data.image_size,
                                                .channels = settings->data.channels,
                                                .normalisation = *normalisation,
                                                .reading = tec_setup_reading(settings),
                                                .batch = settings->eval.batch,
                                                .pooling = (tec_pooling)settings->eval.pooling,
                                                .model = settings->eval.model};
        status = tec_evaluation_compute(comm, &features, train, val, frozen, out);
    }
    tec_frozen_close(frozen);
    tec_dataset_close(val);
    tec_dataset_close(train);
    return status;
}
