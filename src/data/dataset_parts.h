/* Module data, private. The kinds of data sets: what dataset.c and a kind agree on. A new kind is a file with a
 * tec_dataset_kind and a line in dataset.c's table.
 *
 * A scan writes a list: a row of texts, each ended by a 0 byte so that any file name fits. The first is the kind's
 * title, what follows is the kind's own:
 *
 *   "tec-list 1 folder"  files (file_list.h)
 *   "tec-list 1 pack"    number of shards, bytes of each, files
 *   "tec-list 1 tar"     files, number of archives, bytes and path of each
 *   "tec-list 1 idx"     path of the images, path of the labels or ""
 *   "tec-list 1 array"   path of the file, name of the array, "IMAGES HEIGHT WIDTH CHANNELS PLANAR CLASSES", the names of
 *                        the classes, "CRC LABEL" of every image */
#ifndef TEC_DATA_DATASET_PARTS_H
#define TEC_DATA_DATASET_PARTS_H

#include "image_bands.h"
#include "scan_notes.h"
#include "tec/dataset.h"
#include "tec/dataset_kept.h"

#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

/* ---- lists ---- */

typedef struct tec_files tec_files; /* file_list.h */

typedef struct tec_list_cursor {
    const char *at, *end;
} tec_list_cursor;

/* The next text of the list; "" past its end, which readers take for damage wherever a text must not be empty. */
const char *tec_list_next(tec_list_cursor *cursor);

/* ---- kinds ---- */

#define TEC_ENTRY_NAME 32

/* `index` counts all samples that there are, before a limit. */
typedef struct tec_dataset_kind {
    const char *title; /* the first text of its lists; of another kind: that one opens them, and only scan is there */
    bool one_size;     /* all images have the same */
    bool one_band;     /* no bands can be chosen: they are grey, of 1 channel or, repeated, 3 */

    /* What all images hold, which `read` gives as it is stored, in out->pixels. NULL: each file has its own. */
    tec_band_source (*source)(const tec_dataset *set);

    /* Is `path` such a set? The first kind of the table that says yes scans it, so that kinds which look inside a
     * folder or file come before those which take any. info: of stat; st_mode 0: no file is called so, but a pattern may. */
    bool (*matches)(const char *path, const struct stat *info);

    /* Writes the list from behind the title on. TEC_USER_ERROR as in tec_dataset_scan. */
    tec_status (*scan)(const char *path, tec_label_mode labels, tec_scan_notes *notes, FILE *list);

    /* Reads the list from behind the title on; fills own, root, total, fingerprint and, with labels, classes,
     * class_name and, unless there is a function for them, label. `close` frees own, if there is one, also after a
     * failure. */
    tec_status (*open)(tec_dataset *set, tec_list_cursor *cursor);
    void (*close)(void *own);

    void (*name)(const tec_dataset *set, int64_t index, char *text, size_t size);

    /* Pixels, or values, of set->channels, as set->bands asks for: files of images are decoded by tec_dataset_decode.
     * With `source`: samples, little-endian, [height, width, bands]. */
    tec_status (*read)(const tec_dataset *set, int64_t index, tec_image *out);

    /* The class that the list says, where set->label does not; -1: it says none. NULL: as if it did not. */
    int (*label)(const tec_dataset *set, int64_t index);

    /* The entry of an image in a record (tec/dataset_record.h): a path, or a name of its own in `name`, such that strcmp
     * sorts them by index, and a mark that changes with the image. NULL: nothing is recorded. */
    const char *(*entry)(const tec_dataset *set, int64_t index, int64_t *mark, char name[TEC_ENTRY_NAME]);

    /* Bytes of images that an open set keeps in memory at most. NULL: none. */
    int64_t (*memory)(const tec_dataset *set);

    /* As tec_dataset_shards, tec_dataset_shard_file and tec_dataset_read_from. NULL: there are no shards. */
    int (*shards)(const tec_dataset *set);
    char *(*shard_file)(const tec_dataset *set, int shard, int64_t *bytes);
    void (*read_from)(tec_dataset *set, const char *dir);
} tec_dataset_kind;

extern const tec_dataset_kind tec_dataset_folder, tec_dataset_pack, tec_dataset_tar, tec_dataset_csv, tec_dataset_array,
    tec_dataset_idx;

/* ---- an open set ---- */

struct tec_dataset {
    const tec_dataset_kind *kind;
    void *own;        /* the kind's data; NULL: none */
    tec_files *files; /* of kinds whose images are files in a list; NULL: others */
    char *list;       /* root and class_name may point into it */
    size_t list_bytes;
    tec_release *release; /* of the list; NULL: free */
    char *state;          /* as of tec_dataset_listed */
    size_t state_bytes;
    char list_name[16];
    char *kept[TEC_LIST_PLACES]; /* files that may hold the list; NULL: none */
    const char *root;            /* what samples are named after: folder or file */
    int channels;                /* that tec_dataset_read delivers */
    bool strict, turn;           /* as of tec_decoding */
    tec_bands bands;             /* likewise */
    tec_findings *findings;      /* about the samples */
    int64_t total, size;         /* samples there are, samples the limit or tec_dataset_choose leaves */
    int64_t *chosen;             /* [size] their indices, rising; NULL: the limit says */
    uint64_t fingerprint;        /* of all samples there are; tec_dataset_open adds the limit, and what is chosen */
    uint64_t content;            /* the same without the limit and without own_labels; 0: as fingerprint */
    bool own_labels;             /* the classes are not the first folders, sorted bytewise */
    int classes;                 /* 0 without labels */
    const char **class_name;     /* [classes] */
    int *label;                  /* [total]; NULL: kind->label says */
};

/* The kind that scans `path`; NULL: none. */
const tec_dataset_kind *tec_dataset_kind_at(const char *path);

/* tec_dataset_scan, or tec_dataset_scan_skipping, with notes. */
tec_status tec_dataset_scan_noting(const char *path, tec_label_mode labels, tec_scan_notes *notes, char **list,
                                   size_t *bytes);

/* The class of an image, by its index; -1 without labels. */
int tec_dataset_index_label(const tec_dataset *set, int64_t index);

/* The index among all samples there are: with a limit, those left are evenly spaced. */
int64_t tec_dataset_index(const tec_dataset *set, int64_t sample);

/* Writes what `put` writes about the set, compressed, to a temporary file that it then publishes as `path`.
 * TEC_SYSTEM_ERROR: nothing is left. */
typedef bool tec_gzip_put(gzFile out, const tec_dataset *set);
tec_status tec_gzip_publish(const char *path, const tec_dataset *set, tec_gzip_put *put);

/* An image is not as it was listed: no kept list is to be used again. Thread-safe. */
void tec_dataset_list_drop(const tec_dataset *set);

/* Decodes an image file as the set is to be decoded. `name` is for messages. */
tec_status tec_dataset_decode(const tec_dataset *set, const void *data, size_t bytes, const char *name, tec_image *out);

#endif
