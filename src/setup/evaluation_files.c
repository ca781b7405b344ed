/* The input of an evaluation from files of features: opens them, and checks that they go together and with the settings. */
#include "tec/setup.h"

#include "tec/log.h"
#include "tec/text.h"

#include <string.h>

bool tec_setup_evaluates_files(const tec_settings *settings)
{
    return settings->eval.features[0] || settings->eval.val_features[0];
}

/* What is given beside the files must be as it was when they were written. */
static tec_status check_given(const tec_settings *s, const tec_feature_spec *spec)
{
    char range[TEC_BANDS_RANGE_TEXT], bands[TEC_BANDS_CHOSEN_TEXT];
    tec_settings_bands_words(s, range, bands);
    const struct {
        const char *section, *key;
        bool same;
    } checks[] = {
        {"eval", "pooling", s->eval.pooling == spec->tokens},
        {"eval", "resize", s->eval.resize == TEC_RESIZE_AUTO || s->eval.resize == spec->resize},
        {"eval", "crop_pct", s->eval.crop_pct == 0 || s->eval.crop_pct == spec->crop_pct},
        {"eval", "interpolation",
         s->eval.interpolation == TEC_FILTER_AUTO || s->eval.interpolation == spec->interpolation},
        {"data", "image_size", tec_size_equal(s->data.image_size, spec->image_size)},
        {"data", "channels", s->data.channels == spec->channels},
        {"data", "range", !strcmp(range, spec->range)},
        {"data", "bands", !strcmp(bands, spec->bands)},
        {"data", "max_train", s->data.max_train == 0},
        {"data", "max_val", s->data.max_val == 0},
        {"data", "val_labels", !s->data.val_labels[0]},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (!checks[i].same && tec_settings_given(s, checks[i].section, checks[i].key))
            return tec_fail(
                TEC_USER_ERROR,
                "%s.%s is given, but eval.features %s was written without it or with another value: leave it "
                "out, or write the features again",
                checks[i].section, checks[i].key, s->eval.features);
    return TEC_OK;
}

static tec_status open_files(const tec_comm *comm, const tec_settings *s, tec_feature_file **train,
                             tec_feature_file **val)
{
    if (!s->eval.features[0] || !s->eval.val_features[0])
        return tec_fail(TEC_USER_ERROR, "%s is not given: name a file of `tec features`, as %s does",
                        s->eval.features[0] ? "eval.val_features" : "eval.features",
                        s->eval.features[0] ? "eval.features" : "eval.val_features");
    if (s->eval.model[0])
        return tec_fail(TEC_USER_ERROR,
                        "eval.model and eval.features are both given: give one of them (eval.model= takes "
                        "it back)");
    TEC_TRY(tec_feature_file_open_share(train, s->eval.features, comm->rank, comm->size));
    TEC_TRY(tec_feature_file_open_share(val, s->eval.val_features, comm->rank, comm->size));
    TEC_TRY(tec_evaluation_check_files(*train, *val));
    return check_given(s, tec_feature_file_spec(*train));
}

static void describe(const tec_feature_file *train, const tec_feature_file *val, tec_evaluated *about)
{
    const tec_feature_spec *spec = tec_feature_file_spec(train);
    *about = (tec_evaluated){.model = tec_string_copy(tec_feature_file_model(train)),
                             .train = tec_string_copy(tec_feature_file_data(train)),
                             .val = tec_string_copy(tec_feature_file_data(val)),
                             .pooling = (tec_pooling)spec->tokens,
                             .layer = spec->layer,
                             .raw = !spec->norm,
                             .image_size = spec->image_size,
                             .channels = spec->channels,
                             .trained = tec_feature_file_trained(train)};
    memcpy(about->normalisation.mean, spec->mean, sizeof spec->mean);
    memcpy(about->normalisation.std, spec->std, sizeof spec->std);
    tec_log("features by %s of %s (%s) and %s (%s): %s behind block %d", about->model, about->train,
            tec_feature_file_path(train), about->val, tec_feature_file_path(val), tec_pooling_name(about->pooling),
            about->layer);
}

tec_status tec_setup_evaluation_files(const tec_comm *comm, const tec_settings *settings, const tec_knn_settings *knn,
                                      tec_evaluation *out, tec_evaluated *about)
{
    tec_feature_file *train = NULL, *val = NULL;
    *out = (tec_evaluation){0};
    *about = (tec_evaluated){0};
    tec_status status = tec_comm_agree(comm, open_files(comm, settings, &train, &val));
    if (status == TEC_OK && knn)
        status = tec_knn_check(knn, tec_feature_file_rows(train));
    if (status == TEC_OK)
        status = tec_setup_directory(comm, settings->run.dir);
    if (status == TEC_OK) {
        describe(train, val, about);
        status = tec_evaluation_read(comm, train, val, out);
    }
    if (status == TEC_OK && out->shared > 0)
        tec_warn(
            "%lld of the %lld images of eval.val_features %s are in eval.features %s too, to the pixel as they are "
            "resized: these are evaluated by themselves, and the figures are better than they would be without them",
            (long long)out->shared, (long long)out->val.total, settings->eval.val_features, settings->eval.features);
    tec_feature_file_close(val);
    tec_feature_file_close(train);
    return status;
}
