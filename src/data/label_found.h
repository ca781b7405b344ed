/* Module data, private. Labels of the files that a scan has found, from a text file (data.labels=FILE). Local. */
#ifndef TEC_DATA_LABEL_FOUND_H
#define TEC_DATA_LABEL_FOUND_H

#include "file_list.h"

/* Gives each file of `found`, which is sorted by path, the label that a line of the text names. A line has the file (a path, a
 * name, or a name without its ending) and its label, in columns of tabs, commas, semicolons or blanks, in any order, with or
 * without a header; of further columns the label is that of the header, or the only one that does not hold numbers. path, root:
 * of the text and of the images, for messages. TEC_USER_ERROR, with the line: images without a label, two labels for one image,
 * a name that several images have, columns of which the label cannot be told. Lines without an image are counted in a warning. */
tec_status tec_found_take_labels(tec_found *found, const char *root, const char *path, const char *text,
                                 tec_scan_notes *notes);

#endif
