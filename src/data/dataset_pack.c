/* A pack as a data set: the folder that it was made of, without the folder. */
#include "dataset_parts.h"

#include "pack_parts.h"
#include "tec/crc32c.h"
#include "tec/file_pool.h"
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

typedef struct pack {
    tec_files files;
    int shards;
    int64_t *shard_bytes; /* [shards] */
    tec_file_pool *pool;  /* of the shards */
    char *copy;           /* the folder that they are read from; NULL: the root */
} pack;

static bool is_inside(const pack *p, const tec_pack_place *place)
{
    return place->shard >= 0 && place->shard < p->shards && place->offset >= 0 &&
           place->bytes <= p->shard_bytes[place->shard] - place->offset;
}

static tec_file_pool *create_pool(const pack *p)
{
    return tec_file_pool_create(p->shards, "the pack", PACK_REMEDY,
                                "a larger --shard-mb of `tec pack` makes fewer files");
}

static tec_status open_pack(tec_dataset *set, tec_list_cursor *cursor)
{
    pack *p = set->own = tec_allocate_zeroed(1, sizeof *p);
    p->shards = atoi(tec_list_next(cursor));
    if (p->shards < 1 || p->shards > MOST_SHARDS)
        return tec_fail(TEC_SYSTEM_ERROR, "list of images: a pack of %d shards", p->shards);
    p->shard_bytes = tec_allocate((size_t)p->shards * sizeof *p->shard_bytes);
    for (int i = 0; i < p->shards; i++)
        p->shard_bytes[i] = atoll(tec_list_next(cursor));
    p->pool = create_pool(p);
    TEC_TRY(tec_files_open(&p->files, set, cursor, true));
    long label;
    tec_pack_place place;
    for (int64_t i = 0; i < set->total; i++)
        if (tec_files_find(&p->files, i, &label, &place) && !is_inside(p, &place))
            return tec_files_damaged(set->root);
    return TEC_OK;
}

static void close_pack(void *own)
{
    pack *p = own;
    tec_file_pool_free(p->pool);
    tec_files_free(&p->files);
    free(p->copy);
    free(p->shard_bytes);
    free(p);
}

static void name_file(const tec_dataset *set, int64_t index, char *text, size_t size)
{
    const pack *p = set->own;
    tec_files_name(&p->files, set, index, text, size);
}

static char *shard_path(const tec_dataset *set, int shard)
{
    const pack *p = set->own;
    return tec_pack_shard_path(p->copy ? p->copy : set->root, shard, "tar");
}

/* Any failure is the machine's: damage of the pack must not pass for that of one image, which may be skipped. */
static tec_status read_bytes(const tec_dataset *set, const tec_pack_place *place, char *data)
{
    const pack *p = set->own;
    int fd;
    char *path = shard_path(set, place->shard);
    tec_status status = tec_file_pool_take(p->pool, place->shard, path, p->shard_bytes[place->shard], &fd);
    if (status == TEC_OK) {
        status = tec_file_get(fd, path, data, (size_t)place->bytes, place->offset);
        tec_file_pool_give_back(p->pool, place->shard, fd);
    }
    if (status == TEC_OK && tec_crc32c(0, data, (size_t)place->bytes) != place->crc)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s is damaged at byte %lld (checksum): delete it; %s", path,
                          (long long)place->offset, PACK_REMEDY);
    free(path);
    return status == TEC_OK ? TEC_OK : tec_fail(TEC_SYSTEM_ERROR, "%s", tec_error_message());
}

static tec_status read_image(const tec_dataset *set, int64_t index, tec_image *out)
{
    const pack *p = set->own;
    long label;
    tec_pack_place place;
    char *name = tec_path_join(set->root, tec_files_find(&p->files, index, &label, &place));
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
    const pack *p = set->own;
    return p->shards;
}

static char *shard_file(const tec_dataset *set, int shard, int64_t *bytes)
{
    const pack *p = set->own;
    *bytes = p->shard_bytes[shard];
    return shard_path(set, shard);
}

static void read_from(tec_dataset *set, const char *dir)
{
    pack *p = set->own;
    free(p->copy);
    p->copy = tec_string_copy(dir);
    tec_file_pool_free(p->pool); /* it keeps files open that have been read already */
    p->pool = create_pool(p);
}

static int file_label(const tec_dataset *set, int64_t index)
{
    const pack *p = set->own;
    return tec_files_label(&p->files, index);
}

static const char *file_entry(const tec_dataset *set, int64_t index, int64_t *bytes, char name[TEC_ENTRY_NAME])
{
    const pack *p = set->own;
    (void)name;
    return tec_files_entry(&p->files, index, bytes);
}

const tec_dataset_kind tec_dataset_pack = {
    .title = "tec-list 1 pack",
    .matches = matches,
    .scan = scan,
    .open = open_pack,
    .close = close_pack,
    .name = name_file,
    .label = file_label,
    .read = read_image,
    .entry = file_entry,
    .shards = count_shards,
    .shard_file = shard_file,
    .read_from = read_from,
};
