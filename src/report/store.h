/* Module report, private. What a page says of a target store. */
#ifndef TEC_REPORT_STORE_H
#define TEC_REPORT_STORE_H

#include "tec/report.h"

#include <stdio.h>

/* The section. */
void tec_report_store_put(FILE *out, const tec_report_store *store);

#endif
