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
 *            in any order, with or without a header; between them a comma, semicolon, tab or blanks. Among further
 *            columns the label is told by the header or by what they hold; what is not read is said. A file is a path, a name, or a name without its ending. A label is the name of a class or, where no
 *            class is called so, a number
 *   classes  a name a line, in the order of their numbers, or lines of a name and its number, in this order or the
 *            other; text behind them is ignored
 *
 * TEC_USER_ERROR, with the line: a label that is no class of `named`, images without a label, another number of lines
 * than of images, two labels for one image, a name that several images have, numbers of which nobody says what they
 * mean, several columns that may be the label, one label a line for images of which bytewise order is not the only one,
 * labels that differ from the class folders which images are in. Lines for images that the set does not have are counted in a warning. */
tec_status tec_labels_read(tec_dataset *set, const char *set_path, const tec_dataset *named,
                           const tec_label_files *files);

/* Gives `set`, which has classes of its own, the numbers that these have in `named`. TEC_USER_ERROR: some are no classes of
 * `named`; `set` is unchanged. The paths are for messages. */
tec_status tec_labels_adopt(tec_dataset *set, const char *set_path, const tec_dataset *named, const char *named_path);

/* TEC_USER_ERROR: this file, the value of `key`, is no text that tec_labels_read understands, but UTF-16, JSON or a table
 * of another program. `text` ends with a 0 byte behind its `bytes`. */
tec_status tec_labels_check_text(const char *key, const char *path, const char *text, size_t bytes);

#endif
