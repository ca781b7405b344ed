/* Reading rows: pread at the offsets in the manifest, by any number of threads. HDF5 is not used. */
#include "store_parts.h"

#include "tec/file_pool.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A buffer for a row; unused ones form a list. */
typedef struct scratch {
    struct scratch *next;
    _Alignas(64) char row[];
} scratch;

struct store_cache {
    pthread_mutex_t lock;
    tec_file_pool *files;
    scratch *unused;
};

/* -- opening -- */

static tec_status parse(tec_store *store, const json_t *json, const char *where)
{
    const char *format = json_string_value(json_object_get(json, "format"));
    const json_t *list = json_object_get(json, "shards"), *version = json_object_get(json, "version");
    if (!format || strcmp(format, STORE_FORMAT) != 0)
        return tec_fail(TEC_USER_ERROR, "%s is not the manifest of a target store (no format \"%s\")", where,
                        STORE_FORMAT);
    TEC_TRY(tec_store_version_known(json_integer_value(version), where)); /* 0: not an integer */
    TEC_TRY(tec_store_spec_from_json(json_object_get(json, "spec"), where, &store->spec));
    TEC_TRY(tec_store_version_check(json_integer_value(version), &store->spec, where));
    int64_t shards = tec_store_shards(&store->spec);
    if ((int64_t)json_array_size(list) != shards)
        return tec_fail(TEC_USER_ERROR, "%s lists %zu shards instead of %lld", where, json_array_size(list),
                        (long long)shards);
    store->layout = tec_store_layout_of(&store->spec);
    store->shard = tec_allocate_zeroed((size_t)shards, sizeof *store->shard);
    store->cache->files = tec_file_pool_create(shards, store->dir, "run `tec targets` again, it makes missing shards",
                                               "a larger targets.shard_mb makes fewer files");
    for (store->shards = 0; store->shards < shards; store->shards++)
        TEC_TRY(tec_store_shard_from_json(json_array_get(list, (size_t)store->shards), where, &store->spec,
                                          store->shards, &store->shard[store->shards]));
    return TEC_OK;
}

/* Totals over the shards. */
static void sum_up(tec_store *store)
{
    for (int64_t i = 0; i < store->shards; i++) {
        const store_shard *s = &store->shard[i];
        store->bytes += s->bytes;
        store->void_rows += s->void_rows;
        store->error.feature_difference += s->error.feature_difference;
        store->error.feature_square += s->error.feature_square;
        store->error.attention_difference += s->error.attention_difference;
        store->error.attention_square += s->error.attention_square;
    }
    int64_t *next = store->void_row = tec_allocate((size_t)store->void_rows * sizeof *next);
    for (int64_t i = 0; i < store->shards; i++)
        for (int64_t k = 0; k < store->shard[i].void_rows; k++)
            *next++ = i * store->spec.shard_rows + store->shard[i].void_row[k];
}

tec_status tec_store_open(tec_store **out, const char *dir, const char *manifest, size_t bytes)
{
    json_error_t error;
    char *where = tec_path_join(dir, STORE_MANIFEST);
    json_t *json = json_loadb(manifest, bytes, 0, &error);
    tec_store *store = tec_allocate_zeroed(1, sizeof *store);
    store->dir = tec_string_copy(dir);
    store->cache = tec_allocate_zeroed(1, sizeof *store->cache);
    pthread_mutex_init(&store->cache->lock, NULL);
    tec_status status;
    if (json)
        status = parse(store, json, where);
    else
        status = tec_fail(TEC_USER_ERROR, "%s:%d:%d: %s", where, error.line, error.column, error.text);
    json_decref(json);
    free(where);
    if (status == TEC_OK) {
        sum_up(store);
    } else {
        tec_store_close(store);
        store = NULL;
    }
    *out = store;
    return status;
}

void tec_store_close(tec_store *store)
{
    if (!store)
        return;
    for (int64_t i = 0; i < (store->shard ? tec_store_shards(&store->spec) : 0); i++)
        free(store->shard[i].void_row);
    tec_file_pool_free(store->cache->files);
    for (scratch *s = store->cache->unused; s;) {
        scratch *next = s->next;
        free(s);
        s = next;
    }
    pthread_mutex_destroy(&store->cache->lock);
    free(store->cache);
    free(store->shard);
    free(store->void_row);
    free(store->dir);
    free(store);
}

const tec_store_spec *tec_store_get_spec(const tec_store *store)
{
    return &store->spec;
}

const tec_store_error *tec_store_get_error(const tec_store *store)
{
    return &store->error;
}

int64_t tec_store_bytes(const tec_store *store)
{
    return store->bytes;
}

char *tec_store_shard_file(const tec_store *store, int64_t shard, int64_t *bytes)
{
    *bytes = store->shard[shard].bytes;
    return tec_store_shard_path(store->dir, shard);
}

void tec_store_read_from(tec_store *store, const char *dir)
{
    free(store->dir);
    store->dir = tec_string_copy(dir);
}

int64_t tec_store_void_rows(const tec_store *store, const int64_t **rows)
{
    *rows = store->void_row;
    return store->void_rows;
}

tec_status tec_store_match(const tec_store *store, const tec_store_spec *wanted, const char *dir)
{
    char *where = tec_string_format("the target store %s", dir);
    tec_status status = tec_store_spec_compare(&store->spec, wanted, false, where);
    free(where);
    return status;
}

/* -- reading -- */

static scratch *take_scratch(tec_store *store)
{
    pthread_mutex_lock(&store->cache->lock);
    scratch *s = store->cache->unused;
    if (s)
        store->cache->unused = s->next;
    pthread_mutex_unlock(&store->cache->lock);
    if (s)
        return s;
    size_t bytes = (sizeof *s + store->layout.buffer + 63) / 64 * 64;
    s = aligned_alloc(64, bytes);
    return s ? s : tec_allocate(bytes); /* which ends the program with a message */
}

static void give_back(tec_store *store, scratch *s)
{
    pthread_mutex_lock(&store->cache->lock);
    s->next = store->cache->unused;
    store->cache->unused = s;
    pthread_mutex_unlock(&store->cache->lock);
}

static tec_status read_parts(const tec_store *store, int64_t shard, int64_t row, int fd, const char *path, char *buffer)
{
    for (int i = 0; i < PARTS; i++) {
        const store_part *part = &store->layout.part[i];
        if (part->bytes > 0)
            TEC_TRY(tec_file_get(fd, path, buffer + part->at, part->bytes,
                                 store->shard[shard].offset[i] + row * (int64_t)part->bytes));
    }
    return TEC_OK;
}

/* The checksum, and what readers rely on afterwards. */
static tec_status check_row(const tec_store *store, int64_t row, const char *path, const char *buffer)
{
    uint32_t stored, is = tec_store_row_crc(&store->layout, buffer);
    int64_t sample;
    const uint16_t *topk = (const uint16_t *)(const void *)(buffer + store->layout.part[PART_TOPK].at);
    memcpy(&stored, buffer + store->layout.part[PART_CRC].at, sizeof stored);
    memcpy(&sample, buffer + store->layout.part[PART_SAMPLE].at, sizeof sample);
    if (is != stored)
        return tec_fail(TEC_USER_ERROR,
                        "%s: row %lld is damaged (checksum %08x instead of %08x): delete this shard and run "
                        "`tec targets` again",
                        path, (long long)(row % store->spec.shard_rows), is, stored);
    bool right = sample == -1 || sample == row / store->spec.views;
    for (int k = 0; k < store->spec.topk; k++)
        right &= topk[k] < store->spec.patches;
    if (!right)
        return tec_fail(TEC_USER_ERROR, "%s: row %lld holds another sample (%lld) or patches that do not exist", path,
                        (long long)(row % store->spec.shard_rows), (long long)sample);
    return TEC_OK;
}

tec_status tec_store_read(tec_store *store, int64_t row, tec_store_row *out)
{
    assert(row >= 0 && row < tec_store_rows(&store->spec) && (!out->image || store->spec.images));
    int64_t shard = row / store->spec.shard_rows;
    char *path = tec_store_shard_path(store->dir, shard);
    int fd = -1;
    tec_status status = tec_file_pool_take(store->cache->files, shard, path, store->shard[shard].bytes, &fd);
    if (status == TEC_OK) {
        scratch *s = take_scratch(store);
        status = read_parts(store, shard, row % store->spec.shard_rows, fd, path, s->row);
        if (status == TEC_OK)
            status = check_row(store, row, path, s->row);
        if (status == TEC_OK)
            tec_store_row_decode(&store->spec, &store->layout, s->row, out);
        give_back(store, s);
        tec_file_pool_give_back(store->cache->files, shard, fd);
    }
    free(path);
    return status;
}
