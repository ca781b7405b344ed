/* A pack as a data set: the folder that it was made of, without the folder. */
#include "pack_parts.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SHARDS 1000000
#define MOST_FILES 256 /* kept open; a target store beside it keeps 512 */
#define LONGEST_LIST ((size_t)1 << 36)
#define REMEDY "run `tec pack` again, it makes what is missing"

char *tec_pack_shard_path(const char *dir, int shard, const char *ending)
{
    return tec_string_format("%s/shard-%05d.%s", dir, shard, ending);
}

bool tec_pack_is_one(const char *dir)
{
    char *path = tec_path_join(dir, PACK_FILE);
    bool there = tec_file_exists(path);
    free(path);
    return there;
}

bool tec_pack_is_begun(const char *dir)
{
    char *path = tec_pack_shard_path(dir, 0, "tar");
    bool there = tec_file_exists(path);
    free(path);
    return there;
}

/* ---- lists ---- */

/* "OFFSET BYTES CRC32C PATH" */
static bool read_entry(const char *text, int shard, tec_found *found)
{
    tec_found_file read = {.shard = shard};
    int end = 0;
    if (sscanf(text, "%lld %lld %8" SCNx32 "%n", &read.offset, &read.bytes, &read.crc, &end) != 3 || text[end] != ' ' ||
        !text[end + 1] || read.offset < 0 || read.bytes < 0)
        return false;
    tec_found_file *file = tec_found_add(found, text + end + 1);
    read.path = file->path;
    *file = read;
    return true;
}

tec_status tec_pack_index_read(const char *dir, int shard, tec_found *found, int64_t *bytes, uint32_t *crc)
{
    char *path = tec_pack_shard_path(dir, shard, "index"), *text = NULL;
    size_t size = 0;
    tec_status status = tec_file_read(path, LONGEST_LIST, &text, &size);
    for (size_t at = 0; status == TEC_OK && at < size; at += strlen(text + at) + 1)
        if (!read_entry(text + at, shard, found))
            status = tec_fail(TEC_USER_ERROR, "%s is damaged at byte %zu: delete it; %s", path, at, REMEDY);
    if (status == TEC_OK) {
        *bytes = (int64_t)size;
        *crc = tec_crc32c(0, text, size);
    }
    free(text);
    free(path);
    return status;
}

/* ---- scan ---- */

static tec_status scan_shard(const char *root, int shard, json_t *about, tec_found *found, FILE *list)
{
    json_int_t bytes, index_bytes, index_crc, images;
    int64_t is_bytes;
    uint32_t is_crc;
    size_t before = found->count;
    if (json_unpack(about, "{s:I, s:I, s:I, s:I}", "bytes", &bytes, "images", &images, "index_bytes", &index_bytes,
                    "index_crc32c", &index_crc) != 0)
        return tec_fail(TEC_USER_ERROR, "%s/%s: shard %d is not described as it should be; %s", root, PACK_FILE, shard,
                        REMEDY);
    TEC_TRY(tec_pack_index_read(root, shard, found, &is_bytes, &is_crc));
    if (is_bytes != index_bytes || is_crc != index_crc || (json_int_t)(found->count - before) != images)
        return tec_fail(TEC_USER_ERROR, "%s/shard-%05d.index is damaged: delete it; %s", root, shard, REMEDY);
    fprintf(list, "%lld%c", (long long)bytes, 0);
    return TEC_OK;
}

static tec_status scan_shards(const char *root, const json_t *json, tec_found *found, FILE *list)
{
    const char *format = json_string_value(json_object_get(json, "format"));
    const json_t *shards = json_object_get(json, "shards"), *version = json_object_get(json, "version");
    if (!format || strcmp(format, PACK_FORMAT) != 0)
        return tec_fail(TEC_USER_ERROR, "%s/%s does not describe a pack (no format \"%s\")", root, PACK_FILE,
                        PACK_FORMAT);
    if (json_integer_value(version) != PACK_VERSION)
        return tec_fail(TEC_USER_ERROR, "%s/%s has another version of the format than %d, which this program knows",
                        root, PACK_FILE, PACK_VERSION);
    size_t count = json_array_size(shards);
    if (count < 1 || count > MOST_SHARDS)
        return tec_fail(TEC_USER_ERROR, "%s/%s lists %zu shards", root, PACK_FILE, count);
    fprintf(list, "%zu%c", count, 0);
    for (size_t i = 0; i < count; i++)
        TEC_TRY(scan_shard(root, (int)i, json_array_get(shards, i), found, list));
    return TEC_OK;
}

tec_status tec_dataset_scan_pack(const char *root, tec_label_mode labels, FILE *list)
{
    char *path = tec_path_join(root, PACK_FILE);
    tec_found found = {.packed = true};
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    tec_status status = json ? scan_shards(root, json, &found, list)
                             : tec_fail(TEC_USER_ERROR, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    if (status == TEC_OK)
        status = tec_found_list(&found, root, labels, list);
    tec_found_free(&found);
    json_decref(json);
    free(path);
    return status;
}

/* ---- open and read ---- */

static tec_status open_pack(tec_dataset *set, tec_list_cursor *cursor)
{
    set->root = "pack";
    set->shards = atoi(tec_list_next(cursor));
    if (set->shards < 1 || set->shards > MOST_SHARDS)
        return tec_fail(TEC_SYSTEM_ERROR, "list of images: a pack of %d shards", set->shards);
    set->shard_bytes = tec_allocate((size_t)set->shards * sizeof *set->shard_bytes);
    for (int i = 0; i < set->shards; i++)
        set->shard_bytes[i] = atoll(tec_list_next(cursor));
    set->pool = tec_file_pool_create(set->shards, MOST_FILES, REMEDY);
    return tec_dataset_open_files(set, cursor);
}

static char *shard_file(const tec_dataset *set, int shard)
{
    return tec_pack_shard_path(set->copy ? set->copy : set->root, shard, "tar");
}

/* Damage of the pack is not to be taken for that of an image, which may be passed over. */
static tec_status read_bytes(const tec_dataset *set, const tec_pack_place *place, char *data)
{
    int fd;
    char *path = shard_file(set, place->shard);
    tec_status status = tec_file_pool_take(set->pool, place->shard, path, set->shard_bytes[place->shard], &fd);
    if (status == TEC_OK) {
        status = tec_file_get(fd, path, data, (size_t)place->bytes, place->offset);
        tec_file_pool_give_back(set->pool, place->shard, fd);
    }
    if (status == TEC_OK && tec_crc32c(0, data, (size_t)place->bytes) != place->crc)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s is damaged at byte %lld (checksum): delete it; %s", path,
                          (long long)place->offset, REMEDY);
    free(path);
    return status == TEC_OK ? TEC_OK : tec_fail(TEC_SYSTEM_ERROR, "%s", tec_error_message());
}

static tec_status read_image(const tec_dataset *set, int64_t index, tec_image *out)
{
    const tec_pack_place *place = &set->place[index];
    char *name = tec_string_format("%s/%s", set->root, set->file[index]), *data = tec_allocate((size_t)place->bytes);
    tec_status status = read_bytes(set, place, data);
    if (status == TEC_OK)
        status = tec_image_decode(out, data, (size_t)place->bytes, set->channels, name);
    free(data);
    free(name);
    return status;
}

int tec_dataset_shards(const tec_dataset *set)
{
    return set->shards;
}

char *tec_dataset_shard_file(const tec_dataset *set, int shard, int64_t *bytes)
{
    *bytes = set->shard_bytes[shard];
    return shard_file(set, shard);
}

void tec_dataset_read_from(tec_dataset *set, const char *dir)
{
    free(set->copy);
    set->copy = tec_string_format("%s", dir);
}

const tec_dataset_kind tec_dataset_pack = {"tec-list 1 pack", open_pack, tec_dataset_name_file, read_image};
