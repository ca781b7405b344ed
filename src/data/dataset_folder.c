/* A folder as a data set: which images a list names, and reading them. Walking it is folder_scan.c's part. */
#include "dataset_parts.h"
#include "tec/files.h"
#include "tec/hash.h"
#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

static tec_status damaged(const tec_dataset *set)
{
    return tec_fail(TEC_SYSTEM_ERROR, "%s: the list of its images is damaged", set->root);
}

/* "SHARD OFFSET CRC32C"; *end is left behind it. */
static bool read_place(const tec_dataset *set, char **end, tec_pack_place *place)
{
    place->shard = (int)strtol(*end, end, 10);
    place->offset = strtoll(*end, end, 10);
    place->crc = (uint32_t)strtoul(*end, end, 10);
    return place->shard >= 0 && place->shard < set->shards && place->offset >= 0 &&
           place->bytes <= set->shard_bytes[place->shard] - place->offset;
}

/* "LABEL BYTES PATH", or with a place before the path */
static tec_status open_file(tec_dataset *set, int64_t i, const char *text)
{
    char *end;
    long label = strtol(text, &end, 10);
    long long bytes = strtoll(end, &end, 10);
    if (set->place) {
        set->place[i].bytes = bytes;
        if (bytes < 0 || !read_place(set, &end, &set->place[i]))
            return damaged(set);
    }
    if (*end != ' ' || !end[1] || label < -1 || label >= set->classes)
        return damaged(set);
    set->file[i] = end + 1;
    if (set->label)
        set->label[i] = (int)label;
    set->fingerprint = tec_hash_bytes(set->fingerprint, &bytes, sizeof bytes);
    set->fingerprint = tec_hash_bytes(set->fingerprint, set->file[i], strlen(set->file[i]));
    return TEC_OK;
}

tec_status tec_dataset_open_files(tec_dataset *set, tec_list_cursor *cursor)
{
    set->root = tec_list_next(cursor);
    long long classes = atoll(tec_list_next(cursor)), room = cursor->end - cursor->at;
    if (classes < 0 || classes > room)
        return damaged(set);
    set->classes = (int)classes;
    set->class_name = tec_allocate((size_t)classes * sizeof *set->class_name);
    for (int i = 0; i < set->classes; i++)
        set->class_name[i] = tec_list_next(cursor);

    set->total = atoll(tec_list_next(cursor));
    if (set->total < 1 || set->total > room)
        return damaged(set);
    set->file = tec_allocate((size_t)set->total * sizeof *set->file);
    if (set->shards)
        set->place = tec_allocate((size_t)set->total * sizeof *set->place);
    if (set->classes)
        set->label = tec_allocate((size_t)set->total * sizeof *set->label);
    for (int64_t i = 0; i < set->total; i++)
        TEC_TRY(open_file(set, i, tec_list_next(cursor)));
    return TEC_OK;
}

void tec_dataset_name_file(const tec_dataset *set, int64_t index, char *text, size_t size)
{
    tec_path_last(set->root, text, size);
    size_t used = strlen(text);
    snprintf(text + used, size - used, "/%s", set->file[index]);
}

static tec_status read_file(const tec_dataset *set, int64_t index, tec_image *out)
{
    char *path = tec_path_join(set->root, set->file[index]), *data = NULL;
    size_t bytes = 0;
    tec_status status = tec_file_read(path, TEC_IMAGE_MAX_BYTES, &data, &bytes);
    if (status == TEC_OK)
        status = tec_image_decode(out, data, bytes, set->channels, path);
    free(data);
    free(path);
    return status;
}

const tec_dataset_kind tec_dataset_folder = {"tec-list 1 folder", tec_dataset_open_files, tec_dataset_name_file,
                                             read_file};
