/* How large shards are: for those who make the store at once, and then the same for all who come later. */
#include "store_parts.h"

#include "tec/files.h"
#include "tec/json.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGUN_FORMAT "tec-targets-begun" /* what workers that start at the same time agree by */

/* How many rows fit into `bytes`: a multiple of views, at least that many. */
static int64_t whole_samples(const tec_store_spec *spec, int64_t bytes)
{
    int64_t samples = bytes / (tec_store_row_bytes(spec) * spec->views);
    return tec_max_int64(samples, 1) * spec->views;
}

static int64_t divided_by(int64_t number, int64_t by)
{
    return (number + by - 1) / by; /* rounded up */
}

int64_t tec_store_shard_rows(const tec_store_spec *spec, int megabytes)
{
    enum { SHARES = 64 };
    int64_t largest = whole_samples(spec, (int64_t)megabytes << 20), smallest = whole_samples(spec, 1 << 20);
    int64_t rows = divided_by(spec->samples, SHARES) * spec->views;
    return tec_min_int64(tec_max_int64(rows, smallest), largest);
}

/* The smallest multiple of a and b. */
static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t multiple = a;
    while (multiple % b)
        multiple += a;
    return multiple;
}

int64_t tec_store_spread_rows(const tec_store_spec *spec, int64_t makers, int batch)
{
    const int64_t shards = tec_store_shards(spec), rounds = divided_by(shards, makers), slots = rounds * makers;
    if (shards >= makers && (rounds > 3 || 10 * shards >= 9 * slots))
        return spec->shard_rows;
    int64_t least = tec_max_int64(divided_by(tec_store_rows(spec), slots), whole_samples(spec, 1 << 16));
    int64_t step = common_multiple(batch, spec->views);
    return tec_min_int64(divided_by(least, step) * step, spec->shard_rows);
}

/* ---- what a store was begun with ---- */

typedef struct begun {
    int64_t rows, batch; /* of a shard, targets.batch; 0: not known */
} begun;

/* The caller frees it. The second name serves where the first is taken, by a store that was here before. */
static char *begun_path(const char *dir, const tec_store_spec *spec, bool second)
{
    char *name = second ? tec_string_format("begun-%016llx.json", (unsigned long long)tec_store_identity(spec))
                        : tec_string_copy("begun.json");
    char *path = tec_path_join(dir, name);
    free(name);
    return path;
}

/* False: there is no such file, or it is of another store. */
static bool read_begun_file(const char *path, const tec_store_spec *spec, begun *out)
{
    char identity[24];
    json_t *json = json_load_file(path, 0, NULL);
    const char *of = json_string_value(json_object_get(json, "store")); /* NULL: of a version that did not say */
    snprintf(identity, sizeof identity, "%016llx", (unsigned long long)tec_store_identity(spec));
    out->rows = json_integer_value(json_object_get(json, "shard_rows"));
    out->batch = json_integer_value(json_object_get(json, "batch"));
    bool ours = out->rows > 0 && out->rows % spec->views == 0 && (!of || strcmp(of, identity) == 0);
    json_decref(json);
    return ours;
}

static bool read_begun(const char *dir, const tec_store_spec *spec, begun *out)
{
    bool found = false;
    for (int second = 0; second < 2 && !found; second++) {
        char *path = begun_path(dir, spec, second);
        found = read_begun_file(path, spec, out);
        free(path);
    }
    if (!found)
        *out = (begun){0};
    return found;
}

static begun read_manifest(const char *dir)
{
    char *path = tec_path_join(dir, STORE_MANIFEST);
    json_t *json = json_load_file(path, 0, NULL);
    begun out = {.rows = json_integer_value(json_object_get(json_object_get(json, "spec"), "shard_rows")),
                 .batch = json_integer_value(json_object_get(json, "batch"))};
    json_decref(json);
    free(path);
    return out;
}

/* The same from any shard that is there. */
static int64_t rows_in_shard(const char *dir)
{
    DIR *list = opendir(dir);
    int64_t rows = 0;
    for (struct dirent *entry; list && rows == 0 && (entry = readdir(list));) {
        tec_store_spec spec;
        int64_t shard = tec_store_part_shard(entry->d_name);
        char *name = shard < 0 ? NULL : tec_store_shard_name(shard), *path = tec_path_join(dir, entry->d_name);
        if (name && strcmp(name, entry->d_name) == 0 && tec_store_read_shard_spec(path, &spec, &shard) == TEC_OK)
            rows = spec.shard_rows;
        free(path);
        free(name);
    }
    if (list)
        closedir(list);
    return rows;
}

static int64_t rows_begun_with(const char *dir, const tec_store_spec *spec)
{
    begun found;
    if (!read_begun(dir, spec, &found))
        found = read_manifest(dir);
    return found.rows ? found.rows : rows_in_shard(dir);
}

/* Of several workers that do this at the same time, the first one decides. */
static tec_status write_begun(const char *dir, const tec_store_spec *spec, begun with)
{
    tec_status status = TEC_OK;
    begun found;
    char identity[24];
    snprintf(identity, sizeof identity, "%016llx", (unsigned long long)tec_store_identity(spec));
    json_t *json = json_pack("{ss si sI sI ss}", "format", BEGUN_FORMAT, "version", 1, "shard_rows",
                             (json_int_t)with.rows, "batch", (json_int_t)with.batch, "store", identity);
    for (int second = 0; second < 2 && status == TEC_OK && !read_begun(dir, spec, &found); second++) {
        char *path = begun_path(dir, spec, second), *temporary = tec_file_temporary(path);
        status = tec_json_write(temporary, json, 17);
        if (status == TEC_OK)
            status = tec_file_publish_once(temporary, path);
        free(temporary);
        free(path);
    }
    json_decref(json);
    return status;
}

tec_status tec_store_settle_rows(const char *dir, tec_store_spec *spec, int64_t makers, int batch)
{
    const int64_t wanted = tec_store_spread_rows(spec, makers, batch);
    int64_t rows = rows_begun_with(dir, spec);
    if (rows == 0) {
        TEC_TRY(write_begun(dir, spec, (begun){wanted, batch}));
        rows = rows_begun_with(dir, spec);
    }
    /* Otherwise it is of another store, which is refused elsewhere. */
    if (rows > 0 && rows % spec->views == 0) {
        spec->shard_rows = rows;
        if (rows != wanted)
            tec_log("%s was begun with shards of %lld rows, and goes on with them (targets.shard_mb and the number of "
                    "ranks would give %lld now)",
                    dir, (long long)rows, (long long)wanted);
    }
    return TEC_OK;
}

int64_t tec_store_batch(const char *dir, const tec_store_spec *spec)
{
    begun found;
    return read_begun(dir, spec, &found) ? found.batch : read_manifest(dir).batch;
}

tec_status tec_store_check_batch(const char *dir, const tec_store_spec *spec, int batch)
{
    const int64_t before = tec_store_batch(dir, spec);
    if (before == 0 || before == batch)
        return TEC_OK;
    return tec_fail(
        TEC_USER_ERROR,
        "target store %s was begun with targets.batch %lld, and is %d now: rows made in other batches would "
        "differ in their last digits; set it back to %lld, or make the store in another targets.dir",
        dir, (long long)before, batch, (long long)before);
}

void tec_store_settled(const char *dir, const tec_store_spec *spec)
{
    for (int second = 0; second < 2; second++) {
        char *path = begun_path(dir, spec, second);
        unlink(path);
        free(path);
    }
}
