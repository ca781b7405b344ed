/* Event files of a run, for TensorBoard. */
#include "run_events.h"

#include "tec/environment.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* TensorBoard takes every file with "tfevents" in its name, in the order of the names. */
#define BEGINNING "events.out.tfevents."
#define OURS ".tec"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The latest time in the names of the directory's event files, whose clock may have been another one's; 0: there are
 * none. */
static int64_t latest(const char *dir)
{
    int64_t last = 0;
    DIR *listing = opendir(dir);
    const struct dirent *entry;
    while (listing && (entry = readdir(listing)))
        if (tec_string_starts_with(entry->d_name, BEGINNING))
            last = tec_max_int64(last, strtoll(entry->d_name + strlen(BEGINNING), NULL, 10));
    if (listing)
        closedir(listing);
    return last;
}

static char *new_path(const char *dir)
{
    tec_host host;
    tec_host_mine(host);
    char *name = tec_string_format(BEGINNING "%010lld.%s.%ld" OURS,
                                   (long long)tec_max_int64((int64_t)now(), latest(dir) + 1), host, (long)getpid());
    char *path = tec_path_join(dir, name);
    free(name);
    return path;
}

/* Takes the record over. */
static void add_record(run_events *e, unsigned char *record, size_t bytes)
{
    tec_appended_add(&e->records, record, bytes);
    free(record);
}

/* Is there a file, which is begun if need be? */
static bool has_file(run_events *e)
{
    size_t bytes;
    if (!e->dir || e->records.path)
        return e->dir;
    if (tec_appended_open(&e->records, new_path(e->dir), "events", true) != TEC_OK) {
        tec_progress_end();
        tec_warn("%s; training goes on without event files for TensorBoard", tec_error_message());
        e->dir = NULL;
        return false;
    }
    unsigned char *head = tec_event_head(now(), e->step + 1, &bytes);
    add_record(e, head, bytes);
    return true;
}

void tec_run_events_add(run_events *e, const json_t *line)
{
    const char *kind = json_string_value(json_object_get(line, "kind")), *key;
    tec_event_number *number = NULL;
    size_t capacity = 0, bytes;
    int count = 0;
    json_t *value;
    if (!has_file(e))
        return;
    json_object_foreach((json_t *)(uintptr_t)line, key, value)
    {
        if (!json_is_number(value) || strcmp(key, "step") == 0)
            continue;
        number = tec_grow(number, (size_t)count, &capacity, sizeof *number);
        number[count++] = (tec_event_number){tec_string_format("%s/%s", kind, key), json_number_value(value)};
    }
    unsigned char *record =
        tec_event_numbers(now(), json_integer_value(json_object_get(line, "step")), number, count, &bytes);
    add_record(e, record, bytes);
    for (int i = 0; i < count; i++)
        free(number[i].tag);
    free(number);
}

void tec_run_events_pictures(run_events *e, int64_t step, const tec_event_picture *picture, int count)
{
    size_t bytes;
    if (count > 0 && has_file(e)) {
        unsigned char *record = tec_event_pictures(now(), step, picture, count, &bytes);
        add_record(e, record, bytes);
    }
}

void tec_run_events_flush(run_events *e)
{
    if (tec_appended_flush(&e->records) != TEC_OK)
        tec_warn("%s; the events that it lacks are in log.jsonl", tec_error_message());
}

void tec_run_events_close(run_events *e)
{
    tec_appended_close(&e->records);
}

static tec_status move_file(const char *path, const char *to, const char *name)
{
    tec_status status = tec_directory_make(to);
    char *new_path = tec_path_join(to, name);
    if (status == TEC_OK)
        status = tec_file_rename(path, new_path);
    free(new_path);
    return status;
}

/* Moves our files to a directory; NULL: removes them. */
static tec_status put_away(const char *dir, const char *to)
{
    tec_status status = TEC_OK;
    DIR *listing = opendir(dir);
    const struct dirent *entry;
    while (status == TEC_OK && listing && (entry = readdir(listing))) {
        if (!tec_string_starts_with(entry->d_name, BEGINNING) || !tec_string_ends_with(entry->d_name, OURS))
            continue;
        char *path = tec_path_join(dir, entry->d_name);
        status = to ? move_file(path, to, entry->d_name) : tec_file_remove(path);
        free(path);
    }
    if (listing)
        closedir(listing);
    return status;
}

tec_status tec_run_events_remove(const char *dir)
{
    return put_away(dir, NULL);
}

tec_status tec_run_events_set_aside(const char *dir)
{
    char *former = tec_path_join(dir, "former");
    tec_status status = put_away(dir, former);
    free(former);
    return status;
}
