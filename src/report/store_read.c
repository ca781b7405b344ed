/* What a target store is like: its manifest, the state of its shards, the distribution of some rows. */
#include "tec/report.h"

#include "html.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MOST_ROWS = 64, /* that are read */
    MOST_SHARDS = 10000000
};

static void add_note(tec_report_store *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_note(tec_report_store *s, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->note = tec_grow(s->note, (size_t)s->note_count, &s->note_capacity, sizeof *s->note);
    s->note[s->note_count++] = tec_string_copy(text);
    tec_warn("%s", text);
}

static char *shard_path(const char *dir, int64_t shard)
{
    char *name = tec_string_format("shard-%05lld.h5", (long long)shard), *path = tec_path_join(dir, name);
    free(name);
    return path;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The numbers of the shards that have a file under a final name, in order, which the caller frees. */
static int64_t *find_shards(const char *dir, int *count)
{
    int64_t *number = NULL;
    size_t capacity = 0;
    DIR *list = opendir(dir);
    const struct dirent *entry;
    *count = 0;
    while (list && (entry = readdir(list))) {
        const int64_t shard = tec_store_part_shard(entry->d_name);
        if (shard < 0 || shard >= MOST_SHARDS || !tec_string_ends_with(entry->d_name, ".h5"))
            continue;
        number = tec_grow(number, (size_t)*count, &capacity, sizeof *number);
        number[(*count)++] = shard;
    }
    if (list)
        closedir(list);
    if (number)
        qsort(number, (size_t)*count, sizeof *number, compare_numbers);
    return number;
}

bool tec_report_is_store(const char *dir)
{
    char *manifest = tec_path_join(dir, "manifest.json"), *begun = tec_path_join(dir, "begun.json");
    int shards;
    free(find_shards(dir, &shards));
    bool is = tec_file_exists(manifest) || tec_file_exists(begun) || shards > 0;
    free(begun);
    free(manifest);
    return is;
}

static double relative(double difference, double square)
{
    return square > 0 ? sqrt(difference / square) : (double)NAN;
}

static tec_status begin_shards(tec_report_store *s)
{
    const int64_t shards = tec_store_shards(&s->spec);
    if (shards > MOST_SHARDS)
        return tec_fail(TEC_USER_ERROR, "%s: a target store of %lld shards, more than %d, is not shown", s->dir,
                        (long long)shards, MOST_SHARDS);
    s->shards = shards;
    s->shard = tec_allocate((size_t)s->shards * sizeof *s->shard);
    for (int64_t i = 0; i < s->shards; i++)
        s->shard[i] = (tec_report_shard){.state = TEC_SHARD_MISSING,
                                         .rows = tec_store_shard_row_count(&s->spec, i),
                                         .bytes = -1,
                                         .void_rows = -1,
                                         .feature_error = NAN,
                                         .attention_error = NAN};
    return TEC_OK;
}

/* The size of the shard's file; -1: there is none. */
static int64_t look_for(tec_report_store *s, int64_t shard)
{
    struct stat info;
    char *path = shard_path(s->dir, shard);
    s->shard[shard].bytes = stat(path, &info) == 0 ? (int64_t)info.st_size : -1;
    free(path);
    s->bytes += tec_max_int64(s->shard[shard].bytes, 0);
    return s->shard[shard].bytes;
}

/* -- a finished store -- */

static void take_entry(tec_report_store *s, int64_t i, const json_t *entry)
{
    const json_t *error = json_object_get(entry, "storage_error");
    const int64_t bytes = look_for(s, i), wanted = json_integer_value(json_object_get(entry, "bytes"));
    double sum[4] = {0};
    tec_report_shard *shard = &s->shard[i];
    for (size_t k = 0; k < 4; k++)
        sum[k] = json_number_value(json_array_get(error, k));
    shard->feature_error = relative(sum[0], sum[1]);
    shard->attention_error = relative(sum[2], sum[3]);
    shard->void_rows = (int64_t)json_array_size(json_object_get(entry, "void_rows"));
    shard->state = bytes < 0 ? TEC_SHARD_MISSING : bytes == wanted ? TEC_SHARD_WHOLE : TEC_SHARD_DAMAGED;
    if (shard->state != TEC_SHARD_WHOLE)
        add_note(s, "%s: shard %lld is %s", s->dir, (long long)i,
                 bytes < 0 ? "missing" : "of another size than it was");
}

/* Counts numbers [n] into the bins. */
static void count_numbers(tec_report_store *s, const float *value, int64_t n, double *total)
{
    for (int64_t i = 0; i < n; i++) {
        double at = ((double)value[i] - s->low) / (s->high - s->low) * TEC_REPORT_BINS;
        if (at >= 0 && at < TEC_REPORT_BINS)
            s->share[(int)at]++;
        else
            s->outside++;
    }
    *total += (double)n;
}

/* Features that are not standardised may have any range: that of the first row that is read. */
static void choose_bins(tec_report_store *s, const float *value, int64_t n)
{
    s->low = -5;
    s->high = 5;
    if (!s->spec.plain_features)
        return;
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = tec_max_double(most, fabs((double)value[i]));
    s->high = most > 0 ? 1.25 * most : 1;
    s->low = -s->high;
}

static void read_rows(tec_report_store *s, tec_store *store)
{
    const int64_t rows = s->spec.samples * s->spec.views, n = (int64_t)tec_store_row_features(&s->spec);
    const int64_t most = tec_min_int64(rows, MOST_ROWS);
    tec_store_row row = {.feature = tec_allocate((size_t)n * sizeof *row.feature)};
    double total = 0;
    for (int64_t i = 0; i < most; i++) {
        const int64_t at = i * rows / most;
        tec_report_shard *shard = &s->shard[at / s->spec.shard_rows];
        if (shard->state != TEC_SHARD_WHOLE)
            continue;
        if (tec_store_read(store, at, &row) != TEC_OK) {
            shard->state = TEC_SHARD_DAMAGED;
            add_note(s, "%s", tec_error_message());
        } else if (row.sample >= 0) {
            if (s->rows_read++ == 0)
                choose_bins(s, row.feature, n);
            count_numbers(s, row.feature, n, &total);
        }
    }
    for (int b = 0; b < TEC_REPORT_BINS && total > 0; b++)
        s->share[b] *= 100 / total;
    s->outside *= total > 0 ? 100 / total : 0;
    free(row.feature);
}

static tec_status read_finished(tec_report_store *s)
{
    tec_store *store = NULL;
    char *text;
    size_t bytes, i;
    TEC_TRY(tec_store_manifest(s->dir, &text, &bytes));
    tec_status status = tec_store_open(&store, s->dir, text, bytes);
    json_t *manifest = json_loadb(text, bytes, 0, NULL), *entry;
    if (status == TEC_OK) {
        const tec_store_error *e = tec_store_get_error(store);
        s->spec = *tec_store_get_spec(store);
        s->software = tec_string_copy(tec_json_text(manifest, "software", ""));
        s->feature_error = relative(e->feature_difference, e->feature_square);
        s->attention_error = relative(e->attention_difference, e->attention_square);
        status = begin_shards(s);
    }
    if (status == TEC_OK) {
        json_array_foreach(json_object_get(manifest, "shards"), i, entry) take_entry(s, (int64_t)i, entry);
        read_rows(s, store);
    }
    json_decref(manifest);
    tec_store_close(store);
    free(text);
    return status;
}

/* -- one that is not -- */

static void take_parts(tec_report_store *s)
{
    char *names;
    size_t bytes;
    tec_store_parts(s->dir, &names, &bytes);
    for (const char *name = names; name < names + bytes; name += strlen(name) + 1) {
        const int64_t shard = tec_store_part_shard(name);
        if (shard >= 0 && shard < s->shards && s->shard[shard].state == TEC_SHARD_MISSING)
            s->shard[shard].state = TEC_SHARD_UNFINISHED;
    }
    free(names);
}

/* What the store is like, by the first shard that tells it; what is wrong with others is told later. */
static tec_status read_spec(tec_report_store *s)
{
    int count;
    int64_t *number = find_shards(s->dir, &count), shard;
    tec_status status =
        tec_fail(TEC_USER_ERROR, "%s: no shard of this target store is finished: there is nothing to show yet", s->dir);
    for (int i = 0; i < count && status != TEC_OK; i++) {
        char *path = shard_path(s->dir, number[i]);
        status = tec_store_read_shard_spec(path, &s->spec, &shard);
        free(path);
    }
    free(number);
    return status;
}

static tec_status read_unfinished(tec_report_store *s)
{
    int64_t left = 0;
    TEC_TRY(read_spec(s));
    TEC_TRY(begin_shards(s));
    take_parts(s);
    for (int64_t i = 0; i < s->shards; i++) {
        bool done = false;
        if (look_for(s, i) >= 0 && tec_store_shard_done(s->dir, &s->spec, i, &done) != TEC_OK) {
            s->shard[i].state = TEC_SHARD_DAMAGED;
            add_note(s, "%s", tec_error_message());
        } else if (done) {
            s->shard[i].state = TEC_SHARD_WHOLE;
        }
        left += s->shard[i].state != TEC_SHARD_WHOLE;
    }
    add_note(s, "the target store %s is not finished: %lld of %lld shards are to be made", s->dir, (long long)left,
             (long long)s->shards);
    return TEC_OK;
}

tec_status tec_report_read_store(tec_report_store *out, const char *dir)
{
    char *manifest = tec_path_join(dir, "manifest.json");
    *out = (tec_report_store){.dir = tec_string_copy(dir),
                              .feature_error = NAN,
                              .attention_error = NAN,
                              .finished = tec_file_exists(manifest)};
    free(manifest);
    return out->finished ? read_finished(out) : read_unfinished(out);
}

void tec_report_free_store(tec_report_store *s)
{
    for (int i = 0; i < s->note_count; i++)
        free(s->note[i]);
    free(s->note);
    free(s->shard);
    free(s->software);
    free(s->dir);
}
