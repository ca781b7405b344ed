/* Opens what the pictures of a report are made of: a run's model, its base, and images. */
#include "viewing.h"

#include "tec/checkpoint.h"
#include "tec/dataset_kept.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/philox.h"
#include "tec/stop.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_QUERIES = 2, /* patches whose attention is shown */
    SMALL = 112       /* pixels */
};

/* -- images -- */

tec_size tec_viewing_small(const viewing *v)
{
    const tec_size size = v->images.size;
    const int longer = tec_max_int(size.height, size.width);
    if (longer <= SMALL)
        return size;
    return (tec_size){tec_max_int(size.height * SMALL / longer, 1), tec_max_int(size.width * SMALL / longer, 1)};
}

static void add_image(viewing *v, const tec_dataset *set, int64_t sample, tec_report_run *run)
{
    const size_t channels = (size_t)v->images.channels, pixels = tec_size_area(v->images.size) * channels;
    const tec_size small = tec_viewing_small(v);
    const int label = tec_dataset_label(set, sample);
    char name[512];
    tec_image image;
    if (tec_dataset_read(set, sample, &image) != TEC_OK) {
        tec_report_note(run, "not shown: %s", tec_error_message());
        return;
    }
    tec_view_center(&image, &v->preprocessing, v->images.size, v->square + (size_t)v->images.count * pixels);
    tec_view_center(&image, &v->preprocessing, small,
                    v->small + (size_t)v->images.count * tec_size_area(small) * channels);
    tec_image_free(&image);
    v->label[v->images.count] = label < 0 ? NULL : tec_string_copy(tec_dataset_class_name(set, label));
    v->sample[v->images.count] = sample;
    v->name[v->images.count++] = tec_string_copy(tec_dataset_name(set, sample, name, sizeof name));
}

/* Opens the set at v->from: as the run did, if it is its training set, whose list is kept. */
static tec_status open_images(viewing *v, bool given, tec_dataset **set)
{
    const char *train = v->settings.data.train;
    const bool training = v->from == train || (given && strcmp(v->from, train) == 0);
    const bool labelled_later = v->settings.data.val_labels[0];
    v->settings.data.val = (char *)(uintptr_t)v->from;
    v->settings.data.labels = (char *)(uintptr_t)(given ? "auto" : v->labels);
    v->settings.data.val_labels = (char *)(uintptr_t) "";
    if (tec_setup_dataset(&v->alone, &v->settings, training, set) == TEC_OK) {
        if (v->keep && !training && !labelled_later) /* else the run's own list is another one */
            tec_dataset_list_keep(*set, v->keep);
        return TEC_OK;
    }
    v->settings.data.labels = (char *)(uintptr_t) "none"; /* pictures are worth more than labels */
    return tec_setup_dataset(&v->alone, &v->settings, training, set);
}

/* `given`: by report.images, not the run's own. */
static tec_status read_images(viewing *v, bool given, int most, tec_report_run *run)
{
    tec_dataset *set;
    const tec_model_config *config = &run->model;
    TEC_TRY(open_images(v, given, &set));
    v->preprocessing = tec_setup_choose_preprocessing(&v->settings, v->preprocessing, set, set);
    const int64_t size = v->from_size = tec_dataset_size(set);
    int count = (int)tec_min_int64(most, size);
    v->images.size = config->image_size;
    v->images.channels = config->channels;
    v->square = tec_allocate((size_t)count * tec_model_pixels(config));
    v->small = tec_allocate((size_t)count * tec_size_area(tec_viewing_small(v)) * (size_t)config->channels);
    v->name = tec_allocate_zeroed((size_t)count, sizeof *v->name);
    v->label = tec_allocate_zeroed((size_t)count, sizeof *v->label);
    v->sample = tec_allocate_zeroed((size_t)count, sizeof *v->sample);
    for (int i = 0; i < count && !tec_stop_asked(); i++) {
        tec_phase_tick();
        add_image(v, set, i * size / count, run);
    }
    v->images.square = v->square;
    v->images.name = v->name;
    tec_dataset_close(set);
    if (tec_stop_asked())
        return tec_fail(TEC_USER_ERROR, "the process is to end");
    return v->images.count > 0 ? TEC_OK : tec_fail(TEC_USER_ERROR, "%s: no image can be read", v->from);
}

/* The masks of a run's first epoch, had it been trained on these images. */
static void draw_masks(viewing *v, const tec_model_config *config)
{
    const int L = tec_model_patches(config);
    int64_t *order = tec_allocate((size_t)L * sizeof *order);
    v->shuffle = tec_allocate((size_t)v->images.count * sizeof *v->shuffle);
    for (int i = 0; i < v->images.count; i++) {
        tec_philox random = tec_philox_start(v->settings.run.seed, TEC_STREAM_MASK, (uint64_t)v->sample[i], 0, 0);
        tec_philox_permutation(&random, L, order);
        v->shuffle[i] = tec_allocate((size_t)L * sizeof *v->shuffle[i]);
        for (int l = 0; l < L; l++)
            v->shuffle[i][l] = (int)order[l];
    }
    v->images.shuffle = (const int *const *)v->shuffle;
    v->images.visible = tec_step_visible(config, v->settings.pretrain.mask_ratio);
    free(order);
}

/* -- models -- */

/* The model with its decoders, for one image and `queries` patch queries. */
static tec_status open_model(const viewing *v, const tec_model_config *config, int queries, tec_model **out)
{
    TEC_TRY(tec_model_create(out, config, 1, v->images.visible, queries));
    tec_status status = tec_checkpoint_read_weights(v->path, tec_model_params(*out));
    if (status != TEC_OK) {
        tec_model_free(*out);
        *out = NULL;
    }
    return status;
}

static tec_status show_pixels(viewing *v, tec_report_run *run)
{
    tec_model *model;
    draw_masks(v, &run->model);
    TEC_TRY(open_model(v, &run->model, 0, &model));
    tec_report_show_pixels(run, &v->images, model, &v->normalisation);
    tec_model_free(model);
    return TEC_OK;
}

/* Is it the model whose targets the run has learnt? Pictures of another one would mislead, if its features had this shape at
 * all. */
static tec_status check_base(const viewing *v, const tec_report_run *run, const tec_frozen *base)
{
    const tec_model_config *config = tec_frozen_config(base);
    tec_run_state state;
    if (config->width != run->model.base_width || config->heads != run->model.base_heads ||
        tec_model_patches(config) != tec_model_patches(&run->model))
        return tec_fail(TEC_USER_ERROR,
                        "%s is not the base model of the run: its features or its attention have another shape",
                        v->settings.base.model);
    TEC_TRY(tec_checkpoint_read_state(v->path, &state));
    if (state.base && state.base != tec_frozen_hash(base)) /* files of version 0.1 do not have it */
        return tec_fail(TEC_USER_ERROR, "%s is not the base model of the run: its weights are others",
                        v->settings.base.model);
    return TEC_OK;
}

static tec_status show_features(viewing *v, tec_report_run *run)
{
    tec_model *model = NULL;
    tec_frozen *base = NULL;
    tec_normalisation normalisation = tec_setup_normalisation(&v->settings);
    draw_masks(v, &run->model);
    if (!v->settings.base.model[0])
        return tec_fail(TEC_USER_ERROR, "base.model is not given in %s/settings.yaml", run->dir);
    TEC_TRY(tec_setup_frozen(&v->alone, &v->settings, v->settings.base.model, 1, &base, &normalisation, NULL));
    const tec_model_config *config = tec_frozen_config(base);
    tec_status status = check_base(v, run, base);
    const int queries = tec_min_int(v->settings.targets.topk, tec_min_int(MOST_QUERIES, tec_model_patches(config)));
    if (status == TEC_OK)
        status = open_model(v, &run->model, queries, &model);
    if (status == TEC_OK)
        tec_report_show_features(
            run, &v->images, model, &v->normalisation,
            &(tec_report_base){.frozen = base,
                               .normalisation = &normalisation,
                               .last_layers = tec_min_int(v->settings.targets.last_layers, config->depth),
                               .standardised = v->settings.targets.standardise},
            queries);
    tec_model_free(model);
    tec_frozen_close(base);
    return status;
}

static tec_status open_encoder(viewing *v)
{
    v->normalisation = tec_setup_normalisation(&v->settings);
    return tec_setup_frozen(&v->alone, &v->settings, v->path, 1, &v->frozen, &v->normalisation, &v->preprocessing);
}

static void close_viewing(viewing *v)
{
    for (int i = 0; i < v->images.count; i++) {
        free(v->name[i]);
        free(v->label[i]);
        if (v->shuffle)
            free(v->shuffle[i]);
    }
    free(v->shuffle);
    free(v->sample);
    free(v->label);
    free(v->name);
    free(v->small);
    free(v->square);
    tec_frozen_close(v->frozen);
    free(v->path);
}

/* Pictures are PNGs of what the model sees. */
static tec_status check_pixels(const tec_settings *settings)
{
    const int channels = settings->data.channels;
    tec_bands bands;
    TEC_TRY(tec_settings_bands(settings, &bands));
    if (tec_bands_pictures(&bands, channels))
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "they are made of 8-bit images of 1 or 3 channels, and data.channels is %d and "
                    "data.range %s",
                    channels, settings->data.range);
}

void tec_setup_pictures(const tec_settings *settings, const tec_settings *of_run, const char *keep, tec_report_run *run)
{
    viewing v = {.settings = *of_run,
                 .keep = keep,
                 .labels = of_run->data.labels,
                 .path = tec_path_join(run->dir, "checkpoint.h5")};
    v.from = settings->report.images[0] ? settings->report.images
             : of_run->data.val[0]      ? of_run->data.val
                                        : of_run->data.train;
    if (!run->has_model)
        goto done;
    tec_comm_local(&v.alone);
    v.settings.data.image_size = run->model.image_size;
    v.settings.data.channels = run->model.channels;
    tec_status status = check_pixels(&v.settings);
    if (status == TEC_OK)
        status = open_encoder(&v);
    if (status == TEC_OK)
        status = read_images(&v, settings->report.images[0], settings->report.pictures, run);
    if (status == TEC_OK) {
        tec_report_show_images(run, &v.images);
        tec_report_show_encoder(run, &v.images, v.frozen, &v.normalisation);
    }
    if (status == TEC_OK && run->model.kind == TEC_MODEL_MAE)
        status = show_pixels(&v, run);
    if (status == TEC_OK && run->model.kind == TEC_MODEL_TEC)
        status = show_features(&v, run);
    if (status != TEC_OK)
        tec_report_note(run, "%s lacks pictures: %s", run->name, tec_error_message());
    if (v.images.count > 0 && settings->report.among > 0 &&
        tec_viewing_nearest(&v, settings->report.among, run) != TEC_OK)
        tec_report_note(run, "%s lacks nearest images: %s", run->name, tec_error_message());
done:
    close_viewing(&v);
}
