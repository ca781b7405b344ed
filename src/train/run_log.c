/* Writes log.jsonl, and truncates it to the step at which a run is resumed. */
#include "run_log.h"

#include "tec/files.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const size_t LONGEST_LOG = (size_t)1 << 30;

static tec_status cannot_write(const run_log *log)
{
    return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", log->path, strerror(errno));
}

/* Does the line tell of something after `step`? One of changed settings tells of the steps after its own. */
static bool is_later(const char *line, size_t length, int64_t step)
{
    json_t *object = json_loadb(line, length, 0, NULL);
    json_t *number = json_object_get(object, "step"), *kind = json_object_get(object, "kind");
    bool settings = json_is_string(kind) && strcmp(json_string_value(kind), "settings") == 0;
    bool later = !json_is_integer(number) || json_integer_value(number) + settings > step;
    json_decref(object);
    return later;
}

/* Rewrites the log without the lines after `step`; a line cut short by a kill has no step and is dropped too. */
static tec_status cut_back(const char *path, int64_t step)
{
    char *text;
    size_t bytes, kept = 0;
    if (!tec_file_exists(path))
        return TEC_OK;
    TEC_TRY(tec_file_read(path, LONGEST_LOG, &text, &bytes));
    while (kept < bytes) {
        const char *end = memchr(text + kept, '\n', bytes - kept);
        if (!end || is_later(text + kept, (size_t)(end - text) - kept, step))
            break;
        kept = (size_t)(end - text) + 1;
    }
    tec_status status = kept < bytes ? tec_file_write(path, text, kept) : TEC_OK;
    free(text);
    return status;
}

tec_status tec_run_log_open(run_log *log, const char *dir, int64_t step)
{
    log->path = tec_path_join(dir, "log.jsonl");
    if (step > 0)
        TEC_TRY(cut_back(log->path, step));
    log->file = fopen(log->path, step > 0 ? "a" : "w");
    return log->file ? TEC_OK : cannot_write(log);
}

/* Appends a line; takes the object over. */
static tec_status put(run_log *log, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (!text)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: a line cannot be formatted: out of memory", log->path);
    int failed = fprintf(log->file, "%s\n", text) < 0 || fflush(log->file) != 0;
    free(text);
    return failed ? cannot_write(log) : TEC_OK;
}

tec_status tec_run_log_write(run_log *log, const run_log_line *line)
{
    if (!log->file)
        return TEC_OK;
    json_t *object =
        json_pack("{ss sI sI}", "kind", line->kind, "epoch", (json_int_t)line->epoch, "step", (json_int_t)line->step);
    for (int i = 0; line->loss_names[i]; i++)
        json_object_set_new(object, line->loss_names[i], json_real(line->loss[i]));
    json_object_set_new(object, "lr", json_real(line->lr));
    json_object_set_new(object, "gradient_norm", json_real(line->gradient_norm));
    json_object_set_new(object, "images_per_second", json_real(line->images_per_second));
    json_object_set_new(object, "wait_share", json_real(line->wait_share));
    json_object_set_new(object, "reduce_share", json_real(line->reduce_share));
    json_object_set_new(object, "seconds", json_real(line->seconds));
    return put(log, object);
}

tec_status tec_run_log_changes(run_log *log, int64_t epoch, int64_t step, const tec_run_changes *changes)
{
    if (!log->file || changes->count == 0)
        return TEC_OK;
    json_t *list = json_object();
    for (int i = 0; i < changes->count; i++) {
        const tec_run_change *c = &changes->change[i];
        json_object_set_new(list, c->key, json_pack("{ss ss}", "was", c->was, "is", c->is));
    }
    return put(log, json_pack("{ss sI sI so}", "kind", "settings", "epoch", (json_int_t)epoch, "step", (json_int_t)step,
                              "changes", list));
}

void tec_run_log_close(run_log *log)
{
    if (log->file)
        fclose(log->file);
    free(log->path);
}
