/* tec predict: the classes of images, by a fine-tuned model. */
#include "jobs.h"

#include "tec/checkpoint.h"
#include "tec/csv.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/skipped_report.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_OUT, OPTION_FORMAT };
enum { PLACES = 5 };

static const tec_option options[] = {
    {"o", TEC_OPTION_TEXT, "OUT", .help = "the file to write, instead of standard output (-)"},
    {"format", TEC_OPTION_CHOICE, "csv|jsonl", .help = "by default chosen by the extension of OUT, else csv"},
    {0}};

typedef enum table_format { CSV, JSONL } table_format;

/* A model with what it needs and says. All ranks have the same. */
typedef struct classifier {
    tec_model *model;
    int batch; /* images that it takes at once */
    tec_normalisation normalisation;
    tec_preprocessing preprocessing;
    bool upright;             /* images are turned by their EXIF data */
    tec_import_bands bands;   /* as in training */
    char *names;              /* of the classes, each ended by a 0 byte in the place of a line feed */
    const char **class_names; /* [classes] */
} classifier;

/* This rank's part of the table. */
typedef struct table {
    const classifier *by;
    const tec_dataset *set;
    table_format format;
    int places;     /* columns: the likeliest classes */
    int64_t images; /* so far */
    FILE *out;
} table;

/* -- the model -- */

/* What rank 0 finds in the file. */
typedef struct found {
    tec_model_config config;
    tec_normalisation normalisation;
    tec_preprocessing preprocessing;
    bool upright;
    tec_import_bands bands;
} found;

static tec_status recognise(const tec_settings *settings, const char *path, found *out)
{
    tec_import *import;
    TEC_TRY(tec_setup_import(settings, path, &import));
    const tec_import_facts *facts = tec_import_get_facts(import);
    tec_status status = tec_import_check_known(import, TEC_USE_IMAGES);
    if (status == TEC_OK && facts->classes == 0)
        status = tec_fail(
            TEC_USER_ERROR,
            "%s is no classifier of tec: `tec finetune` makes one of it, whose checkpoint.h5 is read here", path);
    if (status == TEC_OK) {
        char *line = tec_import_describe(import);
        tec_log("%s", line);
        free(line);
        memcpy(out->normalisation.mean, facts->mean, sizeof facts->mean);
        memcpy(out->normalisation.std, facts->std, sizeof facts->std);
        out->preprocessing = facts->preprocessing;
        out->upright = facts->upright;
        out->bands = facts->bands;
    }
    tec_import_close(import);
    return status == TEC_OK ? tec_checkpoint_read_config(path, &out->config) : status;
}

/* Names that the file does not have are numbers. */
static void split_names(const char *text, int classes, classifier *out)
{
    size_t room = strlen(text) + 16 * (size_t)classes + 1;
    char *to = out->names = tec_allocate_zeroed(room, 1);
    out->class_names = tec_allocate((size_t)classes * sizeof *out->class_names);
    for (int c = 0; c < classes; c++) {
        const char *end = strchrnul(text, '\n');
        int length = (int)(end - text);
        out->class_names[c] = to;
        to += 1 + (length > 0 ? sprintf(to, "%.*s", length, text) : sprintf(to, "%d", c));
        text = *end ? end + 1 : end;
    }
}

/* Collective. */
static tec_status open_classifier(const tec_comm *comm, const tec_settings *settings, const char *path, classifier *out)
{
    found f = {0};
    char *names = NULL;
    size_t bytes;
    TEC_TRY(tec_comm_agree(comm, comm->rank == 0 ? recognise(settings, path, &f) : TEC_OK));
    tec_comm_broadcast(comm, &f, sizeof f, 0);
    out->normalisation = f.normalisation;
    out->preprocessing = f.preprocessing;
    out->upright = f.upright;
    out->bands = f.bands;
    out->batch = tec_min_int(settings->eval.batch, tec_model_micro_batch(&f.config, settings->eval.batch));
    TEC_TRY(
        tec_comm_agree(comm, tec_model_create(&out->model, &f.config, out->batch, tec_model_patches(&f.config), 0)));
    tec_params *params = tec_model_params(out->model);
    TEC_TRY(tec_comm_agree(comm, comm->rank == 0 ? tec_checkpoint_read_weights(path, params) : TEC_OK));
    tec_comm_broadcast(comm, params->weight, params->total * sizeof(real), 0);
    if (comm->rank == 0)
        names = tec_checkpoint_read_classes(path);
    if (comm->rank == 0 && !names)
        names = tec_string_copy("");
    bytes = names ? strlen(names) : 0;
    tec_comm_share_text(comm, &names, &bytes, 0);
    split_names(names, f.config.classes, out);
    free(names);
    return TEC_OK;
}

static void close_classifier(classifier *c)
{
    tec_model_free(c->model);
    free(c->names);
    free(c->class_names);
}

/* -- lines -- */

static void put_csv(const table *t, const char *image, const int *class, const double *probability)
{
    tec_csv_put(image, t->out);
    for (int i = 0; i < t->places; i++) {
        fputc(',', t->out);
        tec_csv_put(t->by->class_names[class[i]], t->out);
        fprintf(t->out, ",%.6g", probability[i]);
    }
    fputc('\n', t->out);
}

static void put_json(const table *t, const char *image, const int *class, const double *probability)
{
    json_t *top = json_array();
    for (int i = 0; i < t->places; i++)
        json_array_append_new(top, json_pack("{s:o, s:f}", "class", tec_job_name_json(t->by->class_names[class[i]]),
                                             "probability", probability[i]));
    json_t *line =
        json_pack("{s:o, s:o, s:f, s:o}", "image", tec_job_name_json(image), "class",
                  tec_job_name_json(t->by->class_names[class[0]]), "probability", probability[0], "top5", top);
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (!text)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    fprintf(t->out, "%s\n", text);
    free(text);
    json_decref(line);
}

/* tec_classified: the likeliest classes and their probabilities. */
static void put_image(void *context, int64_t sample, const real *logit)
{
    table *t = context;
    const int classes = tec_model_get_config(t->by->model)->classes;
    int class[PLACES];
    double probability[PLACES], sum = 0;
    char image[4096];
    for (int i = 0; i < t->places; i++) {
        class[i] = -1;
        for (int c = 0; c < classes; c++) {
            bool taken = false;
            for (int j = 0; j < i; j++)
                taken = taken || class[j] == c;
            if (!taken && (class[i] < 0 || logit[c] > logit[class[i]]))
                class[i] = c;
        }
    }
    for (int c = 0; c < classes; c++)
        sum += exp((double)logit[c] - (double)logit[class[0]]);
    for (int i = 0; i < t->places; i++)
        probability[i] = exp((double)logit[class[i]] - (double)logit[class[0]]) / sum;
    t->images++;
    tec_dataset_name(t->set, sample, image, sizeof image);
    (t->format == JSONL ? put_json : put_csv)(t, image, class, probability);
}

static void put_header(const table *t)
{
    if (t->format != CSV)
        return;
    fputs("image,class,probability", t->out);
    for (int i = 2; i <= t->places; i++)
        fprintf(t->out, ",class%d,probability%d", i, i);
    fputc('\n', t->out);
}

/* -- the command -- */

/* Collective. The images of the command line, decoded for this model as those that it was validated by, unless the
 * settings say otherwise. */
static tec_status open_images(const tec_comm *comm, tec_settings *settings, const char *path, const classifier *by,
                              tec_dataset **out)
{
    const tec_model_config *config = tec_model_get_config(by->model);
    settings->data.val = (char *)(uintptr_t)path;
    settings->data.channels = config->channels;
    settings->data.image_size = config->image_size;
    settings->data.labels = (char *)(uintptr_t) "none";
    settings->data.max_val = 0;
    if (!tec_settings_given(settings, "data", "exif_orientation"))
        settings->data.exif_orientation = by->upright ? TEC_EXIF_APPLY : TEC_EXIF_IGNORE;
    if (by->bands.range[0] && !tec_settings_given(settings, "data", "range"))
        settings->data.range = (char *)(uintptr_t)by->bands.range;
    if (by->bands.range[0] && !tec_settings_given(settings, "data", "bands"))
        settings->data.bands = (char *)(uintptr_t)by->bands.chosen;
    if (by->upright)
        tec_log("EXIF orientation of images: %s (data.exif_orientation; applied when the model was validated)",
                settings->data.exif_orientation == TEC_EXIF_APPLY ? "applied" : "ignored");
    return tec_setup_given_images(comm, settings, false, out);
}

/* Collective. Puts the parts of all ranks together, in order, and writes them. `mine`: this rank's. */
static tec_status write_parts(const tec_comm *comm, const char *path, const char *mine, size_t mine_bytes)
{
    char *all = NULL;
    size_t bytes = 0;
    FILE *memory = comm->rank == 0 ? open_memstream(&all, &bytes) : NULL;
    if (comm->rank == 0 && !memory)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    tec_status status = tec_comm_put_texts(comm, mine, mine_bytes, memory, "the table in memory");
    if (memory && fclose(memory) != 0 && status == TEC_OK)
        status = tec_fail(TEC_SYSTEM_ERROR, "out of memory");
    if (status == TEC_OK && comm->rank == 0 && path)
        status = tec_file_write(path, all, bytes);
    else if (status == TEC_OK && comm->rank == 0 && (fwrite(all, 1, bytes, stdout) != bytes || fflush(stdout) != 0))
        status = tec_fail(TEC_SYSTEM_ERROR, "the table cannot be written to standard output");
    free(all);
    return tec_comm_agree(comm, status);
}

/* Collective. */
static tec_status predict(const tec_comm *comm, const tec_settings *settings, const classifier *by,
                          const tec_dataset *set, const char *path, table_format format)
{
    const tec_model_config *config = tec_model_get_config(by->model);
    const tec_validation_settings how = {
        .set = set,
        .view = {.policy = TEC_VIEW_CENTER,
                 .size = config->image_size,
                 .channels = config->channels,
                 .normalisation = by->normalisation,
                 .preprocessing = tec_setup_choose_preprocessing(settings, by->preprocessing, set, set)},
        .reading = tec_setup_reading(settings)};
    char *text = NULL;
    size_t bytes;
    table t = {.by = by,
               .set = set,
               .format = format,
               .places = tec_min_int(PLACES, config->classes),
               .out = open_memstream(&text, &bytes)};
    tec_skipped skipped = {0};
    if (!t.out)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    if (comm->rank == 0)
        put_header(&t);
    bool stopped;
    tec_status status =
        tec_classify_images(comm, by->model, by->batch, &how, "predictions", &skipped, put_image, &t, &stopped);
    if (fclose(t.out) != 0 || !text)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    if (status == TEC_OK)
        tec_comm_sum_int64(comm, &t.images, 1);
    if (status == TEC_OK && t.images == 0)
        status = tec_skipped_fail(&skipped, comm, "none of the images could be decoded");
    if (status == TEC_OK)
        status = write_parts(comm, path, text, bytes);
    if (status == TEC_OK)
        tec_skipped_report(&skipped, comm, "the set");
    tec_skipped_free(&skipped);
    free(text);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    tec_settings settings = call->settings; /* borrows its texts */
    const char *out = call->option[OPTION_OUT].text, *path = out && strcmp(out, "-") != 0 ? out : NULL;
    const tec_argument *format = &call->option[OPTION_FORMAT];
    if (call->file_count != 2)
        return tec_fail(TEC_USER_ERROR,
                        "command line: a model and a data set are expected: tec predict MODEL IMAGES [-o OUT.csv]");
    TEC_TRY(tec_job_check_output(comm, call, path));
    classifier by = {0};
    tec_dataset *set = NULL;
    tec_status status = open_classifier(comm, &settings, call->files[0], &by);
    if (status == TEC_OK)
        status = open_images(comm, &settings, call->files[1], &by, &set);
    bool jsonl = format->times ? format->choice == JSONL : path && tec_string_ends_with(path, ".jsonl");
    if (status == TEC_OK)
        status = predict(comm, &settings, &by, set, path, jsonl ? JSONL : CSV);
    tec_dataset_close(set);
    close_classifier(&by);
    return status;
}

static const char *const sections[] = {"base", TEC_CENTRE_CROP_KEYS, NULL};

const tec_command tec_command_predict = {
    .name = "predict",
    .usage = "MODEL IMAGES [-o OUT] [--format csv|jsonl] [-c CONFIG.yaml] [section.key=value ...]",
    .summary = "classify images by a fine-tuned model",
    .details =
        "MODEL is the checkpoint.h5 of `tec finetune`, IMAGES a folder (labels in it do not matter), a pack, a file of arrays or an IDX "
        "file. One line per image, in their order, whatever the number of ranks: its name, the likeliest class and its "
        "probability, then the next four. As CSV the columns are image, class, probability, class2, probability2, ...; "
        "as JSON lines a line is an object with image, class, probability and top5, an array of class and probability.\n\n"
        "Images are prepared as `tec finetune` prepared those of data.val, which the checkpoint tells; eval.resize, "
        "eval.crop_pct, eval.interpolation, data.bands, data.range and data.exif_orientation choose otherwise. eval.batch images are computed "
        "at once, fewer if the model is large. With data.on_bad_image=skip, images that cannot be decoded have no line, and it "
        "is a mistake if none is left.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .takes_files = true,
    .run = run,
};
