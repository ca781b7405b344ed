/* tec features: what a model says of images, in a file. */
#include "jobs.h"

#include "tec/features_job.h"
#include "tec/log.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPTION_OUT };

static const tec_option options[] = {
    {"o", TEC_OPTION_TEXT, "OUT",
     .help = "the file to write: .h5 or .hdf5 (HDF5), or .npy (NumPy) with a .csv beside it"},
    {0}};

/* The block that features.layer means. TEC_USER_ERROR: there is no such block, or no class token. */
static tec_status choose_tap(const tec_settings *settings, const char *model, const tec_model_config *config,
                             tec_tap *out)
{
    const int layer = settings->features.layer, depth = config->depth;
    if (layer > depth || -layer > depth)
        return tec_fail(TEC_USER_ERROR, "features.layer is %d, but %s has %d blocks: give 1 .. %d, or -%d .. -1", layer,
                        model, depth, depth, depth);
    *out = (tec_tap){.layer = layer < 0 ? depth + 1 + layer : layer,
                     .raw = !settings->features.norm,
                     .pooling = (tec_pooling)settings->features.tokens};
    if (config->variant.no_class_token && out->pooling == TEC_POOL_CLASS)
        return tec_fail(TEC_USER_ERROR, "%s has no class token: set features.tokens=mean, or patches", model);
    return TEC_OK;
}

/* The images of the command line, decoded for this model. */
static tec_status open_images(const tec_comm *comm, tec_settings *settings, const char *path, const tec_frozen *frozen,
                              tec_dataset **out)
{
    settings->data.val = (char *)(uintptr_t)path;
    settings->data.val_labels = (char *)(uintptr_t) "";
    settings->data.channels = tec_frozen_config(frozen)->channels;
    settings->data.image_size = tec_frozen_config(frozen)->image_size;
    const bool from_file = tec_setup_label_mode(settings) == TEC_LABELS_FILE; /* which is about data.train elsewhere */
    if (from_file) {
        settings->data.train = (char *)(uintptr_t)path;
        settings->data.max_train = settings->data.max_val;
    }
    return tec_setup_given_images(comm, settings, from_file, out);
}

static void say_result(const tec_features_job *job, const tec_features_made *made)
{
    const tec_model_config *config = tec_frozen_config(job->frozen);
    char patches[32] = "";
    if (job->settings.tap.pooling == TEC_POOL_NONE)
        snprintf(patches, sizeof patches, "%d patches of ", tec_model_patches(config));
    printf("features of %lld image%s, %s%d numbers each (%s), in %s", (long long)made->rows, tec_plural(made->rows),
           patches, config->width, tec_feature_type_name(job->type), job->path);
    if (made->left_out > 0)
        printf(" (%lld image%s left out)", (long long)made->left_out, tec_plural(made->left_out));
    putchar('\n');
}

static tec_status compute(const tec_comm *comm, const tec_settings *settings, tec_features_job *job)
{
    tec_features_settings *f = &job->settings;
    tec_features_made made;
    f->image_size = settings->data.image_size;
    f->channels = settings->data.channels;
    f->reading = tec_setup_reading(settings);
    f->batch = settings->eval.batch;
    f->model = job->model;
    f->preprocessing =
        tec_preprocessing_complete(tec_setup_choose_preprocessing(settings, f->preprocessing, job->set, job->set),
                                   tec_preprocessing_mae(f->image_size));
    TEC_TRY(tec_features_write(job, &made));
    if (comm->rank == 0)
        say_result(job, &made);
    return TEC_OK;
}

/* Neither the file nor the list of its images beside it may take the place of what is read. */
static tec_status check_outputs(const tec_comm *comm, const tec_invocation *call, const char *path)
{
    TEC_TRY(tec_feature_path_check(path));
    TEC_TRY(tec_job_check_output(comm, call, path));
    char *beside = tec_feature_path_beside(path);
    tec_status status = tec_job_check_output(comm, call, beside);
    free(beside);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    tec_settings settings = call->settings; /* borrows its texts */
    const char *path = call->option[OPTION_OUT].text;
    if (call->file_count != 2 || !path)
        return tec_fail(TEC_USER_ERROR,
                        "command line: a model, a data set and a file to write are expected: tec features "
                        "MODEL IMAGES -o OUT.h5");
    TEC_TRY(check_outputs(comm, call, path));
    tec_features_job job = {.comm = comm,
                            .path = path,
                            .model = call->files[0],
                            .data = call->files[1],
                            .strict = settings.data.strict_images,
                            .type = (tec_feature_type)settings.features.type};
    tec_frozen *frozen;
    tec_dataset *set = NULL;
    if (!tec_settings_given(&settings, "data", "image_size"))
        settings.data.image_size = (tec_size){0};
    TEC_TRY(tec_setup_frozen(comm, &settings, job.model, settings.eval.batch, &frozen, &job.settings.normalisation,
                             &job.settings.preprocessing));
    job.frozen = frozen;
    if (comm->rank == 0)
        job.trained = tec_checkpoint_trained(job.model);
    tec_status status = choose_tap(&settings, job.model, tec_frozen_config(frozen), &job.settings.tap);
    if (status == TEC_OK)
        status = open_images(comm, &settings, job.data, frozen, &set);
    job.set = set;
    if (status == TEC_OK)
        status = compute(comm, &settings, &job);
    tec_dataset_close(set);
    tec_frozen_close(frozen);
    return status;
}

static const char *const sections[] = {"features",           "base", "data.image_size", "data.labels", "data.max_val",
                                       TEC_CENTRE_CROP_KEYS, NULL};

const tec_command tec_command_features = {
    .name = "features",
    .usage = "MODEL IMAGES -o OUT [-c CONFIG.yaml] [section.key=value ...]",
    .summary = "write a model's features of images to a file",
    .details =
        "MODEL is any file that eval.model takes, IMAGES a folder (with class folders, or unlabelled), a pack, a file of arrays or an IDX "
        "file. A row per image, in their order, whatever the number of ranks: the class token, the mean of the patches or "
        "all patch tokens (features.tokens), behind any block (features.layer). One line says how images are prepared, "
        "which is as in `tec knn`: eval.resize, eval.crop_pct and eval.interpolation choose; size, channels and "
        "normalisation are the model's (data.image_size: another size, for which its position embeddings are "
        "interpolated).\n\n"
        "An HDF5 file (OUT.h5) holds features, path, label and class_names, and by what they were made; `tec knn`, `tec "
        "probe` and `tec neighbours` take it in place of a model. OUT.npy holds features for NumPy, and OUT.csv beside it "
        "path, label and class. docs/formats.md describes both.\n\n"
        "While it is at work, parts are in the directory OUT.parts. If it is killed, the same command goes on with them, "
        "with any number of ranks; with other settings, model or images it is refused until OUT.parts is removed. OUT "
        "appears once it is whole. With data.on_bad_image=skip, images that cannot be decoded have no row: they are listed "
        "as warnings and in the file's left_out.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .takes_files = true,
    .run = run,
};
