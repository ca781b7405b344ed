/* Module data, public. A set of images with stable sample numbers: an IDX file, arrays of NumPy, HDF5 or CIFAR, a folder
 * of images with or without class folders, a pack of such a folder (tec/pack.h) or tar archives of it, whose samples have
 * the numbers, labels, names and fingerprint that they have in the folder. All functions are local; those that take a
 * const set are thread-safe. */
#ifndef TEC_DATASET_H
#define TEC_DATASET_H

#include "tec/findings.h"
#include "tec/image.h"
#include "tec/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tec_label_mode {
    TEC_LABELS_AUTO,    /* IDX, arrays: those beside it, if any; folder: by class folder unless it has images itself */
    TEC_LABELS_FOLDERS, /* the first folder below the root is the class, as in torchvision's ImageFolder */
    TEC_LABELS_NONE,
    TEC_LABELS_FILE /* a text file says them: only by tec_dataset_list */
} tec_label_mode;

typedef struct tec_dataset tec_dataset;

/* For one rank: lists what is at `path`, which is
 *
 *   a folder   walked to any depth, links followed (but no loops of them), sorted bytewise by relative path. Images
 *              are files with the ending of a format that is read (.jpg, .jpeg, .jpe, .jfif, .png, in any case), and
 *              those of any other name that begin as one does. What is passed over is counted by ending and kind, in
 *              one warning: files that are no images (those of text, such as .txt and .json, are told by their name
 *              alone), hidden ones and what systems leave behind, links that lead nowhere. Classes are the first
 *              folders that hold an image at any depth, sorted bytewise; a folder without files gets no number
 *   a pack     of a folder
 *   tar        an archive of images, a folder inside of one (set.tar/train), several by a pattern (a-{00..19}.tar, *.tar), or a
 *              folder of nothing else: it is the folder that they would be unpacked to; archives in them are folders. Where
 *              .cls, .json or .txt files beside the images say labels, these are the classes with TEC_LABELS_AUTO. If two
 *              archives have the same path, all paths begin with the name of their archive. The index of each is kept
 *              beside it
 *   list file  .csv, .tsv, .txt or .lst: lines of a path relative to it, and a label behind a comma (semicolon, tab) in
 *              all of them or in none, with or without a header. It is the folder that it is in, with these images
 *              only, and with TEC_LABELS_AUTO the labels are the classes, sorted bytewise or, if all are numbers, as
 *              these; where they are not what the folders would give, they are a part of the fingerprint
 *   arrays     of a .npy, .npz, HDF5 or CIFAR file (tec/array_file.h), FILE, FILE:IMAGES or FILE:IMAGES:LABELS; what is not
 *              named is told by the names of the arrays, labels also by the name of a file beside it. [N, H, W],
 *              [N, H, W, C] or [N, C, H, W] of whole numbers or floats. All images are read, for their checksums
 *   IDX        an image file, gzipped or not; labels are looked for under its name with labels-idx1 in place of
 *              images-idx3. Only the header is read here
 *
 * *list (the caller frees it) is a row of texts, each ended by a 0 byte, ready to be broadcast. TEC_USER_ERROR: no such
 * path, no image in it, a folder that cannot be read, no IDX header, a dead link that is named as an image, a class
 * that has files none of which is an image (but text). */
tec_status tec_dataset_scan(const char *path, tec_label_mode labels, char **list, size_t *bytes);

/* The same for a job that leaves out images which cannot be read: a dead link that is named as an image is a sample,
 * which tec_dataset_read refuses. */
tec_status tec_dataset_scan_skipping(const char *path, tec_label_mode labels, char **list, size_t *bytes);

/* On every rank: opens what tec_dataset_scan has listed. Reads no directory; reads IDX files into memory. `channels` (1
 * to TEC_BANDS_MOST) is what tec_dataset_read delivers. `limit` > 0 keeps only so many samples, evenly spaced over the list, so that
 * all classes stay represented. TEC_USER_ERROR: an IDX file that is truncated, damaged or longer than its header says,
 * or whose number of labels differs. TEC_SYSTEM_ERROR: a damaged list, an array that is not as it was listed. */
tec_status tec_dataset_open(tec_dataset **out, const char *list, size_t bytes, int channels, int64_t limit);

/* The same without a copy of the list: it is taken over, also after a failure, and given back by `release`. */
tec_status tec_dataset_open_taking(tec_dataset **out, char *list, size_t bytes, tec_release *release, int channels,
                                   int64_t limit);
void tec_dataset_close(tec_dataset *set); /* NULL is fine */

/* Is there something at `path`, as tec_dataset_scan takes it: a file, a folder, a pattern that stands for others? Local. */
bool tec_dataset_is_there(const char *path);

/* Is `path` a list file: lines of a path and its label? Local; false also where there is none. */
bool tec_dataset_is_list_file(const char *path);

/* Is `path` one or several tar archives: a file that is one, a folder of them, a pattern? Local. */
bool tec_dataset_is_archive(const char *path);

/* Of how many archives, of so many bytes together, the set consists; 0: it is of another kind. */
int tec_dataset_archives(const tec_dataset *set, int64_t *bytes);

/* A data set whose images are elsewhere, say in the target store `name`. It has a size and a fingerprint but no labels,
 * and its samples cannot be read. */
tec_dataset *tec_dataset_stand_in(const char *name, int64_t samples, uint64_t fingerprint);

/* Keeps some of the images of a set with labels: of every class `per_class` or, if that is 0, `fraction` of them, rounded,
 * but at least one; all if there are no more. Which ones is drawn from Philox(seed, TEC_STREAM_CHOICE, class); they stay in
 * their order. The same on every rank. Call it before anything asks for a sample. */
void tec_dataset_choose(tec_dataset *set, int64_t per_class, double fraction, uint64_t seed);

int64_t tec_dataset_size(const tec_dataset *set);
bool tec_dataset_one_size(const tec_dataset *set); /* is it certain that all images have one size? IDX, arrays */
int tec_dataset_classes(const tec_dataset *set);   /* 0 without labels */
const char *tec_dataset_class_name(const tec_dataset *set, int label);
int tec_dataset_label(const tec_dataset *set, int64_t sample); /* -1 without labels */

/* Writes "train/n01440764/x.JPEG" or "train-images-idx3-ubyte.gz[17]" to `text` [size], cut if need be, and returns
 * it. */
char *tec_dataset_name(const tec_dataset *set, int64_t sample, char *text, size_t size);

/* Changes when a sample is added, removed, renamed, resized on disk (folders) or changed (IDX, arrays), and with `limit`.
 * Arrays with the same images and labels have the same, in whatever file they are. */
uint64_t tec_dataset_fingerprint(const tec_dataset *set);

/* Reads and decodes one sample; the caller frees it by tec_image_free. TEC_USER_ERROR: this image is bad, and the
 * message names its file. TEC_SYSTEM_ERROR: no memory, or a damaged pack or array, which must not be skipped as a bad
 * image. */
tec_status tec_dataset_read(const tec_dataset *set, int64_t sample, tec_image *out);

/* How images are decoded from now on, apart from their channels: strictly, turned upright (tec_decoding); without this
 * call, neither. Turning changes the fingerprint, but of IDX files and arrays. Before the first read. */
void tec_dataset_decode_as(tec_dataset *set, bool strict, bool turn);

/* Which bands of images are taken, and how their values are scaled, from now on; without this call, 8-bit images as they
 * are. What is not the default changes the fingerprint. Before the first read. TEC_USER_ERROR: an IDX file, whose images
 * have one band, and another number of channels than 1 or 3, or a choice of bands; an array of which tec_image_decode
 * would refuse every image. */
tec_status tec_dataset_take_bands(tec_dataset *set, const tec_bands *bands);

/* What was said so. */
const tec_bands *tec_dataset_bands(const tec_dataset *set);

/* Does tec_dataset_read deliver values and not pixels? */
bool tec_dataset_has_values(const tec_dataset *set);

/* What tec_dataset_read has found so far. */
tec_findings *tec_dataset_findings(const tec_dataset *set);

/* Bytes of images that the open set keeps in memory at most: a whole IDX file, what of an array is compressed; 0: none. */
int64_t tec_dataset_memory(const tec_dataset *set);

/* The large files that a pack consists of, apart from its lists: how many (0 if the set is no pack), and the path (the
 * caller frees it) and size of each. After tec_dataset_read_from they are read from copies in `dir`; call it while
 * nobody reads. */
int tec_dataset_shards(const tec_dataset *set);
char *tec_dataset_shard_file(const tec_dataset *set, int shard, int64_t *bytes);
void tec_dataset_read_from(tec_dataset *set, const char *dir);

#endif
