/* Opens the data sets, models and stores that settings name: rank 0 reads, all ranks get them. */
#include "tec/setup.h"

#include "tec/alone.h"
#include "tec/dataset_kept.h"
#include "tec/files.h"
#include "tec/findings_report.h"
#include "tec/hints.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/shared_text.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On rank 0: looks at a few images, so that what is to be said about all of them is said before the work and not after
 * it. One that cannot be decoded is an error in its turn, or else skipped, and then warned of here. */
static void look_at(const tec_dataset *set, const char *key, bool skip)
{
    enum { LOOKS = 8 };
    int64_t size = tec_dataset_size(set), looks = tec_min_int64(size, LOOKS), bad = 0;
    tec_status status;
    tec_comm alone;
    tec_comm_local(&alone);
    for (int64_t i = 0; i < looks; i++) {
        tec_image image;
        if ((status = tec_dataset_read(set, i * size / looks, &image)) == TEC_OK)
            tec_image_free(&image);
        bad += status == TEC_USER_ERROR; /* others end the work in their turn */
    }
    char *what = tec_string_format("%s (a look at %lld image%s)", key, (long long)looks, tec_plural(looks));
    if (skip && bad > 0)
        tec_warn("%s: %lld cannot be decoded (%s)", what, (long long)bad, tec_error_message());
    tec_findings_report(set, &alone, what);
    free(what);
}

static void warn_of_folders(const tec_dataset *set, const char *key, const char *path)
{
    char *hint = tec_hint_folders(set, key, path);
    if (hint)
        tec_warn("%s", hint);
    free(hint);
}

typedef struct scanning {
    tec_list_request request;
    tec_listed found;
} scanning;

static tec_status read_labels(const char *path, char **text)
{
    size_t bytes;
    if (!tec_file_exists(path))
        return tec_fail(TEC_USER_ERROR,
                        "data.labels `%s`: auto, folders, none or a file of labels is expected, and no file is "
                        "called so",
                        path);
    return tec_setup_label_text("data.labels", path, text, &bytes);
}

static tec_status scan(void *context)
{
    scanning *s = context;
    char *text = NULL;
    if (s->request.labels == TEC_LABELS_FILE)
        TEC_TRY(read_labels(s->request.labels_path, &text));
    s->request.label_text = text;
    tec_status status = tec_dataset_list(&s->request, &s->found);
    s->request.label_text = NULL;
    free(text);
    tec_progress_end();
    return status;
}

/* The same on every rank. `of_model`: settings->data.channels are. */
static tec_status take_bands(const tec_settings *settings, bool of_model, tec_dataset *set)
{
    tec_bands bands;
    TEC_TRY(tec_settings_bands(settings, &bands));
    bands.of_model = of_model;
    if (bands.chosen && bands.chosen != settings->data.channels)
        return tec_fail(TEC_USER_ERROR, "data.bands names %d band%s, but %s %d: they must be as many", bands.chosen,
                        tec_plural(bands.chosen), of_model ? "the model takes" : "data.channels is",
                        settings->data.channels);
    return tec_dataset_take_bands(set, &bands);
}

/* `given`: on the command line, for a model. */
static tec_status open_dataset(const tec_comm *comm, const tec_settings *settings, bool training, bool given,
                               tec_dataset **out)
{
    const char *path = training ? settings->data.train : settings->data.val;
    const char *key = given && path[0] ? path : training ? "data.train" : "data.val";
    *out = NULL;
    if (!path || !path[0])
        return tec_fail(TEC_USER_ERROR,
                        "%s is not given: name a folder of images, a list file, a file of arrays or an IDX image file",
                        key);

    bool skip = settings->data.on_bad_image == TEC_BAD_IMAGE_SKIP;
    bool labelled_later = !training && settings->data.val_labels[0];
    tec_label_mode labels = labelled_later ? TEC_LABELS_NONE : tec_setup_label_mode(settings);
    if (!training && labels == TEC_LABELS_FILE)
        labels = TEC_LABELS_AUTO; /* its lines are about data.train */
    scanning s = {.request = {.path = path,
                              .labels = labels,
                              .labels_path = settings->data.labels,
                              .skip = skip,
                              .name = training ? "train" : "val",
                              .dir = {settings->targets.dir, settings->run.dir}}};
    tec_listed *found = &s.found;
    tec_release *release;
    TEC_TRY(tec_comm_alone(comm, scan, &s));
    TEC_TRY(tec_comm_share_text_on_nodes(comm, &found->list, &found->bytes, &release));
    tec_status status = tec_dataset_open_taking(out, found->list, found->bytes, release, settings->data.channels,
                                                training ? settings->data.max_train : settings->data.max_val);
    if (status == TEC_OK)
        tec_dataset_listed(*out, &s.request, found->state, found->state_bytes);
    else
        free(found->state);
    status = tec_comm_agree(comm, status);
    if (status == TEC_OK) {
        tec_dataset_decode_as(*out, settings->data.strict_images, settings->data.exif_orientation == TEC_EXIF_APPLY);
        status = take_bands(settings, given, *out);
    }
    if (status != TEC_OK) {
        tec_dataset_close(*out);
        *out = NULL;
        return status;
    }
    if (comm->rank == 0) {
        warn_of_folders(*out, given ? "IMAGES" : key, path);
        look_at(*out, key, skip);
    }
    return TEC_OK;
}

tec_status tec_setup_dataset(const tec_comm *comm, const tec_settings *settings, bool training, tec_dataset **out)
{
    return open_dataset(comm, settings, training, false, out);
}

tec_status tec_setup_given_images(const tec_comm *comm, const tec_settings *settings, bool training, tec_dataset **out)
{
    return open_dataset(comm, settings, training, true, out);
}

/* tec_import_options.read_images: what `data` and `eval` say in the settings in a checkpoint. */
static bool read_images(const char *yaml, tec_import_images *out)
{
    tec_settings settings;
    tec_settings_source source = {.yaml_name = "run/settings", .yaml = yaml, .yaml_bytes = strlen(yaml)};
    bool readable = tec_settings_resolve(&settings, &source) == TEC_OK;
    if (readable) {
        memcpy(out->mean, settings.data.mean, sizeof out->mean);
        memcpy(out->std, settings.data.std, sizeof out->std);
        out->preprocessing = tec_setup_preprocessing(&settings);
        out->upright = settings.data.exif_orientation == TEC_EXIF_APPLY;
        snprintf(out->bands.range, sizeof out->bands.range, "%s", settings.data.range);
        snprintf(out->bands.chosen, sizeof out->bands.chosen, "%s", settings.data.bands);
    }
    tec_settings_free(&settings);
    return readable;
}

tec_status tec_setup_import(const tec_settings *settings, const char *path, tec_import **out)
{
    tec_import_options options = {
        .heads = settings->base.heads,
        .norm_eps = settings->base.norm_eps,
        .activation = settings->base.activation,
        .interpolation = settings->base.interpolation,
        .image_size = settings->base.image_size,
        .architecture = settings->base.architecture,
        .about = settings->base.model,
        .read_images = read_images,
    };
    memcpy(options.mean, settings->base.mean, sizeof options.mean);
    memcpy(options.std, settings->base.std, sizeof options.std);
    return tec_import_open(out, path, &options);
}

/* Is there a deviation for every channel? */
static tec_status check_numbers(const tec_import_facts *facts, const char *path)
{
    const int channels = facts->config.channels;
    int numbers = 0;
    if (channels > TEC_BANDS_MOST)
        return tec_fail(TEC_USER_ERROR, "%s takes %d-channel images, at most %d are supported", path, channels,
                        TEC_BANDS_MOST);
    while (numbers < channels && facts->std[numbers] > 0)
        numbers++;
    if (!facts->normalised || numbers == channels)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s takes %d-channel images, but %s gives %d numbers: give base.mean and base.std one for each "
                    "channel, or one for all",
                    path, channels, facts->mean_from, numbers);
}

/* Values of another scale, or other bands, are not what the model has learnt. */
static void warn_of_bands(const tec_settings *settings, const tec_import_facts *facts, const char *path)
{
    const tec_import_bands *was = &facts->bands;
    if (!was->range[0])
        return;
    if (strcmp(was->range, settings->data.range) != 0)
        tec_warn("%s was trained with data.range=%s, and data.range is %s here: are the numbers that images become the "
                 "same?",
                 path, was->range, settings->data.range);
    if (strcmp(was->chosen, settings->data.bands) != 0)
        tec_warn("%s was trained with data.bands=\"%s\", and data.bands is \"%s\" here: are the bands the same?", path,
                 was->chosen, settings->data.bands);
}

/* Opens the file, logs what it is, and refuses guesses that `use` depends on; *config is what it becomes for the images
 * of this job. */
static tec_status recognise(const tec_settings *settings, const char *path, tec_import_use use, tec_import **import,
                            tec_model_config *config, tec_normalisation *normalisation)
{
    static const char *const how[] = {"with antialiasing", "without antialiasing",
                                      "without antialiasing, with DINO's offset of 0.1",
                                      "without antialiasing, corners aligned"};
    TEC_TRY(tec_setup_import(settings, path, import));
    const tec_import_facts *facts = tec_import_get_facts(*import);
    const tec_size size = settings->data.image_size;
    TEC_TRY(tec_import_resize(*import, size.height ? size : facts->config.image_size, config));
    memcpy(normalisation->mean, facts->mean, sizeof normalisation->mean);
    memcpy(normalisation->std, facts->std, sizeof normalisation->std);
    TEC_TRY(check_numbers(facts, path));
    if (use == TEC_USE_IMAGES)
        warn_of_bands(settings, facts, path);
    char *line = tec_import_describe(*import);
    tec_log("%s", line);
    free(line);
    const tec_size from = tec_model_grid(&facts->config), to = tec_model_grid(config);
    if (!facts->config.variant.no_pos_embed && !tec_size_equal(from, to))
        tec_log("%s: position embedding interpolated from %d x %d to %d x %d patches, %s (%s)", path, from.height,
                from.width, to.height, to.width, how[facts->interpolation], facts->interpolation_from);
    return tec_import_check_known(*import, use);
}

/* A file of resolved settings gives every key. */
static bool at_default(const tec_settings *settings, size_t bytes)
{
    char *channels = tec_string_format("data.channels=%d", settings->data.channels);
    const tec_settings_source source = {.overrides = (const char *const[]){channels}, .override_count = 1};
    tec_settings standard;
    bool same = tec_settings_resolve(&standard, &source) == TEC_OK &&
                memcmp(standard.data.mean, settings->data.mean, bytes) == 0 &&
                memcmp(standard.data.std, settings->data.std, bytes) == 0;
    tec_settings_free(&standard);
    free(channels);
    return same;
}

void tec_setup_say_normalisation(const tec_settings *settings, const char *path, const tec_normalisation *is)
{
    const size_t bytes = (size_t)settings->data.channels * sizeof(double);
    const bool given = tec_settings_given(settings, "data", "mean") || tec_settings_given(settings, "data", "std");
    const bool other =
        memcmp(settings->data.mean, is->mean, bytes) != 0 || memcmp(settings->data.std, is->std, bytes) != 0;
    if (given && other && !at_default(settings, bytes))
        tec_log(
            "data.mean and data.std are of no effect here: images are normalised as %s was trained, which base.mean "
            "and base.std would change",
            path);
}

/* The file is read by one rank only: thousands of ranks that open the same file stall a parallel file system. `facts`
 * NULL: the model is only to be recognised. */
static tec_status read_frozen(const tec_comm *comm, const tec_settings *settings, const char *path, int batch,
                              tec_frozen **out, tec_frozen_facts *facts)
{
    struct {
        tec_model_config config;
        tec_frozen_facts facts;
    } found = {0};
    tec_import *import = NULL;
    tec_frozen *frozen = NULL;
    *out = NULL;
    tec_status status =
        tec_comm_agree(comm, comm->rank == 0 ? recognise(settings, path, facts ? TEC_USE_IMAGES : TEC_USE_HASH, &import,
                                                         &found.config, &found.facts.normalisation)
                                             : TEC_OK);
    if (status != TEC_OK)
        goto done;
    if (comm->rank == 0) {
        found.facts.preprocessing = tec_import_get_facts(import)->preprocessing;
        found.facts.head = tec_import_get_facts(import)->head;
    }
    tec_comm_broadcast(comm, &found, sizeof found, 0);
    status = tec_setup_check_memory(comm, "the model", path, &found.config, 1);
    if (status != TEC_OK)
        goto done;
    status = tec_comm_agree(comm, tec_frozen_create(&frozen, &found.config, batch));
    if (status != TEC_OK)
        goto done;
    tec_params *params = tec_frozen_params(frozen);
    status = tec_comm_agree(comm, comm->rank == 0 ? tec_import_read(import, params, &found.config) : TEC_OK);
    if (status != TEC_OK)
        goto done;
    tec_comm_broadcast(comm, params->weight, params->total * sizeof(real), 0);
    tec_frozen_ready(frozen);
    if (facts)
        *facts = found.facts;
    *out = frozen;
    frozen = NULL;
done:
    tec_frozen_close(frozen);
    tec_import_close(import);
    return status;
}

tec_status tec_setup_frozen_with(const tec_comm *comm, const tec_settings *settings, const char *path, int batch,
                                 tec_frozen **out, tec_frozen_facts *facts)
{
    return read_frozen(comm, settings, path, batch, out, facts);
}

tec_status tec_setup_frozen(const tec_comm *comm, const tec_settings *settings, const char *path, int batch,
                            tec_frozen **out, tec_normalisation *normalisation, tec_preprocessing *preprocessing)
{
    tec_frozen_facts facts;
    TEC_TRY(read_frozen(comm, settings, path, batch, out, normalisation ? &facts : NULL));
    if (normalisation)
        *normalisation = facts.normalisation;
    if (preprocessing)
        *preprocessing = facts.preprocessing;
    return TEC_OK;
}

tec_status tec_setup_directory(const tec_comm *comm, const char *dir)
{
    if (!dir || !dir[0])
        return tec_fail(TEC_USER_ERROR, "run.dir is not given: name a directory for what the run writes");
    return tec_comm_agree(comm, comm->rank == 0 ? tec_directory_make(dir) : TEC_OK);
}

tec_status tec_setup_store(const tec_comm *comm, const tec_settings *settings, tec_store **out)
{
    const char *dir = settings->targets.dir;
    char *manifest = NULL;
    size_t bytes = 0;
    *out = NULL;
    if (!dir[0])
        return tec_fail(TEC_USER_ERROR, "targets.dir is not given: name the store that `tec targets` wrote, "
                                        "or set pretrain.objective=mae to train without a base model");
    tec_status status = tec_comm_agree(comm, comm->rank == 0 ? tec_store_manifest(dir, &manifest, &bytes) : TEC_OK);
    if (status == TEC_OK) {
        tec_comm_share_text(comm, &manifest, &bytes, 0);
        status = tec_comm_agree(comm, tec_store_open(out, dir, manifest, bytes));
    }
    free(manifest);
    return status;
}
