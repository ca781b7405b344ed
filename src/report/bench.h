/* Module report, private. What a page says of a file of `tec bench --json`. */
#ifndef TEC_REPORT_BENCH_H
#define TEC_REPORT_BENCH_H

#include "tec/report.h"

#include <stdio.h>

void tec_report_bench_put(FILE *out, const tec_report_bench *bench); /* the section */

#endif
