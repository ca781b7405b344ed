/* Inside src/data only: what dataset.c and the kinds of data sets agree on.
 *
 * The list that a scan writes is a row of texts, each ended by a 0 byte, so that any file name fits:
 *     "tec-list 1 folder", root, number of classes, class names, number of files, per file "LABEL BYTES PATH"
 *     "tec-list 1 pack", number of shards, bytes of each, then as for a folder, per file "LABEL BYTES SHARD OFFSET
 *         CRC32C PATH"
 *     "tec-list 1 idx", path of the images, path of the labels or "" */
#ifndef TEC_DATASET_PARTS_H
#define TEC_DATASET_PARTS_H

#include "tec/dataset.h"
#include "tec/file_pool.h"

#include <stdio.h>

typedef struct tec_list_cursor {
    const char *at, *end;
} tec_list_cursor;

/* The next text of the list; "" behind its end, which no list of ours has where something is needed. */
const char *tec_list_next(tec_list_cursor *cursor);

typedef struct tec_dataset_kind {
    const char *title; /* the first text of its lists */
    tec_status (*open)(tec_dataset *set, tec_list_cursor *cursor);
    void (*name)(const tec_dataset *set, int64_t index, char *text, size_t size);
    tec_status (*read)(const tec_dataset *set, int64_t index, tec_image *out);
} tec_dataset_kind;

extern const tec_dataset_kind tec_dataset_folder, tec_dataset_pack, tec_dataset_idx;

/* Where an image lies in a pack. */
typedef struct tec_pack_place {
    int shard;
    uint32_t crc; /* of its bytes */
    int64_t offset, bytes;
} tec_pack_place;

struct tec_dataset {
    const tec_dataset_kind *kind;
    char *list;           /* own copy of the scan's list; root, file and class_name point into it */
    const char *root;     /* folder, pack, or IDX file */
    int channels;         /* to be delivered */
    int64_t total, size;  /* samples there are, samples kept by the limit */
    uint64_t fingerprint; /* of all that is there; the limit is added by tec_dataset_open */
    int classes;
    const char **class_name; /* [classes] */
    int *label;              /* [total], NULL without labels */
    const char **file;       /* folder and pack: [total], relative to root */
    tec_pack_place *place;   /* pack: [total] */
    int shards;              /* pack */
    int64_t *shard_bytes;    /* pack: [shards] */
    tec_file_pool *pool;     /* pack: its shards */
    char *copy;              /* pack: the folder that shards are read from; NULL: root */
    uint8_t *pixels;         /* IDX: [total, height, width] */
    char *digits;            /* IDX: the text of class_name */
    int height, width;       /* IDX */
};

/* What a scan has found; paths are relative to the root. */
typedef struct tec_found_file {
    char *path;
    long long bytes, offset;
    int shard;
    uint32_t crc;
} tec_found_file;

typedef struct tec_found {
    tec_found_file *file;
    size_t count, room;
    bool packed; /* shard, offset and crc say where a file lies in a pack */
} tec_found;

/* Adds a file of that path, whose other members are 0 and the caller's to fill. */
tec_found_file *tec_found_add(tec_found *found, const char *path);
void tec_found_free(tec_found *found);

/* Sorts the files and writes the list from the root on. TEC_USER_ERROR: nothing to list. */
tec_status tec_found_list(tec_found *found, const char *root, tec_label_mode labels, FILE *list);

/* Reads the list from the root on; with places where the set has shards. */
tec_status tec_dataset_open_files(tec_dataset *set, tec_list_cursor *cursor);

/* One scan for each kind; dataset.c chooses. They write behind the title. */
tec_status tec_dataset_scan_folder(const char *root, tec_label_mode labels, FILE *list);
tec_status tec_dataset_scan_pack(const char *root, tec_label_mode labels, FILE *list);
tec_status tec_dataset_scan_idx(const char *path, tec_label_mode labels, FILE *list);

/* "LAST PART OF ROOT/file": the name of an image of a folder or pack. */
void tec_dataset_name_file(const tec_dataset *set, int64_t index, char *text, size_t size);

/* No image that decodes within TEC_IMAGE_MAX_PIXELS needs more. */
#define TEC_IMAGE_MAX_BYTES ((size_t)1 << 30)

#endif
