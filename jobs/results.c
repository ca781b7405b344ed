/* What commands write to the run directory: results, and the settings that led to them. */
#include "jobs.h"

#include "tec/files.h"
#include "tec/json.h"
#include "tec/version.h"

#include <stdlib.h>

static tec_status write_settings(const tec_settings *settings, const char *name)
{
    char *text, *path = tec_path_join(settings->run.dir, name);
    size_t bytes;
    tec_status status = tec_settings_text(settings, &text, &bytes);
    if (status == TEC_OK)
        status = tec_file_write(path, text, bytes);
    free(text);
    free(path);
    return status;
}

tec_status tec_job_write_settings(const tec_comm *comm, const tec_settings *settings, const char *name)
{
    return tec_comm_agree(comm, comm->rank == 0 ? write_settings(settings, name) : TEC_OK);
}

static tec_status write_json(const char *dir, const char *name, const json_t *object)
{
    char *path = tec_path_join(dir, name);
    tec_status status = tec_json_write(path, object, 9);
    free(path);
    return status;
}

tec_status tec_job_write_json(const tec_comm *comm, const char *dir, const char *name, const json_t *object)
{
    return tec_comm_agree(comm, comm->rank == 0 ? write_json(dir, name, object) : TEC_OK);
}

json_t *tec_job_evaluation_json(const tec_settings *settings, const tec_evaluation *evaluation,
                                const tec_normalisation *normalisation)
{
    const tec_features *train = &evaluation->train, *val = &evaluation->val;
    const double *mean = normalisation->mean, *std = normalisation->std;
    /* clang-format off */
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:[f,f,f], s:[f,f,f], s:I, s:I, s:I, s:I, s:i, s:i, s:s}",
        "model", settings->eval.model,
        "pooling", tec_pooling_name((tec_pooling)settings->eval.pooling),
        "train", settings->data.train,
        "val", settings->data.val,
        "image_size", settings->data.image_size,
        "channels", settings->data.channels,
        "mean", mean[0], mean[1], mean[2],
        "std", std[0], std[1], std[2],
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
    const tec_preprocessing *p = &evaluation->preprocessing;
    json_object_set_new(object, "resize", json_string(tec_resize_name(p->resize)));
    json_object_set_new(object, "crop_pct", json_real(p->crop_pct));
    json_object_set_new(object, "interpolation", json_string(tec_filter_name(p->filter)));
    return object;
}

double tec_job_percent(int64_t part, int64_t total)
{
    return 100.0 * (double)part / (double)total;
}
