/* Module base, public. Tables as CSV (RFC 4180, lines end in a line feed). Local. */
#ifndef TEC_CSV_H
#define TEC_CSV_H

#include <stdio.h>

/* Writes a text as one field, in quotes where it needs them. */
void tec_csv_put(FILE *out, const char *text);

#endif
