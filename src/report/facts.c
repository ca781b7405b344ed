/* What was run: model, base, data, ranks, time, speed, versions; and the settings that are not the defaults. */
#include "parts.h"

#include "html.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Each makes the text of a cell, "" if nothing is known; the caller frees it. */
typedef char *fact_text(const tec_report_run *run);

static char *kind_text(const tec_report_run *run)
{
    static const char *const name[] = {[RUN_UNKNOWN] = "",
                                       [RUN_TEC] = "pretraining from targets (objective tec)",
                                       [RUN_MAE] = "pretraining from pixels (objective mae)",
                                       [RUN_TUNING] = "fine-tuning",
                                       [RUN_EVALUATION] = "evaluations only"};
    return tec_string_copy(name[tec_report_kind(run)]);
}

static char *model_text(const tec_report_run *run)
{
    const tec_model_config *m = &run->model;
    if (!run->has_model)
        return tec_string_copy("");
    return tec_string_format("ViT, width %d, %d blocks, %d heads, patches of %d pixels", m->width, m->depth, m->heads,
                             m->patch);
}

static char *decoder_text(const tec_report_run *run)
{
    const tec_model_config *m = &run->model;
    if (run->has_model && m->kind == TEC_MODEL_CLASSIFIER)
        return tec_string_format("linear head, %d classes", m->classes);
    if (!run->has_model || m->decoder_depth == 0)
        return tec_string_copy("");
    return tec_string_format("width %d, %d block%s, %d heads", m->decoder_width, m->decoder_depth,
                             tec_plural(m->decoder_depth), m->decoder_heads);
}

static char *image_text(const tec_report_run *run)
{
    const tec_model_config *m = &run->model;
    if (!run->has_model)
        return tec_string_copy("");
    char size[TEC_SIZE_TEXT];
    char *bands = m->channels == 1   ? tec_string_copy("grey")
                  : m->channels == 3 ? tec_string_copy("RGB")
                                     : tec_string_format("%d channels", m->channels);
    char *text = tec_string_format("%s pixels, %s", tec_size_words(m->image_size, size), bands);
    free(bands);
    return text;
}

static char *or_nothing(char *text)
{
    return text ? text : tec_string_copy("");
}

/* A path, and what limits the number of its images. */
static char *data_text(const tec_report_run *run, const char *path_key, const char *most_key)
{
    char *path = or_nothing(tec_report_setting_text(run, path_key)), *most = tec_report_setting_text(run, most_key);
    if (path[0] && most && strcmp(most, "0") != 0)
        tec_string_append(&path, " (%s images of it)", most);
    free(most);
    return path;
}

static char *train_text(const tec_report_run *run)
{
    return data_text(run, "data.train", "data.max_train");
}

static char *val_text(const tec_report_run *run)
{
    return data_text(run, "data.val", "data.max_val");
}

static char *base_text(const tec_report_run *run)
{
    run_kind kind = tec_report_kind(run);
    if (kind != RUN_TEC && kind != RUN_TUNING)
        return tec_string_copy("");
    return or_nothing(tec_report_setting_text(run, kind == RUN_TEC ? "base.model" : "finetune.model"));
}

static char *targets_text(const tec_report_run *run)
{
    return or_nothing(tec_report_kind(run) == RUN_TEC ? tec_report_setting_text(run, "targets.dir") : NULL);
}

/* The value of pretrain.KEY or finetune.KEY. */
static char *recipe_text(const tec_report_run *run, const char *key)
{
    run_kind kind = tec_report_kind(run);
    if (kind == RUN_UNKNOWN || kind == RUN_EVALUATION)
        return tec_string_copy("");
    char *name = tec_string_format("%s.%s", kind == RUN_TUNING ? "finetune" : "pretrain", key);
    char *text = or_nothing(tec_report_setting_text(run, name));
    free(name);
    return text;
}

static char *batch_text(const tec_report_run *run)
{
    char *text = recipe_text(run, "batch");
    if (text[0])
        tec_string_append(&text, " images a step");
    return text;
}

static char *done_text(const tec_report_run *run)
{
    const json_t *line = json_array_get(run->log, json_array_size(run->log) - 1);
    const json_t *epoch = tec_report_last_line(run, "epoch");
    char step[32], finished[32], *epochs = recipe_text(run, "epochs"), *text;
    if (!line) {
        free(epochs);
        return tec_string_copy(run->evaluations_only ? "" : run->done ? "all epochs" : "nothing is known");
    }
    tec_number_text(step, sizeof step, tec_json_number(line, "step"), 6);
    tec_number_text(finished, sizeof finished, epoch ? tec_json_number(epoch, "epoch") : 0, 6);
    text = tec_string_format("%s%s%s epochs, %s steps%s", finished, epochs[0] ? " of " : "", epochs, step,
                             run->done ? "" : " (not finished)");
    free(epochs);
    return text;
}

static const json_t *last_timed(const tec_report_run *run)
{
    const json_t *epoch = tec_report_last_line(run, "epoch"), *step = tec_report_last_line(run, "step");
    return !step || (epoch && tec_json_number(epoch, "seconds") >= tec_json_number(step, "seconds")) ? epoch : step;
}

static char *time_text(const tec_report_run *run)
{
    char text[64];
    const json_t *line = last_timed(run);
    return tec_string_copy(line ? tec_duration_text(text, sizeof text, tec_json_number(line, "seconds")) : "");
}

static char *speed_text(const tec_report_run *run)
{
    char text[64];
    const json_t *line = tec_report_last_line(run, "epoch");
    if (!line)
        line = tec_report_last_line(run, "step");
    if (!line)
        return tec_string_copy("");
    return tec_string_format("%s images/s",
                             tec_number_text(text, sizeof text, tec_json_number(line, "images_per_second"), 3));
}

static char *memory_text(const tec_report_run *run)
{
    char text[64];
    const json_t *line = tec_report_last_line(run, "epoch");
    double megabytes = tec_json_number(line, "memory_mb");
    if (!isfinite(megabytes))
        return tec_string_copy("");
    return tec_string_format("%s MB", tec_number_text(text, sizeof text, megabytes, 3));
}

static char *ranks_text(const tec_report_run *run)
{
    double ranks = tec_json_number(run->environment, "ranks"), threads = tec_json_number(run->environment, "threads");
    if (!isfinite(ranks) || !isfinite(threads))
        return tec_string_copy("");
    return tec_string_format("%.0f, with %.0f thread%s each", ranks, threads, threads == 1 ? "" : "s");
}

/* The number of hosts and the first names. */
static char *hosts_text(const tec_report_run *run)
{
    enum { SHOWN = 4 };
    const json_t *hosts = json_object_get(run->environment, "hosts");
    size_t count = json_array_size(hosts), different = 0;
    char *names = tec_string_copy("");
    for (size_t i = 0; i < count; i++) {
        const char *host = json_string_value(json_array_get(hosts, i));
        bool seen = !host;
        for (size_t j = 0; j < i && !seen; j++) {
            const char *other = json_string_value(json_array_get(hosts, j));
            seen = other && strcmp(host, other) == 0;
        }
        if (seen)
            continue;
        if (different < SHOWN)
            tec_string_append(&names, "%s%s", different ? ", " : "", host);
        different++;
    }
    char *text = different == 0 ? tec_string_copy("")
                                : tec_string_format("%zu: %s%s", different, names, different > SHOWN ? ", ..." : "");
    free(names);
    return text;
}

static char *started_text(const tec_report_run *run)
{
    return tec_string_copy(tec_json_text(run->environment, "started", ""));
}

static char *starts_text(const tec_report_run *run)
{
    size_t starts = json_array_size(json_object_get(run->environment, "starts"));
    return starts ? tec_string_format("%zu", starts) : tec_string_copy("");
}

static char *tec_text(const tec_report_run *run)
{
    return tec_string_copy(tec_json_text(run->environment, "tec", ""));
}

static char *mpi_text(const tec_report_run *run)
{
    return tec_string_copy(tec_json_text(run->environment, "mpi", ""));
}

static char *libraries_text(const tec_report_run *run)
{
    const char *hdf5 = tec_json_text(run->environment, "hdf5", ""), *blas = tec_json_text(run->environment, "blas", "");
    return hdf5[0] || blas[0] ? tec_string_format("HDF5 %s, %s", hdf5, blas) : tec_string_copy("");
}

static const struct {
    const char *name;
    fact_text *text;
} facts[] = {
    {"what", kind_text},
    {"model", model_text},
    {"decoder, head", decoder_text},
    {"images", image_text},
    {"base model", base_text},
    {"targets", targets_text},
    {"training images", train_text},
    {"validation images", val_text},
    {"batch", batch_text},
    {"done", done_text},
    {"time", time_text},
    {"speed, last epoch", speed_text},
    {"peak memory, rank 0", memory_text},
    {"ranks", ranks_text},
    {"hosts", hosts_text},
    {"last start (UTC)", started_text},
    {"starts", starts_text},
    {"tec", tec_text},
    {"MPI", mpi_text},
    {"libraries", libraries_text},
};

void tec_report_facts(FILE *out, const tec_report_run *run, int count)
{
    char **cell = tec_allocate_zeroed((size_t)count, sizeof *cell);
    fputs("<section id=\"runs\"><h2>What was run</h2>\n", out);
    tec_report_table_begin(out, count > 1 ? "runs" : "run", run, count, NULL);
    for (size_t f = 0; f < sizeof facts / sizeof *facts; f++) {
        for (int i = 0; i < count; i++)
            cell[i] = facts[f].text(&run[i]);
        tec_report_table_row(out, facts[f].name, cell, count, NULL);
    }
    for (int i = 0; i < count; i++)
        cell[i] = tec_string_copy(run[i].dir);
    tec_report_table_row(out, "directory", cell, count, NULL);
    tec_report_table_end(out);
    if (count > 1)
        fputs("<p class=\"hint\">Rows with a bar at their left differ between the runs.</p>\n", out);
    fputs("</section>\n", out);
    free(cell);
}

/* -- settings -- */

/* All runs list the same settings in the same order, or none. */
static bool is_worth_a_row(const tec_report_run *run, int count, int row)
{
    for (int i = 0; i < count; i++)
        if (row < run[i].setting_count && strcmp(run[i].setting[row].value, run[i].setting[row].otherwise) != 0)
            return true;
    return false;
}

void tec_report_settings(FILE *out, const tec_report_run *run, int count)
{
    char **cell = tec_allocate_zeroed((size_t)count, sizeof *cell);
    const tec_report_run *with = NULL;
    for (int i = 0; i < count && !with; i++)
        with = run[i].setting_count > 0 ? &run[i] : NULL;
    if (with) {
        fputs("<section id=\"settings\"><h2>Settings that are not the defaults</h2>\n", out);
        tec_report_table_begin(out, "setting", run, count, "default");
        for (int row = 0; row < with->setting_count; row++) {
            if (!is_worth_a_row(run, count, row))
                continue;
            for (int i = 0; i < count; i++)
                cell[i] = tec_report_unquoted(row < run[i].setting_count ? run[i].setting[row].value : "");
            char *otherwise = tec_report_unquoted(with->setting[row].otherwise);
            tec_report_table_row(out, with->setting[row].key, cell, count, otherwise);
            free(otherwise);
        }
        tec_report_table_end(out);
        fputs("</section>\n", out);
    }
    free(cell);
}
