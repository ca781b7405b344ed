/* Reads which images a folder or a pack holds from the list that a scan has written. */
#include "file_list.h"

#include "tec/files.h"
#include "tec/hash.h"
#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

tec_status tec_files_damaged(const char *root)
{
    return tec_fail(TEC_SYSTEM_ERROR, "%s: the list of its images is damaged", root);
}

void tec_files_skip_classes(tec_list_cursor *cursor)
{
    for (long long classes = atoll(tec_list_next(cursor)); classes > 0 && cursor->at < cursor->end; classes--)
        tec_list_next(cursor);
}

const char *tec_files_parse(const char *text, bool packed, long *label, tec_pack_place *place)
{
    char *end;
    *label = strtol(text, &end, 10);
    place->bytes = strtoll(end, &end, 10);
    if (packed) {
        place->shard = (int)strtol(end, &end, 10);
        place->offset = strtoll(end, &end, 10);
        place->crc = (uint32_t)strtoul(end, &end, 10);
    }
    return place->bytes >= 0 && *end == ' ' && end[1] ? end + 1 : NULL;
}

static tec_status open_file(tec_files *files, tec_dataset *set, int64_t i, const char *text)
{
    long label;
    tec_pack_place place;
    const char *path = tec_files_parse(text, files->place != NULL, &label, &place);
    if (!path || label < -1 || label >= set->classes)
        return tec_files_damaged(set->root);
    files->path[i] = path;
    if (files->place)
        files->place[i] = place;
    if (set->label)
        set->label[i] = (int)label;
    set->fingerprint = tec_hash_bytes(set->fingerprint, &place.bytes, sizeof place.bytes);
    set->fingerprint = tec_hash_bytes(set->fingerprint, path, strlen(path));
    return TEC_OK;
}

tec_status tec_files_open(tec_files *files, tec_dataset *set, tec_list_cursor *cursor, bool packed)
{
    set->root = tec_list_next(cursor);
    long long classes = atoll(tec_list_next(cursor)), room = cursor->end - cursor->at;
    if (classes < 0 || classes > room)
        return tec_files_damaged(set->root);
    set->classes = (int)classes;
    set->class_name = tec_allocate((size_t)classes * sizeof *set->class_name);
    for (int i = 0; i < set->classes; i++)
        set->class_name[i] = tec_list_next(cursor);

    set->total = atoll(tec_list_next(cursor));
    if (set->total < 1 || set->total > room)
        return tec_files_damaged(set->root);
    files->path = tec_allocate((size_t)set->total * sizeof *files->path);
    if (packed)
        files->place = tec_allocate((size_t)set->total * sizeof *files->place);
    if (set->classes)
        set->label = tec_allocate((size_t)set->total * sizeof *set->label);
    for (int64_t i = 0; i < set->total; i++)
        TEC_TRY(open_file(files, set, i, tec_list_next(cursor)));
    return TEC_OK;
}

void tec_files_free(tec_files *files)
{
    free(files->path);
    free(files->place);
}

/* A path points into the text of the list that it was read from, whose beginning follows a 0 byte. */
const char *tec_files_entry(const tec_files *files, int64_t index, int64_t *bytes)
{
    const char *text = files->path[index];
    long label;
    tec_pack_place place;
    while (text[-1])
        text--;
    tec_files_parse(text, files->place != NULL, &label, &place);
    *bytes = place.bytes;
    return files->path[index];
}

void tec_files_name(const tec_files *files, const tec_dataset *set, int64_t index, char *text, size_t size)
{
    tec_path_last(set->root, text, size);
    size_t used = strlen(text);
    snprintf(text + used, size - used, "/%s", files->path[index]);
}
