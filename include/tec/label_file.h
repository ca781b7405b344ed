/* Module data, public. Labels of a data set from a text file beside it, as validation sets often have them. Local. */
#ifndef TEC_LABEL_FILE_H
#define TEC_LABEL_FILE_H

#include "tec/dataset.h"

/* What a number in place of a class name means. */
typedef enum tec_numbering {
    TEC_NUMBERS_ASK,    /* nobody has said so: an error */
    TEC_NUMBERS_FROM_0, /* the place in the list of classes, from 0 */
    TEC_NUMBERS_FROM_1  /* the same, from 1 */
} tec_numbering;
#define TEC_NUMBERING_WORDS "ask|from_0|from_1"

/* Texts end with a 0 byte; everything is borrowed. */
typedef struct tec_label_files {
    const char *labels_path, *labels;   /* the labels */
    const char *classes_path, *classes; /* which class a number means; NULL: not given */
    tec_numbering numbering;
} tec_label_files;

/* Gives `set`, which was opened without labels, the classes of `named` and a label for each of its images.
 *
 *   labels   either one label a line, for the images in the order of their names, or lines of a file and its label,
 *            in any order, with or without a header; between them a comma, semicolon, tab or blanks, further columns are
 *            ignored. A file is a path, a name, or a name without its ending. A label is the name of a class or, where no
 *            class is called so, a number
 *   classes  a name a line, in the order of their numbers, or lines of a name and its number, in this order or the
 *            other; text behind them is ignored
 *
 * TEC_USER_ERROR, with the line: a label that is no class of `named`, images without a label, another number of lines
 * than of images, two labels for one image, a name that several images have, numbers of which nobody says what they
 * mean. Lines for images that the set does not have are counted in a warning. */
tec_status tec_labels_read(tec_dataset *set, const char *set_path, const tec_dataset *named,
                           const tec_label_files *files);

#endif
