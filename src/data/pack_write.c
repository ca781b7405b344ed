/* Making a pack: the plan, its shards, and pack.json at the end. */
#include "tec/pack.h"

#include "pack_parts.h"
#include "tec/crc32c.h"
#include "tec/files.h"
#include "tec/json.h"
#include "tec/memory.h"
#include "tec/phase.h"
#include "tec/temporary.h"
#include "tec/text.h"
#include "tec/version.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_BYTES (2 * TAR_BLOCK) /* of zeros, at the end of a tar file */
#define WRITE_BYTES ((size_t)4 << 20)

struct tec_pack {
    char *list, *dir;
    const char *root; /* of the folder */
    int64_t images;
    const char **path; /* [images] */
    int64_t *size;     /* [images] */
    int shards;
    int64_t *first; /* [shards + 1]: shard s has the images from first[s] to first[s + 1] */
};

/* ---- the plan ---- */

static tec_status read_list(tec_pack *p, size_t bytes)
{
    tec_list_cursor cursor = {p->list, p->list + bytes};
    const char *title = tec_list_next(&cursor);
    p->root = tec_list_next(&cursor);
    if (strcmp(title, tec_dataset_pack.title) == 0)
        return tec_fail(TEC_USER_ERROR, "the folder to be packed is a pack already");
    if (strcmp(title, tec_dataset_folder.title) != 0)
        return tec_fail(TEC_USER_ERROR, "%s is one file already: only folders of images are packed", p->root);
    tec_files_skip_classes(&cursor);
    p->images = atoll(tec_list_next(&cursor));
    if (p->images < 1 || p->images > cursor.end - cursor.at)
        return tec_files_damaged(p->root);
    p->path = tec_allocate((size_t)p->images * sizeof *p->path);
    p->size = tec_allocate((size_t)p->images * sizeof *p->size);
    for (int64_t i = 0; i < p->images; i++) {
        long label;
        tec_pack_place place;
        p->path[i] = tec_files_parse(tec_list_next(&cursor), false, &label, &place);
        if (!p->path[i])
            return tec_files_damaged(p->root);
        p->size[i] = place.bytes;
    }
    return TEC_OK;
}

static void deal_out(tec_pack *p, int64_t shard_bytes)
{
    p->first = tec_allocate(((size_t)p->images + 1) * sizeof *p->first);
    int64_t used = 0;
    for (int64_t i = 0; i < p->images; i++) {
        int64_t bytes = tec_pack_entry_bytes(p->path[i], p->size[i]);
        if (i == 0 || used + bytes > shard_bytes) {
            p->first[p->shards++] = i;
            used = 0;
        }
        used += bytes;
    }
    p->first[p->shards] = p->images;
}

tec_status tec_pack_open(tec_pack **out, const char *list, size_t bytes, const char *dir, int64_t shard_bytes)
{
    tec_pack *p = tec_allocate_zeroed(1, sizeof *p);
    p->list = tec_allocate(bytes);
    memcpy(p->list, list, bytes);
    p->dir = tec_string_copy(dir);
    tec_status status = read_list(p, bytes);
    if (status == TEC_OK)
        deal_out(p, shard_bytes);
    else
        tec_pack_close(p);
    *out = status == TEC_OK ? p : NULL;
    return status;
}

void tec_pack_close(tec_pack *p)
{
    if (!p)
        return;
    free(p->first);
    free(p->size);
    free(p->path);
    free(p->dir);
    free(p->list);
    free(p);
}

int tec_pack_shards(const tec_pack *p)
{
    return p->shards;
}

int64_t tec_pack_images(const tec_pack *p)
{
    return p->images;
}

int64_t tec_pack_shard_bytes(const tec_pack *p, int shard)
{
    int64_t bytes = END_BYTES;
    for (int64_t i = p->first[shard]; i < p->first[shard + 1]; i++)
        bytes += tec_pack_entry_bytes(p->path[i], p->size[i]);
    return bytes;
}

int64_t tec_pack_bytes(const tec_pack *p)
{
    int64_t bytes = 0;
    for (int i = 0; i < p->shards; i++)
        bytes += tec_pack_shard_bytes(p, i);
    return bytes;
}

/* ---- a shard ---- */

/* Reads the index of a shard. TEC_USER_ERROR: it lists other files than the plan does. */
static tec_status read_index(const tec_pack *p, int shard, int64_t *bytes, uint32_t *crc)
{
    tec_found found = {0};
    tec_status status = tec_pack_index_read(p->dir, shard, &found, bytes, crc);
    bool same = status == TEC_OK && (int64_t)found.count == p->first[shard + 1] - p->first[shard];
    for (int64_t i = p->first[shard], k = 0; same && i < p->first[shard + 1]; i++, k++)
        same = found.file[k].bytes == p->size[i] && strcmp(found.file[k].path, p->path[i]) == 0;
    tec_found_free(&found);
    if (status == TEC_OK && !same)
        status = tec_fail(TEC_USER_ERROR,
                          "%s/shard-%05d.index lists other files than %s: give another directory, or delete this one",
                          p->dir, shard, p->root);
    return status;
}

tec_status tec_pack_shard_done(const tec_pack *p, int shard, bool *done)
{
    struct stat info;
    int64_t bytes;
    uint32_t crc;
    char *tar = tec_pack_shard_path(p->dir, shard, "tar"), *index = tec_pack_shard_path(p->dir, shard, "index");
    bool listed = tec_file_exists(index);
    tec_status status = listed ? read_index(p, shard, &bytes, &crc) : TEC_OK;
    *done = listed && stat(tar, &info) == 0 && info.st_size == tec_pack_shard_bytes(p, shard);
    free(index);
    free(tar);
    return status;
}

/* An empty file has no data at all. */
static tec_status put(FILE *tar, const char *name, const void *data, size_t bytes)
{
    return bytes == 0 || fwrite(data, 1, bytes, tar) == bytes
               ? TEC_OK
               : tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", name, strerror(errno));
}

/* Reads file i. A dead link, which only a listing that skips bad images has, is an empty file. */
static tec_status get_file(const tec_pack *p, int64_t i, const char *path, char **data, size_t *bytes)
{
    struct stat info;
    tec_phase before = tec_phase_enter(TEC_PHASE_DATA);
    bool dead = p->size[i] == 0 && stat(path, &info) != 0 && lstat(path, &info) == 0;
    tec_status status = dead ? TEC_OK : tec_file_read(path, TEC_IMAGE_MAX_BYTES, data, bytes);
    tec_phase_enter(before);
    if (status == TEC_OK && (int64_t)*bytes != p->size[i])
        status = tec_fail(TEC_USER_ERROR, "%s has %zu bytes, but had %lld when the folder was listed: start again",
                          path, *bytes, (long long)p->size[i]);
    return status;
}

/* Writes one file to a shard and its line to the index. *offset: where its entry begins; then where the next one
 * does. */
static tec_status put_file(const tec_pack *p, int64_t i, FILE *tar, const char *name, FILE *index, int64_t *offset)
{
    static const char zeros[TAR_BLOCK];
    char *path = tec_path_join(p->root, p->path[i]), *data = NULL;
    size_t bytes = 0;
    int64_t head_bytes = tec_pack_entry_head(p->path[i]);
    char *head = tec_allocate((size_t)head_bytes);
    tec_status status = get_file(p, i, path, &data, &bytes);
    if (status == TEC_OK) {
        fprintf(index, "%lld %zu %08x %s%c", (long long)*offset + head_bytes, bytes, tec_crc32c(0, data, bytes),
                p->path[i], 0);
        tec_pack_entry_write_head(p->path[i], p->size[i], head);
        status = put(tar, name, head, (size_t)head_bytes);
    }
    if (status == TEC_OK)
        status = put(tar, name, data, bytes);
    if (status == TEC_OK)
        status = put(tar, name, zeros, (TAR_BLOCK - bytes % TAR_BLOCK) % TAR_BLOCK);
    *offset += tec_pack_entry_bytes(p->path[i], p->size[i]);
    free(head);
    free(data);
    free(path);
    return status;
}

static tec_status put_shard(const tec_pack *p, int shard, const char *name, FILE *index)
{
    static const char zeros[END_BYTES];
    int64_t offset = 0;
    FILE *tar = fopen(name, "wb");
    if (!tar)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be created: %s", name, strerror(errno));
    setvbuf(tar, NULL, _IOFBF, WRITE_BYTES);
    tec_status status = TEC_OK;
    bool marked = false; /* which fails for as long as somebody looks */
    for (int64_t i = p->first[shard]; i < p->first[shard + 1] && status == TEC_OK; i++) {
        marked = marked || tec_temporary_mark(fileno(tar));
        status = put_file(p, i, tar, name, index, &offset);
    }
    if (status == TEC_OK)
        status = put(tar, name, zeros, sizeof zeros);
    if (fclose(tar) != 0 && status == TEC_OK)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", name, strerror(errno));
    return status;
}

/* The index is written last: a shard that has one is whole. */
tec_status tec_pack_write_shard(const tec_pack *p, int shard)
{
    char *tar = tec_pack_shard_path(p->dir, shard, "tar"), *index = tec_pack_shard_path(p->dir, shard, "index");
    char *temporary = tec_file_temporary(tar), *text = NULL;
    size_t bytes = 0;
    FILE *lines = open_memstream(&text, &bytes);
    tec_status status = lines ? put_shard(p, shard, temporary, lines)
                              : tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for the list of images", index);
    if (lines && fclose(lines) != 0 && status == TEC_OK)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for the list of images", index);
    if (status == TEC_OK)
        status = tec_file_publish(temporary, tar);
    else
        unlink(temporary);
    if (status == TEC_OK)
        status = tec_file_write(index, text, bytes);
    free(text);
    free(temporary);
    free(index);
    free(tar);
    return status;
}

/* ---- the end ---- */

tec_status tec_pack_finish(const tec_pack *p)
{
    json_t *shards = json_array();
    tec_status status = TEC_OK;
    for (int i = 0; i < p->shards && status == TEC_OK; i++) {
        int64_t bytes = 0;
        uint32_t crc = 0;
        status = read_index(p, i, &bytes, &crc);
        json_array_append_new(shards, json_pack("{s:I, s:I, s:I, s:I}", "bytes", (json_int_t)tec_pack_shard_bytes(p, i),
                                                "images", (json_int_t)(p->first[i + 1] - p->first[i]), "index_bytes",
                                                (json_int_t)bytes, "index_crc32c", (json_int_t)crc));
    }
    json_t *json = json_pack("{s:s, s:i, s:s, s:I, s:o}", "format", PACK_FORMAT, "version", PACK_VERSION, "software",
                             tec_version(), "images", (json_int_t)p->images, "shards", shards);
    char *path = tec_path_join(p->dir, PACK_FILE);
    if (status == TEC_OK)
        status = tec_json_write(path, json, 9);
    free(path);
    json_decref(json);
    return status;
}
