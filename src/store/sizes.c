/* How large shards are: for those who make the store at once, and then the same for all who come later. */
#include "store_parts.h"

#include "tec/files.h"
#include "tec/json.h"
#include "tec/log.h"
#include "tec/minmax.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGUN "begun.json" /* what workers that start at the same time agree by */
#define BEGUN_FORMAT "tec-targets-begun"

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

/* shard_rows from a file of JSON, in its object `member` (NULL: itself); 0: it does not say. */
static int64_t rows_in_file(const char *dir, const char *name, const char *member)
{
    char *path = tec_path_join(dir, name);
    json_t *json = json_load_file(path, 0, NULL);
    const json_t *object = member ? json_object_get(json, member) : json;
    int64_t rows = json_integer_value(json_object_get(object, "shard_rows"));
    json_decref(json);
    free(path);
    return rows;
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

static int64_t rows_begun_with(const char *dir)
{
    int64_t rows = rows_in_file(dir, BEGUN, NULL);
    if (rows == 0)
        rows = rows_in_file(dir, STORE_MANIFEST, "spec");
    return rows ? rows : rows_in_shard(dir);
}

/* Of several workers that do this at the same time, the first one decides. */
static tec_status write_begun(const char *dir, int64_t rows)
{
    char *path = tec_path_join(dir, BEGUN), *temporary = tec_file_temporary(path);
    json_t *json = json_pack("{ss si sI}", "format", BEGUN_FORMAT, "version", 1, "shard_rows", (json_int_t)rows);
    tec_status status = tec_json_write(temporary, json, 17);
    if (status == TEC_OK)
        status = tec_file_publish_once(temporary, path);
    json_decref(json);
    free(temporary);
    free(path);
    return status;
}

tec_status tec_store_settle_rows(const char *dir, tec_store_spec *spec, int64_t makers, int batch)
{
    const int64_t wanted = tec_store_spread_rows(spec, makers, batch);
    int64_t rows = rows_begun_with(dir);
    if (rows == 0) {
        TEC_TRY(write_begun(dir, wanted));
        rows = rows_begun_with(dir);
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

void tec_store_settled(const char *dir)
{
    char *path = tec_path_join(dir, BEGUN);
    unlink(path);
    free(path);
}
