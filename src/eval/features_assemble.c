/* From parts to a file of features: first their names are looked at, which say how long the columns are, then rows are
 * copied. */
#include "features_assemble.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 4096 }; /* of a name */

typedef struct assembly {
    const tec_features_job *job;
    const tec_feature_spec *spec;
    const row_parts *all;
    int64_t parts;
    tec_skipped *skipped;
    int64_t rows, copied;
    double started;
    int path_bytes;
    tec_feature_writer *writer;
} assembly;

static int name_length(const tec_dataset *set, int64_t sample)
{
    char name[LONGEST];
    return (int)strlen(tec_dataset_name(set, sample, name, sizeof name));
}

/* Texts "SAMPLE MESSAGE". */
static void take_notes(assembly *a, const row_notes *notes)
{
    for (const char *at = notes->notes; at < notes->notes + notes->notes_bytes; at += strlen(at) + 1) {
        char *message;
        const int64_t sample = strtoll(at, &message, 10);
        tec_skipped_note(a->skipped, sample, *message ? message + 1 : message);
    }
}

static tec_status look(assembly *a)
{
    tec_status status = TEC_OK;
    a->path_bytes = 1;
    for (int64_t part = 0; part < a->parts && status == TEC_OK; part++) {
        row_notes notes;
        tec_phase_tick();
        status = tec_row_part_read(a->all, part, NULL, NULL, &notes);
        for (int64_t i = 0; i < notes.rows && status == TEC_OK; i++)
            a->path_bytes = tec_max_int(a->path_bytes, name_length(a->job->set, notes.sample[i]));
        a->rows += notes.rows;
        if (status == TEC_OK)
            take_notes(a, &notes);
        tec_row_notes_free(&notes);
    }
    return status;
}

/* row_part_take */
static tec_status copy_rows(void *context, const void *rows, int64_t count)
{
    assembly *a = context;
    tec_phase_tick();
    a->copied += count;
    if (tec_seconds() - a->started > TEC_PROGRESS_SECONDS) /* few pass without a word */
        tec_progress_count("features: put together", "images", a->copied, a->rows, a->started);
    return tec_feature_writer_rows(a->writer, rows, count);
}

static tec_status put_names(assembly *a, const row_notes *notes)
{
    const tec_dataset *set = a->job->set;
    const size_t rows = (size_t)notes->rows, bytes = (size_t)a->path_bytes;
    char *path = tec_allocate_zeroed(rows, bytes), name[LONGEST];
    int32_t *label = tec_allocate(rows * sizeof *label);
    for (size_t i = 0; i < rows; i++) {
        tec_dataset_name(set, notes->sample[i], name, sizeof name);
        memcpy(path + i * bytes, name, strlen(name));
        label[i] = tec_dataset_label(set, notes->sample[i]);
    }
    tec_status status = tec_feature_writer_names(a->writer, &(tec_feature_names){.count = (int)notes->rows,
                                                                                 .path = path,
                                                                                 .label = label,
                                                                                 .sample = notes->sample,
                                                                                 .content = notes->content});
    free(label);
    free(path);
    return status;
}

static tec_status copy(assembly *a)
{
    tec_status status = TEC_OK;
    a->started = tec_seconds();
    for (int64_t part = 0; part < a->parts && status == TEC_OK; part++) {
        row_notes notes;
        status = tec_row_part_read(a->all, part, copy_rows, a, &notes);
        if (status == TEC_OK)
            status = put_names(a, &notes);
        tec_row_notes_free(&notes);
    }
    tec_progress_end();
    return status;
}

static tec_status write_file(assembly *a)
{
    const tec_dataset *set = a->job->set;
    const int classes = tec_dataset_classes(set);
    const int64_t left_out = a->skipped->count;
    const char **class_name = tec_allocate((size_t)classes * sizeof *class_name);
    char **missing = tec_allocate((size_t)left_out * sizeof *missing), name[LONGEST];
    for (int c = 0; c < classes; c++)
        class_name[c] = tec_dataset_class_name(set, c);
    for (int64_t i = 0; i < left_out; i++)
        missing[i] = tec_string_copy(tec_dataset_name(set, a->skipped->sample[i], name, sizeof name));
    const tec_feature_table table = {.spec = a->spec,
                                     .model = a->job->model,
                                     .data = a->job->data,
                                     .trained = a->job->trained,
                                     .rows = a->rows,
                                     .path_bytes = a->path_bytes,
                                     .classes = classes,
                                     .class_name = class_name,
                                     .left_out = left_out,
                                     .left_out_name = (const char *const *)missing};
    tec_status status = tec_feature_writer_open(&a->writer, a->job->path, &table);
    if (status == TEC_OK) {
        status = copy(a);
        if (status == TEC_OK)
            status = tec_feature_writer_commit(a->writer);
        else
            tec_feature_writer_discard(a->writer);
    }
    for (int64_t i = 0; i < left_out; i++)
        free(missing[i]);
    free(missing);
    free(class_name);
    return status;
}

tec_status tec_features_assemble(const tec_features_job *job, const tec_feature_spec *spec, const row_parts *all,
                                 int64_t parts, tec_skipped *skipped, int64_t *rows)
{
    assembly a = {.job = job, .spec = spec, .all = all, .parts = parts, .skipped = skipped};
    tec_status status = look(&a);
    *rows = a.rows;
    if (status == TEC_OK && skipped->count > 0 && !job->settings.reading.skip)
        status = tec_fail(TEC_USER_ERROR, "%s (a run before left it out; data.on_bad_image=skip does so again)",
                          skipped->message[0]);
    return status == TEC_OK && a.rows > 0 ? write_file(&a) : status;
}
