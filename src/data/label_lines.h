/* Module data, private. The lines and columns of text files that people and other programs write. */
#ifndef TEC_DATA_LABEL_LINES_H
#define TEC_DATA_LABEL_LINES_H

#include <stddef.h>

typedef struct tec_line {
    const char *text; /* without blanks at both ends; ended by a 0 byte */
    int number;       /* in the file, from 1 */
} tec_line;

typedef struct tec_lines {
    char *text; /* owned; the lines point into it */
    tec_line *line;
    size_t count;
    char divider; /* of columns: the first of tab, comma, semicolon and blank that all lines have; 0: none */
} tec_lines;

/* All lines but empty ones; CR, and the byte order mark of UTF-8, are left out. Free with tec_lines_free. */
void tec_lines_split(tec_lines *out, const char *text);
void tec_lines_free(tec_lines *lines);

/* A line as columns; quotes around a column are left out. */
typedef struct tec_columns {
    char *text;    /* owned */
    char **column; /* [count] owned; the texts point into it */
    int count;     /* at least 1 */
} tec_columns;

void tec_columns_split(tec_columns *out, const char *line, char divider);
void tec_columns_free(tec_columns *columns);

#endif
