/* Module data, private. Arrays as images and their labels: which arrays of a file are taken, and how their bytes are
 * pixels and classes. Local. */
#ifndef TEC_DATA_ARRAY_SET_H
#define TEC_DATA_ARRAY_SET_H

#include "dataset_parts.h"
#include "tec/array_file.h"
#include "tec/dataset.h"

/* ---- shapes ---- */

typedef struct tec_array_layout {
    int64_t images;
    int height, width, channels;
    bool planar; /* [N, C, H, W] */
    bool big_endian;
    tec_sample sample;
} tec_array_layout;

/* What an array is as images; the one place that says what is taken: whole numbers of 8, 16 and 32 bits and floats of 16,
 * 32 and 64 in either order of bytes, 1 to TEC_BANDS_MOST channels, [N, H, W], [N, H, W, C] or [N, C, H, W]. Of the last
 * two it is the one that makes the channels 1 or 3, or that makes images of any other number of them squares, or that
 * makes the channels the smallest of the three. TEC_USER_ERROR: anything else. `place` is for messages. */
tec_status tec_array_layout_of(const tec_array *array, const char *place, tec_array_layout *out);

/* An image as it is stored, as [height, width, channels], little-endian. */
void tec_array_pixels(const tec_array_layout *layout, const uint8_t *stored, uint8_t *out);

/* "[N, C, H, W]: 5 bands of 32 x 24 pixels"; the caller frees it. */
char *tec_array_layout_words(const tec_array_layout *layout);

/* ---- which arrays ---- */

typedef struct tec_array_choice {
    tec_array_file *file;
    int images;
    tec_array_file *label_file; /* where the labels are: the file, or another one; NULL: there are none */
    int labels;
} tec_array_choice;

/* Opens the file of a path (tec_array_path) and chooses: the arrays that the path names, otherwise those that their
 * names call images of the role ("train", "val"; NULL: none) and labels, these also in a file beside it: x.npy and
 * y.npy. TEC_USER_ERROR: as of tec_array_file_open, no such array, or several. */
tec_status tec_array_choose(const char *path, const char *role, tec_label_mode labels, tec_array_choice *out);

/* Says what was taken. */
void tec_array_choice_say(const tec_array_choice *choice, tec_label_mode labels);

/* Notes what the list of their images depends on: which arrays these are, the names of the classes, and the files. */
void tec_array_choice_note(const tec_array_choice *choice, tec_scan_notes *notes);
void tec_array_choice_free(tec_array_choice *choice);

/* Does the path still mean what the scan has noted of it, with the same files? `at` is at so many notes, and *changed, the
 * first that is another, points into them. Says what was taken if it does. */
bool tec_arrays_are_as_noted(const tec_list_request *request, tec_list_cursor at, size_t count, const char **changed);

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
