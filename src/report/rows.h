/* Module report, private. Tables of what a JSON file says: lists of objects, and facts. */
#ifndef TEC_REPORT_ROWS_H
#define TEC_REPORT_ROWS_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* A member of an object: a text as it is, yes or no, a number times `factor`. */
typedef struct tec_rows_column {
    const char *title; /* with its unit */
    const char *member;
    double factor; /* 0: no number */
    int digits;
} tec_rows_column;

/* The first rows of `list` (at most `most`), a column for each of `columns` [count]. */
void tec_rows_put(FILE *out, const char *caption, const json_t *list, size_t most, const tec_rows_column *columns,
                  size_t count);

/* A table of names and texts; between the two, its rows. */
void tec_facts_begin(FILE *out);
void tec_facts_put(FILE *out, const char *name, const char *text);
void tec_facts_put_number(FILE *out, const char *name, double value, int digits);
void tec_facts_end(FILE *out);

#endif
