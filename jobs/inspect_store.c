/* tec inspect of target stores. */
#include "inspect.h"

#include "tec/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void print_spec(const tec_store_spec *spec)
{
    char *text = tec_store_describe(spec);
    fputs(text, stdout);
    free(text);
}

static void print_store(const char *directory, const tec_store *store)
{
    const tec_store_spec *spec = tec_store_get_spec(store);
    const tec_store_error *e = tec_store_get_error(store);
    const int64_t *row;
    printf("file: %s\nformat: tec target store\nrows: %lld (images: %lld, views of each: %d)\n", directory,
           (long long)spec->samples * spec->views, (long long)spec->samples, spec->views);
    printf("void rows: %lld\nshards: %lld\nbytes: %lld\n", (long long)tec_store_void_rows(store, &row),
           (long long)tec_store_shards(spec), (long long)tec_store_bytes(store));
    printf("storage error: feature %.2e, attention %.2e (relative)\n", sqrt(e->feature_difference / e->feature_square),
           sqrt(e->attention_difference / e->attention_square));
    print_spec(spec);
}

tec_status inspect_store(const char *directory)
{
    tec_store *store = NULL;
    char *manifest = NULL;
    size_t bytes = 0;
    tec_status status = tec_store_manifest(directory, &manifest, &bytes);
    if (status == TEC_OK)
        status = tec_store_open(&store, directory, manifest, bytes);
    if (status == TEC_OK)
        print_store(directory, store);
    tec_store_close(store);
    free(manifest);
    return status;
}

tec_status inspect_shard(const char *path)
{
    tec_store_spec spec;
    int64_t shard;
    TEC_TRY(tec_store_read_shard_spec(path, &spec, &shard));
    int64_t first = shard * spec.shard_rows, left = spec.samples * spec.views - first;
    int64_t rows = left < spec.shard_rows ? left : spec.shard_rows;
    printf("file: %s\nformat: tec target store, shard %lld of %lld\nrows: %lld (%lld .. %lld of the store)\n", path,
           (long long)shard, (long long)tec_store_shards(&spec), (long long)rows, (long long)first,
           (long long)(first + rows - 1));
    print_spec(&spec);
    return TEC_OK;
}
