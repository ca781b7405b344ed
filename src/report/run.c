/* Reads a run directory: what is there, and what is missing or damaged. */
#include "tec/report.h"

#include "html.h"
#include "parts.h"

#include "tec/checkpoint.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const size_t LONGEST_FILE = (size_t)1 << 30;

/* A file by which a directory is known as that of a run. */
typedef struct part {
    const char *name;
    bool of_run;       /* else of an evaluation */
    const char *holds; /* for the note, if a run lacks it; NULL: it need not have it */
} part;

static const part parts[] = {
    {"log.jsonl", true, "curves"},
    {"settings.yaml", true, "settings"},
    {"environment.json", true, "versions, ranks and hosts"},
    {"checkpoint.h5", true, "architecture and pictures"},
    {"finetune.json", true, NULL},
    {"knn.json", false, NULL},
    {"probe.json", false, NULL},
};
enum { PARTS = sizeof parts / sizeof *parts };

static bool has_file(const char *dir, const char *name)
{
    char *path = tec_path_join(dir, name);
    bool has = tec_file_exists(path);
    free(path);
    return has;
}

void tec_report_note(tec_report_run *run, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tec_warn("%s", text);
    run->note = tec_grow(run->note, (size_t)run->note_count, &run->note_capacity, sizeof *run->note);
    run->note[run->note_count++] = tec_string_copy(text);
}

void tec_report_add_setting(tec_report_run *run, const char *key, const char *value, const char *otherwise)
{
    run->setting = tec_grow(run->setting, (size_t)run->setting_count, &run->setting_capacity, sizeof *run->setting);
    run->setting[run->setting_count++] =
        (tec_report_setting){tec_string_copy(key), tec_string_copy(value), tec_string_copy(otherwise)};
}

/* The contents of DIR/NAME, which the caller frees; NULL: there is no such file, or it cannot be read (noted). */
static char *read_text(tec_report_run *run, const char *name, size_t *bytes)
{
    char *path = tec_path_join(run->dir, name), *text = NULL;
    if (tec_file_exists(path) && tec_file_read(path, LONGEST_FILE, &text, bytes) != TEC_OK) {
        tec_report_note(run, "%s", tec_error_message());
        text = NULL;
    }
    free(path);
    return text;
}

/* NULL: there is no such file, or it holds no JSON object, which is noted. */
static json_t *read_json(tec_report_run *run, const char *name)
{
    size_t bytes = 0;
    json_error_t error;
    char *text = read_text(run, name, &bytes);
    if (!text)
        return NULL;
    json_t *object = json_loadb(text, bytes, 0, &error);
    if (!object)
        tec_report_note(run, "%s/%s is damaged: line %d: %s", run->dir, name, error.line, error.text);
    else if (!json_is_object(object))
        tec_report_note(run, "%s/%s is damaged: it holds no JSON object", run->dir, name);
    free(text);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

/* -- log.jsonl -- */

/* The last line may not be whole yet. */
static void read_log(tec_report_run *run)
{
    size_t bytes = 0;
    int number = 0, bad = 0, first_bad = 0;
    char *text = read_text(run, "log.jsonl", &bytes), *end;
    for (char *line = text; text && (end = memchr(line, '\n', bytes - (size_t)(line - text))); line = end + 1) {
        json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);
        number++;
        if (json_is_object(object) && json_is_integer(json_object_get(object, "step"))) {
            json_array_append_new(run->log, object);
            continue;
        }
        json_decref(object);
        if (bad++ == 0)
            first_bad = number;
    }
    if (bad > 0)
        tec_report_note(run, "%s/log.jsonl is damaged: %d of %d lines cannot be read, the first of them is line %d",
                        run->dir, bad, number, first_bad);
    free(text);
}

/* -- evaluations -- */

static int by_number(const void *left, const void *right)
{
    const int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

/* All N for which there is DIR/NAME_N.json, rising. Returns how many; the caller frees *out. */
static size_t kept_results(const char *dir, const char *name, int **out)
{
    size_t count = 0, room = 0, length = strlen(name);
    DIR *directory = opendir(dir);
    *out = NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        int number;
        char ending[32];
        if (strncmp(entry->d_name, name, length) != 0 || sscanf(entry->d_name + length, "_%d", &number) != 1 ||
            number < 1)
            continue;
        snprintf(ending, sizeof ending, "_%d.json", number);
        if (strcmp(entry->d_name + length, ending) != 0)
            continue;
        *out = tec_grow(*out, count, &room, sizeof **out);
        (*out)[count++] = number;
    }
    if (directory)
        closedir(directory);
    if (count > 1)
        qsort(*out, count, sizeof **out, by_number);
    return count;
}

static void add_evaluation(tec_report_run *run, const char *file)
{
    json_t *object = read_json(run, file);
    if (!object)
        return;
    json_object_set_new(object, "file", json_string(file));
    json_array_append_new(run->evaluations, object);
}

/* Those of one command in the order in which they were made. */
static void read_evaluations(tec_report_run *run, const char *name)
{
    int *number;
    const size_t count = kept_results(run->dir, name, &number);
    for (size_t i = 0; i <= count; i++) {
        char *file = i < count ? tec_string_format("%s_%d.json", name, number[i]) : tec_string_format("%s.json", name);
        add_evaluation(run, file);
        free(file);
    }
    free(number);
}

/* -- the directory -- */

static tec_status check_directory(const char *dir)
{
    struct stat info;
    if (stat(dir, &info) != 0)
        return tec_fail(TEC_USER_ERROR, "%s: there is no such run directory", dir);
    if (!S_ISDIR(info.st_mode))
        return tec_fail(TEC_USER_ERROR,
                        "%s is no directory: tec report takes the run.dir of a command, such as runs/new", dir);
    for (int i = 0; i < PARTS; i++)
        if (has_file(dir, parts[i].name))
            return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s is no run directory: it has no log.jsonl, settings.yaml, checkpoint.h5, environment.json, "
                    "finetune.json, knn.json or probe.json",
                    dir);
}

static void note_missing(tec_report_run *run)
{
    run->evaluations_only = true;
    for (int i = 0; i < PARTS; i++)
        if (parts[i].of_run && has_file(run->dir, parts[i].name))
            run->evaluations_only = false;
    for (int i = 0; i < PARTS && !run->evaluations_only; i++)
        if (parts[i].holds && !has_file(run->dir, parts[i].name))
            tec_report_note(run, "%s/%s is missing: the page lacks %s of this run", run->dir, parts[i].name,
                            parts[i].holds);
}

static void read_model(tec_report_run *run)
{
    char *path = tec_path_join(run->dir, "checkpoint.h5");
    if (tec_file_exists(path)) {
        run->has_model = tec_checkpoint_read_config(path, &run->model) == TEC_OK;
        if (!run->has_model)
            tec_report_note(run, "%s", tec_error_message());
    }
    free(path);
}

/* The last part of a path that is none of `.` and `..`: of "." that of the directory it is. */
static char *name_of(const char *dir)
{
    char name[256];
    char *real_path = realpath(dir, NULL);
    tec_path_last(real_path ? real_path : dir, name, sizeof name);
    free(real_path);
    return tec_string_copy(name[0] ? name : dir);
}

tec_status tec_report_read(tec_report_run *out, const char *dir)
{
    size_t bytes;
    memset(out, 0, sizeof *out);
    TEC_TRY(check_directory(dir));
    out->dir = tec_string_copy(dir);
    for (size_t length = strlen(dir); length > 1 && out->dir[length - 1] == '/'; length--)
        out->dir[length - 1] = '\0';
    out->name = name_of(dir);
    out->log = json_array();
    out->evaluations = json_array();
    note_missing(out);
    read_log(out);
    out->settings = read_text(out, "settings.yaml", &bytes);
    out->environment = read_json(out, "environment.json");
    out->finetune = read_json(out, "finetune.json");
    read_evaluations(out, "knn");
    read_evaluations(out, "probe");
    read_model(out);
    out->done = has_file(dir, "DONE");
    return TEC_OK;
}

void tec_report_free(tec_report_run *run)
{
    for (int i = 0; i < run->setting_count; i++) {
        free(run->setting[i].key);
        free(run->setting[i].value);
        free(run->setting[i].otherwise);
    }
    for (int i = 0; i < run->note_count; i++)
        free(run->note[i]);
    tec_report_free_pictures(&run->pictures);
    tec_report_free_pictures(&run->predicted);
    tec_report_free_pictures(&run->nearest);
    free(run->setting);
    free(run->note);
    free(run->settings);
    json_decref(run->finetune);
    json_decref(run->environment);
    json_decref(run->evaluations);
    json_decref(run->log);
    free(run->name);
    free(run->dir);
    memset(run, 0, sizeof *run);
}

void tec_report_tell_apart(tec_report_run *run, int count)
{
    bool *same = tec_allocate_zeroed((size_t)count, sizeof *same);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            same[i] = same[i] || (i != j && strcmp(run[i].name, run[j].name) == 0);
    for (int i = 0; i < count; i++)
        if (same[i]) {
            free(run[i].name);
            run[i].name = tec_string_copy(run[i].dir);
        }
    free(same);
}
