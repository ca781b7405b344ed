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

/* What is known of the labels so far. */
typedef struct label_check {
    bool of_folders; /* as first folders give them */
    uint64_t hash;
} label_check;

static bool is_first_folder(const char *path, const char *name)
{
    size_t length = strcspn(path, "/");
    return path[length] && !strncmp(path, name, length) && !name[length];
}

/* Checks a file of the list and adds it to the fingerprint. */
static tec_status open_file(tec_dataset *set, const char *text, label_check *labels)
{
    long label;
    tec_pack_place place;
    const char *path = tec_files_parse(text, set->files->packed, &label, &place);
    if (!path || label < (set->classes ? 0 : -1) || label >= set->classes)
        return tec_files_damaged(set->root);
    set->fingerprint = tec_hash_bytes(set->fingerprint, &place.bytes, sizeof place.bytes);
    set->fingerprint = tec_hash_bytes(set->fingerprint, path, strlen(path));
    labels->of_folders = labels->of_folders && (label < 0 || is_first_folder(path, set->class_name[label]));
    labels->hash = tec_hash_bytes(labels->hash, &label, sizeof label);
    return TEC_OK;
}

/* Labels that the paths do not tell are a part of the fingerprint. */
static void open_labels(tec_dataset *set, label_check labels)
{
    for (int i = 1; i < set->classes; i++)
        labels.of_folders = labels.of_folders && strcmp(set->class_name[i - 1], set->class_name[i]) < 0;
    set->own_labels = !labels.of_folders;
    if (labels.of_folders)
        return;
    for (int i = 0; i < set->classes; i++)
        labels.hash = tec_hash_bytes(labels.hash, set->class_name[i], strlen(set->class_name[i]) + 1);
    set->fingerprint = tec_hash_bytes(set->fingerprint, &labels.hash, sizeof labels.hash);
}

tec_status tec_files_open(tec_dataset *set, tec_list_cursor *cursor, bool packed)
{
    tec_files *files = set->files = tec_allocate_zeroed(1, sizeof *files);
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
    files->packed = packed;
    files->block = tec_allocate((size_t)(set->total / TEC_FILES_BLOCK + 1) * sizeof *files->block);
    label_check labels = {.of_folders = true};
    for (int64_t i = 0; i < set->total; i++) {
        const char *text = tec_list_next(cursor);
        if (i % TEC_FILES_BLOCK == 0)
            files->block[i / TEC_FILES_BLOCK] = text;
        TEC_TRY(open_file(set, text, &labels));
    }
    set->content = set->fingerprint;
    open_labels(set, labels);
    return TEC_OK;
}

void tec_files_free(tec_files *files)
{
    if (files)
        free(files->block);
    free(files);
}

const char *tec_files_find(const tec_dataset *set, int64_t index, long *label, tec_pack_place *place)
{
    const char *text = set->files->block[index / TEC_FILES_BLOCK];
    for (int64_t i = index % TEC_FILES_BLOCK; i > 0; i--)
        text += strlen(text) + 1;
    return tec_files_parse(text, set->files->packed, label, place);
}

const char *tec_files_entry(const tec_dataset *set, int64_t index, int64_t *bytes, char name[TEC_ENTRY_NAME])
{
    long label;
    tec_pack_place place;
    const char *path = tec_files_find(set, index, &label, &place);
    (void)name;
    *bytes = place.bytes;
    return path;
}

int tec_files_label(const tec_dataset *set, int64_t index)
{
    long label;
    tec_pack_place place;
    tec_files_find(set, index, &label, &place);
    return (int)label;
}

void tec_files_name(const tec_dataset *set, int64_t index, char *text, size_t size)
{
    long label;
    tec_pack_place place;
    tec_path_last(set->root, text, size);
    size_t used = strlen(text);
    snprintf(text + used, size - used, "/%s", tec_files_find(set, index, &label, &place));
}
