/* Module base, public. Fields of CSV files, as RFC 4180 has them. Local. */
#ifndef TEC_CSV_H
#define TEC_CSV_H

#include <stdio.h>

/* Writes a text, in quotes if it holds a comma, a quote or the end of a line. */
void tec_csv_put(const char *text, FILE *out);

#endif
