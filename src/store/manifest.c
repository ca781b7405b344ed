/* Writing the manifest once all shards are there, and reading its text. */
#include "store_parts.h"

#include "tec/files.h"
#include "tec/json.h"
#include "tec/version.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_MANIFEST ((size_t)1 << 30)

static tec_status count_missing(const char *dir, const tec_store_spec *spec, int64_t *missing)
{
    *missing = 0;
    for (int64_t shard = 0; shard < tec_store_shards(spec); shard++) {
        bool done;
        TEC_TRY(tec_store_shard_done(dir, spec, shard, &done));
        *missing += !done;
    }
    return TEC_OK;
}

static tec_status list_shards(const char *dir, const tec_store_spec *spec, json_t *list)
{
    for (int64_t index = 0; index < tec_store_shards(spec); index++) {
        store_shard shard;
        tec_status status = tec_store_shard_describe(dir, spec, index, &shard);
        if (status == TEC_OK)
            json_array_append_new(list, tec_store_shard_to_json(spec, index, &shard));
        free(shard.void_row);
        TEC_TRY(status);
    }
    return TEC_OK;
}

static tec_status write_manifest(const char *dir, const json_t *manifest)
{
    char *path = tec_path_join(dir, STORE_MANIFEST);
    tec_status status = tec_json_write(path, manifest, 17);
    free(path);
    return status;
}

tec_status tec_store_finish(const char *dir, const tec_store_spec *spec, int64_t *missing)
{
    TEC_TRY(tec_store_spec_check(spec, "target store"));
    TEC_TRY(count_missing(dir, spec, missing));
    tec_store_parts_remove(dir);
    tec_temporary_remove(dir, "", "shard-"); /* whose rows are gone on with */
    if (*missing > 0)
        return TEC_OK;
    const int64_t batch = tec_store_batch(dir, spec);
    json_t *manifest = json_object(), *list = json_array();
    json_object_set_new(manifest, "format", json_string(STORE_FORMAT));
    json_object_set_new(manifest, "version", json_integer(tec_store_version(spec->type)));
    json_object_set_new(manifest, "software", json_string(tec_version()));
    if (batch > 0)
        json_object_set_new(manifest, "batch", json_integer(batch));
    json_object_set_new(manifest, "spec", tec_store_spec_to_json(spec));
    json_object_set_new(manifest, "shards", list);
    tec_status status = list_shards(dir, spec, list);
    if (status == TEC_OK)
        status = write_manifest(dir, manifest);
    if (status == TEC_OK)
        tec_store_settled(dir, spec);
    json_decref(manifest);
    return status;
}

tec_status tec_store_manifest(const char *dir, char **text, size_t *bytes)
{
    char *path = tec_path_join(dir, STORE_MANIFEST), *first = tec_store_shard_path(dir, 0);
    tec_status status;
    *text = NULL;
    if (tec_file_exists(path))
        status = tec_file_read(path, LONGEST_MANIFEST, text, bytes);
    else if (tec_file_exists(first))
        status = tec_fail(TEC_USER_ERROR,
                          "the target store %s is not finished (no %s): run `tec targets` again with the same "
                          "settings, it makes what is missing",
                          dir, STORE_MANIFEST);
    else
        status = tec_fail(TEC_USER_ERROR,
                          "%s holds no target store (no %s): make one with `tec targets`, or set targets.dir", dir,
                          STORE_MANIFEST);
    free(first);
    free(path);
    return status;
}
