/* Module report, private. What a page says of a file of `tec plan --json`. */
#ifndef TEC_REPORT_PLAN_H
#define TEC_REPORT_PLAN_H

#include "tec/report.h"

#include <stdio.h>

void tec_report_plan_put(FILE *out, const tec_report_plan *plan); /* the section */

#endif
