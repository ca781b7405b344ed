/* Module data, private. The part of a list (dataset_parts.h) that says which images a folder, or a pack of one, holds:
 * written by a scan, read when the set is opened. Its texts are
 *
 *   root
 *   number of classes, 0 without labels
 *   the name of each class
 *   number of files
 *   of each file "LABEL BYTES PATH", or in a pack "LABEL BYTES SHARD OFFSET CRC32C PATH"
 *
 * where PATH is relative to the root and LABEL is -1 without labels. */
#ifndef TEC_DATA_FILE_LIST_H
#define TEC_DATA_FILE_LIST_H

#include "dataset_parts.h"

/* No image that decodes within TEC_IMAGE_MAX_PIXELS needs more. */
#define TEC_IMAGE_MAX_BYTES ((size_t)1 << 30)

/* ---- writing ---- */

typedef struct tec_found_file {
    char *path; /* relative to the root, owned */
    char
        *label; /* the name of its class, owned; NULL: its first folder is called so. The same for all files of a set */
    long long bytes, offset;
    int shard;
    uint32_t crc;
    int line; /* of tec_found.list_file that names it */
} tec_found_file;

/* The files that a scan has found. */
typedef struct tec_found {
    tec_found_file *file;
    size_t count, room;
    bool packed;           /* shard, offset and crc say where in a pack a file is */
    const char *list_file; /* that names the files; NULL: none */
} tec_found;

/* Adds a file of that path; its other members are 0, for the caller to fill. The pointer is valid until the next
 * call. */
tec_found_file *tec_found_add(tec_found *found, const char *path);
void tec_found_free(tec_found *found);

/* Where all labels are whole numbers. TEC_USER_ERROR: one is negative, or two are the same number in other words (1 and 01).
 * path: of the list file, whose lines are named. Before tec_found_write. */
tec_status tec_found_check_numbers(const tec_found *found, const char *path);

/* Are the first folders of the files their classes? */
bool tec_found_is_labelled(const tec_found *found, tec_label_mode labels);

/* Sorts the files by path and writes the list. With labels of their own, unless there are to be none or those of folders,
 * the classes are these, sorted bytewise or, if all are whole numbers, by number. TEC_USER_ERROR: no files, or one twice. */
tec_status tec_found_write(tec_found *found, const char *root, tec_label_mode labels, tec_scan_notes *notes,
                           FILE *list);

/* ---- reading ---- */

/* Where in a pack an image is. */
typedef struct tec_pack_place {
    int shard;
    uint32_t crc; /* CRC-32C of its bytes */
    int64_t offset, bytes;
} tec_pack_place;

#define TEC_FILES_BLOCK 16

/* The files of an open set. Everything about them stays in the list, which the ranks of a node share: of millions of files
 * a rank remembers only where in the list every so manieth is. */
struct tec_files {
    const char **block; /* [total / TEC_FILES_BLOCK, rounded up] */
    bool packed;
};

/* Reads the list into the set, set->files included. TEC_SYSTEM_ERROR: damaged. */
tec_status tec_files_open(tec_dataset *set, tec_list_cursor *cursor, bool packed);
void tec_files_free(tec_files *files); /* NULL is fine */

/* The path of an image, relative to set->root, and what tec_files_parse says of it. */
const char *tec_files_find(const tec_dataset *set, int64_t index, long *label, tec_pack_place *place);

/* tec_dataset_kind.entry, .label and .name of such sets: an image's path and size, its class, and "LAST PART OF
 * ROOT/PATH". */
const char *tec_files_entry(const tec_dataset *set, int64_t index, int64_t *bytes, char name[TEC_ENTRY_NAME]);
int tec_files_label(const tec_dataset *set, int64_t index);
void tec_files_name(const tec_dataset *set, int64_t index, char *text, size_t size);

/* Goes on behind the names of the classes. */
void tec_files_skip_classes(tec_list_cursor *cursor);

/* One file of a list. Returns its path, NULL if the text is damaged. place->bytes is set in any case, its other members
 * only if the list is of a pack. */
const char *tec_files_parse(const char *text, bool packed, long *label, tec_pack_place *place);

/* Fails with TEC_SYSTEM_ERROR: the list of the images of `root` is damaged. */
tec_status tec_files_damaged(const char *root);

#endif
