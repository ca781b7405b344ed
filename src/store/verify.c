/* Verifying a shard by reading all of it again. */
#include "store_parts.h"

#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

/* Does HDF5 say the same about the file as the manifest? */
static tec_status check_entry(const tec_store *store, int64_t shard)
{
    store_shard is;
    const store_shard *want = &store->shard[shard];
    tec_status status = tec_store_shard_describe(store->dir, &store->spec, shard, &is);
    const char *what = NULL;
    if (status == TEC_OK) {
        if (is.bytes != want->bytes)
            what = "its size";
        else if (memcmp(is.offset, want->offset, sizeof is.offset) != 0)
            what = "the offset of a dataset";
        else if (is.crc != want->crc)
            what = "its checksum";
        else if (is.void_rows != want->void_rows ||
                 memcmp(is.void_row, want->void_row, (size_t)is.void_rows * sizeof *is.void_row) != 0)
            what = "the list of its void rows";
    }
    free(is.void_row);
    if (what) {
        char *name = tec_store_shard_path(store->dir, shard);
        status = tec_fail(TEC_CHECK_FAILED,
                          "%s differs from the manifest in %s: was the shard made again? run `tec targets` once more",
                          name, what);
        free(name);
    }
    return status;
}

static tec_status check_row(tec_store *store, int64_t row, tec_store_row *scratch)
{
    const tec_store_spec *spec = &store->spec;
    TEC_TRY(tec_store_read(store, row, scratch));
    if (scratch->sample < 0)
        return TEC_OK;
    bool wild = !tec_store_are_finite(scratch->feature, tec_store_row_features(spec));
    if (!wild && tec_store_are_finite(scratch->attention, tec_store_row_logits(spec)))
        return TEC_OK;
    return tec_fail(TEC_CHECK_FAILED, "%s/shard-%05lld.h5: row %lld: %s holds a value that is not finite", store->dir,
                    (long long)(row / spec->shard_rows), (long long)(row % spec->shard_rows),
                    wild ? "feature" : "attention");
}

tec_status tec_store_verify_shard(tec_store *store, int64_t shard)
{
    const tec_store_spec *spec = &store->spec;
    tec_status status = check_entry(store, shard);
    tec_store_row row = {
        .feature = tec_allocate(tec_store_row_features(spec) * sizeof(float)),
        .attention = tec_allocate(tec_store_row_logits(spec) * sizeof(float)),
    };
    for (int64_t i = 0; i < tec_store_shard_row_count(spec, shard) && status == TEC_OK; i++)
        status = check_row(store, shard * spec->shard_rows + i, &row);
    free(row.feature);
    free(row.attention);
    return status == TEC_OK ? TEC_OK : tec_fail(TEC_CHECK_FAILED, "%s", tec_error_message());
}
