/* A set of images with stable sample numbers: an IDX file, a folder of class folders, a folder without labels, or a
 * pack of a folder (tec/pack.h), which has the same numbers, labels, names and fingerprint as the folder. */
#ifndef TEC_DATASET_H
#define TEC_DATASET_H

#include "tec/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tec_label_mode {
    TEC_LABELS_AUTO, /* IDX: the label file beside it if there is one; folder: by class unless images lie at its top */
    TEC_LABELS_FOLDERS, /* the first folder below the root is the class, as torchvision's ImageFolder */
    TEC_LABELS_NONE
} tec_label_mode;

typedef struct tec_dataset tec_dataset;

/* Local, meant for one rank: reads `path` (a folder, a pack of one, or an IDX image file, gzipped or not; labels are
 * looked for under the same name with images-idx3 replaced by labels-idx1) and writes down what is there in *list
 * (texts ended by 0 bytes; owned by the caller, free()), ready to be broadcast. Folders are walked to any depth (links
 * are followed, loops of links are not) and sorted bytewise by relative path; files that are not named .jpg .jpeg .png
 * (any case) are passed over. Classes are the first folders that hold an image at any depth, sorted bytewise: a folder
 * without one gets no number. Of an IDX file only the header is read here. TEC_USER_ERROR: no such path, no image in
 * it, a folder that cannot be read, no IDX header. */
tec_status tec_dataset_scan(const char *path, tec_label_mode labels, char **list, size_t *bytes);

/* Local, on every rank: opens what tec_dataset_scan found. No directory is read. IDX files are read into memory.
 * `channels`: 1 or 3, what tec_dataset_read shall deliver. `limit` > 0 keeps only that many samples, evenly spaced
 * over the list (so that every class stays represented). TEC_USER_ERROR: an IDX file that is truncated, damaged, longer
 * than its header says, or whose labels are not as many. */
tec_status tec_dataset_open(tec_dataset **out, const char *list, size_t bytes, int channels, int64_t limit);
void tec_dataset_close(tec_dataset *set); /* NULL is fine */

/* A data set whose images are elsewhere (in a target store, say `name`): it has a size and a fingerprint, and cannot be
 * read. */
tec_dataset *tec_dataset_stand_in(const char *name, int64_t samples, uint64_t fingerprint);

int64_t tec_dataset_size(const tec_dataset *set);
int tec_dataset_classes(const tec_dataset *set); /* 0 without labels */
const char *tec_dataset_class_name(const tec_dataset *set, int label);
int tec_dataset_label(const tec_dataset *set, int64_t sample); /* -1 without labels */

/* "train/n01440764/x.JPEG" or "train-images-idx3-ubyte.gz[17]": written to `text`, which is returned. */
char *tec_dataset_name(const tec_dataset *set, int64_t sample, char *text, size_t size);

/* Changes when a sample is added, removed, renamed, resized on disk (folders) or changed (IDX), or when `limit`
 * differs. */
uint64_t tec_dataset_fingerprint(const tec_dataset *set);

/* Reads and decodes one sample. Thread-safe. TEC_USER_ERROR names the file. TEC_SYSTEM_ERROR: a damaged pack, never to
 * be passed over as an image that cannot be decoded. */
tec_status tec_dataset_read(const tec_dataset *set, int64_t sample, tec_image *out);

/* The files that a pack consists of beside its lists: how many (0: no pack), and path (the caller frees it) and size of
 * each. Shards are read from a copy in `dir` after tec_dataset_read_from, which comes before the first read. */
int tec_dataset_shards(const tec_dataset *set);
char *tec_dataset_shard_file(const tec_dataset *set, int shard, int64_t *bytes);
void tec_dataset_read_from(tec_dataset *set, const char *dir);

#endif
