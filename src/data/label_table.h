/* Module data, private. Which column of a table names the images, and which one their classes. */
#ifndef TEC_DATA_LABEL_TABLE_H
#define TEC_DATA_LABEL_TABLE_H

#include "label_classes.h"
#include "label_images.h"
#include "label_lines.h"

typedef struct tec_label_table {
    int file, label; /* columns, from 0 */
    bool header;     /* the first line is one */
} tec_label_table;

/* Is this, the first line of a list of labels, its heading, such as `label` or `class name`? */
bool tec_label_table_is_heading(const char *text);

/* Is a line that names no image a header? It has no class, no number and no image file in it. */
bool tec_label_table_is_header(const tec_line *line, char divider, const tec_label_classes *classes);

/* By the header and by what the columns hold; what is not read is said in a line. `path` is for messages.
 * TEC_USER_ERROR: several columns may be the label. */
tec_status tec_label_table_judge(tec_label_table *out, const tec_lines *lines, const tec_label_images *images,
                                 const tec_label_classes *classes, const char *path);

#endif
