/* Inside src/data only: what dataset.c and the kinds of data sets agree on.
 *
 * The list that a scan writes is a row of texts, each ended by a 0 byte, so that any file name fits:
 *     "tec-list 1 folder", root, number of classes, class names, number of files, per file "LABEL BYTES PATH"
 *     "tec-list 1 idx", path of the images, path of the labels or "" */
#ifndef TEC_DATASET_PARTS_H
#define TEC_DATASET_PARTS_H

#include "tec/dataset.h"

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

extern const tec_dataset_kind tec_dataset_folder, tec_dataset_idx;

struct tec_dataset {
    const tec_dataset_kind *kind;
    char *list;           /* own copy of the scan's list; root, file and class_name point into it */
    const char *root;     /* folder, or IDX file */
    int channels;         /* to be delivered */
    int64_t total, size;  /* samples there are, samples kept by the limit */
    uint64_t fingerprint; /* of all that is there; the limit is added by tec_dataset_open */
    int classes;
    const char **class_name; /* [classes] */
    int *label;              /* [total], NULL without labels */
    const char **file;       /* folder: [total], relative to root */
    uint8_t *pixels;         /* IDX: [total, height, width] */
    char *digits;            /* IDX: the text of class_name */
    int height, width;       /* IDX */
};

/* One scan for each kind; dataset.c chooses. They write behind the title. */
tec_status tec_dataset_scan_folder(const char *root, tec_label_mode labels, FILE *list);
tec_status tec_dataset_scan_idx(const char *path, tec_label_mode labels, FILE *list);

/* The last part of a path; slashes at its end do not count. Writes to `text`. */
void tec_path_last(const char *path, char *text, size_t size);

/* Mixes bytes into a running 64-bit hash. Not cryptographic: it notices changes, not attacks. */
uint64_t tec_hash_bytes(uint64_t hash, const void *data, size_t bytes);

#endif
