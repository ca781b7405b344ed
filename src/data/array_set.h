/* Module data, private. Arrays as images and their labels: which arrays of a file are taken, and how their bytes are
 * pixels and classes. Local. */
#ifndef TEC_DATA_ARRAY_SET_H
#define TEC_DATA_ARRAY_SET_H

#include "tec/array_file.h"
#include "tec/dataset.h"

/* ---- shapes ---- */

typedef struct tec_array_layout {
    int64_t images;
    int height, width, channels;
    bool planar; /* [N, C, H, W] */
} tec_array_layout;

/* What an array is as images; the one place that says what is taken: uint8, 1 or 3 channels, [N, H, W], [N, H, W, C] or
 * [N, C, H, W]. TEC_USER_ERROR: anything else. `place` is for messages. */
tec_status tec_array_layout_of(const tec_array *array, const char *place, tec_array_layout *out);

/* An image as it is stored, as [height, width, channels]. */
void tec_array_pixels(const tec_array_layout *layout, const uint8_t *stored, uint8_t *out);

/* ---- which arrays ---- */

typedef struct tec_array_choice {
    tec_array_file *file;
    int images;
    tec_array_file *label_file; /* where the labels are: the file, or another one; NULL: there are none */
    int labels;
} tec_array_choice;

/* Opens the file of a path (tec_array_path) and chooses: the arrays that the path names, otherwise those that their
 * names call images of the role ("train", "val"; NULL: none) and labels, these also in a file beside it: x.npy and
 * y.npy. Says what was taken, unless `quiet`. TEC_USER_ERROR: as of tec_array_file_open, no such array, or several.
 * */
tec_status tec_array_choose(const char *path, const char *role, tec_label_mode labels, bool quiet,
                            tec_array_choice *out);
void tec_array_choice_free(tec_array_choice *choice);

/* ---- labels ---- */

typedef struct tec_array_labels {
    int64_t *label; /* [images] */
    int64_t classes;
    char **name; /* [classes] */
} tec_array_labels;

/* Reads the labels of so many images. Classes are numbered from 0 without gaps, but for a role of "val", which may lack
 * some. TEC_USER_ERROR: another number or type, a number that is none of a class. */
tec_status tec_array_labels_read(const tec_array_choice *choice, int64_t images, const char *role,
                                 tec_array_labels *out);
void tec_array_labels_free(tec_array_labels *labels);

#endif
