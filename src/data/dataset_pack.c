/* A pack as a data set: the folder that it was made of, without the folder. */
#include "dataset_parts.h"

#include "pack_parts.h"
#include "shards.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SHARDS 1000000

/* ---- scan ---- */

static tec_status scan_shard(const char *root, int shard, json_t *about, tec_found *found, FILE *list)
{
    json_int_t bytes, index_bytes, index_crc, images;
    int64_t is_bytes;
    uint32_t is_crc;
    size_t before = found->count;
    if (json_unpack(about, "{s:I, s:I, s:I, s:I}", "bytes", &bytes, "images", &images, "index_bytes", &index_bytes,
                    "index_crc32c", &index_crc) != 0)
        return tec_fail(TEC_USER_ERROR, "%s/%s: the entry of shard %d is damaged; %s", root, PACK_FILE, shard,
                        PACK_REMEDY);
    TEC_TRY(tec_pack_index_read(root, shard, found, &is_bytes, &is_crc));
    if (is_bytes != index_bytes || is_crc != index_crc || (json_int_t)(found->count - before) != images)
        return tec_fail(TEC_USER_ERROR, "%s/shard-%05d.index is damaged: delete it; %s", root, shard, PACK_REMEDY);
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
        return tec_fail(TEC_USER_ERROR, "%s/%s has format version %lld, but this program reads version %d", root,
                        PACK_FILE, (long long)json_integer_value(version), PACK_VERSION);
    size_t count = json_array_size(shards);
    if (count < 1 || count > MOST_SHARDS)
        return tec_fail(TEC_USER_ERROR, "%s/%s lists %zu shards, expected 1 to %d", root, PACK_FILE, count,
                        MOST_SHARDS);
    fprintf(list, "%zu%c", count, 0);
    for (size_t i = 0; i < count; i++)
        TEC_TRY(scan_shard(root, (int)i, json_array_get(shards, i), found, list));
    return TEC_OK;
}

static bool matches(const char *path, const struct stat *info)
{
    return S_ISDIR(info->st_mode) && tec_pack_is_one(path);
}

static tec_status scan(const char *root, tec_label_mode labels, tec_scan_notes *notes, FILE *list)
{
    char *path = tec_path_join(root, PACK_FILE);
    tec_found found = {.packed = true};
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    tec_status status = json ? scan_shards(root, json, &found, list)
                             : tec_fail(TEC_USER_ERROR, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    if (status == TEC_OK)
        status = tec_found_write(&found, root, labels, notes, list);
    tec_found_free(&found);
    json_decref(json);
    free(path);
    return status;
}

/* ---- open and read ---- */

static const tec_shard_words words = {"the pack", PACK_REMEDY, "a larger --shard-mb of `tec pack` makes fewer files"};

static tec_status open_pack(tec_dataset *set, tec_list_cursor *cursor)
{
    tec_shards *p = set->own = tec_allocate_zeroed(1, sizeof *p);
    int count = atoi(tec_list_next(cursor));
    if (count < 1 || count > MOST_SHARDS)
        return tec_fail(TEC_SYSTEM_ERROR, "list of images: a pack of %d shards", count);
    tec_shards_start(p, count, &words);
    for (int i = 0; i < count; i++)
        p->bytes[i] = atoll(tec_list_next(cursor));
    TEC_TRY(tec_files_open(set, cursor, true));
    return tec_shards_check(p, set, 0);
}

static void close_pack(void *own)
{
    tec_shards_free(own);
    free(own);
}

static char *shard_path(const tec_dataset *set, int shard)
{
    const tec_shards *p = set->own;
    return tec_pack_shard_path(p->copy ? p->copy : set->root, shard, "tar");
}

/* Any failure is the machine's: damage of the pack must not pass for that of one image, which may be skipped. */
static tec_status read_bytes(const tec_dataset *set, const tec_pack_place *place, char *data)
{
    char *path = shard_path(set, place->shard);
    tec_status status = tec_shards_get(set->own, place, 0, path, data);
    if (status == TEC_OK && tec_crc32c(0, data, (size_t)place->bytes) != place->crc)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s is damaged at byte %lld (checksum): delete it; %s", path,
                          (long long)place->offset, PACK_REMEDY);
    free(path);
    return status == TEC_OK ? TEC_OK : tec_fail(TEC_SYSTEM_ERROR, "%s", tec_error_message());
}

static tec_status read_image(const tec_dataset *set, int64_t index, tec_image *out)
{
    long label;
    tec_pack_place place;
    char *name = tec_path_join(set->root, tec_files_find(set, index, &label, &place));
    char *data = tec_allocate((size_t)place.bytes);
    tec_status status = read_bytes(set, &place, data);
    if (status == TEC_OK)
        status = tec_dataset_decode(set, data, (size_t)place.bytes, name, out);
    free(data);
    free(name);
    return status;
}

/* ---- shards ---- */

static int count_shards(const tec_dataset *set)
{
    const tec_shards *p = set->own;
    return p->count;
}

static char *shard_file(const tec_dataset *set, int shard, int64_t *bytes)
{
    const tec_shards *p = set->own;
    *bytes = p->bytes[shard];
    return shard_path(set, shard);
}

static void read_from(tec_dataset *set, const char *dir)
{
    tec_shards_read_from(set->own, dir);
}

const tec_dataset_kind tec_dataset_pack = {
    .title = "tec-list 1 pack",
    .matches = matches,
    .scan = scan,
    .open = open_pack,
    .close = close_pack,
    .name = tec_files_name,
    .label = tec_files_label,
    .read = read_image,
    .entry = tec_files_entry,
    .shards = count_shards,
    .shard_file = shard_file,
    .read_from = read_from,
};
