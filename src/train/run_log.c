/* Writes log.jsonl, and truncates it to the step at which a run is resumed. */
#include "run_log.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const size_t LONGEST_LOG = (size_t)1 << 30;

static bool is_kind(const json_t *line, const char *kind)
{
    const json_t *is = json_object_get(line, "kind");
    return json_is_string(is) && strcmp(json_string_value(is), kind) == 0;
}

/* Does the line tell of something after `step`? One of changed settings tells of the steps after its own, unless
 * the checkpoint of that step knows of it, as it does of --finish. *validated is set by a validation at `step`. */
static bool is_later(const char *text, size_t length, int64_t step, bool finishing, bool *validated)
{
    json_t *line = json_loadb(text, length, 0, NULL);
    json_t *number = json_object_get(line, "step");
    bool settings =
        is_kind(line, "settings") && !(finishing && json_object_get(json_object_get(line, "changes"), "--finish"));
    bool later = !json_is_integer(number) || json_integer_value(number) + settings > step;
    if (!later && json_integer_value(number) == step && is_kind(line, "validation")) {
        later = json_is_false(json_object_get(line, "results")); /* it is done again, for their sake */
        *validated = !later;
    }
    json_decref(line);
    return later;
}

/* Rewrites the log without the lines after `step`; a line cut short by a kill has no step and is dropped too. */
static tec_status cut_back(const char *path, int64_t step, bool finishing, bool *validated)
{
    char *text;
    size_t bytes, kept = 0;
    if (!tec_file_exists(path))
        return TEC_OK;
    TEC_TRY(tec_file_read(path, LONGEST_LOG, &text, &bytes));
    while (kept < bytes) {
        const char *end = memchr(text + kept, '\n', bytes - kept);
        if (!end || is_later(text + kept, (size_t)(end - text) - kept, step, finishing, validated))
            break;
        kept = (size_t)(end - text) + 1;
    }
    tec_status status = kept < bytes ? tec_file_write(path, text, kept) : TEC_OK;
    free(text);
    return status;
}

tec_status tec_run_log_set_aside(const char *dir, bool *aside)
{
    char *path = tec_path_join(dir, "log.jsonl"), *former = tec_path_join(dir, "log_former.jsonl"), *text = NULL;
    size_t bytes;
    tec_status status = tec_file_exists(path) ? tec_file_read(path, LONGEST_LOG, &text, &bytes) : TEC_OK;
    *aside = text && strstr(text, "\"kind\":\"epoch\"");
    if (*aside) {
        status = tec_file_rename(path, former);
        if (status == TEC_OK)
            tec_warn(
                "%s has no checkpoint, but its log tells of finished epochs: were the checkpoints removed? The run "
                "begins anew; the former log is kept as %s, and event files for TensorBoard, if there are any, in %s/former",
                dir, former, dir);
    }
    free(text);
    free(former);
    free(path);
    return status;
}

tec_status tec_run_log_open(run_log *log, const char *dir, int64_t step, bool finishing, bool *validated)
{
    char *path = tec_path_join(dir, "log.jsonl");
    *validated = false;
    tec_status status = step > 0 ? cut_back(path, step, finishing, validated) : TEC_OK;
    if (status != TEC_OK) {
        free(path);
        return status;
    }
    return tec_appended_open(&log->lines, path, "lines", step == 0);
}

tec_status tec_run_log_flush(run_log *log)
{
    tec_run_events_flush(&log->events);
    return tec_appended_flush(&log->lines);
}

/* Appends a line; takes the object over. */
static tec_status put(run_log *log, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (!text)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: a line cannot be formatted: out of memory", log->lines.path);
    size_t length = strlen(text);
    text[length] = '\n'; /* in place of the end, which nothing needs any more */
    tec_appended_add(&log->lines, text, length + 1);
    free(text);
    return TEC_OK;
}

/* Appends a line of numbers, and first the event: a kill between the two leaves it twice, not lost. */
static tec_status put_numbers(run_log *log, json_t *object)
{
    tec_run_events_add(&log->events, object);
    return put(log, object);
}

tec_status tec_run_log_write(run_log *log, const run_log_line *line)
{
    if (!log->lines.path)
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
    if (line->targets_share >= 0)
        json_object_set_new(object, "targets_share", json_real(line->targets_share));
    json_object_set_new(object, "slowest_rank", json_integer(line->slowest_rank));
    json_object_set_new(object, "slowest_host", json_string(line->slowest_host));
    json_object_set_new(object, "slowest_share", json_real(line->slowest_share));
    json_object_set_new(object, "seconds", json_real(line->seconds));
    json_object_set_new(object, "memory_mb", json_real(line->memory));
    return put_numbers(log, object);
}

tec_status tec_run_log_validation(run_log *log, int64_t epochs, int64_t step, const tec_validation *v, bool results)
{
    if (!log->lines.path)
        return TEC_OK;
    double percent = 100 / (double)v->images;
    json_t *line = json_pack("{ss sI sI sI sf sf sf}", "kind", "validation", "epoch", (json_int_t)epochs, "step",
                             (json_int_t)step, "images", (json_int_t)v->images, "loss", v->loss, "top1",
                             percent * (double)v->top1, "top5", percent * (double)v->top5);
    if (!results)
        json_object_set_new(line, "results", json_false());
    return put_numbers(log, line);
}

tec_status tec_run_log_changes(run_log *log, int64_t epoch, int64_t step, const tec_run_changes *changes)
{
    if (!log->lines.path || changes->count == 0)
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
    tec_run_events_close(&log->events);
    tec_appended_close(&log->lines);
}
