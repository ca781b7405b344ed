/* Module jobs, private. How `tec plan` says what a job needs. Local. */
#ifndef TEC_JOBS_PLAN_REPORT_H
#define TEC_JOBS_PLAN_REPORT_H

#include <jansson.h>

/* Prints a plan, as tec_plan_json gives it, with "assumptions", a list of texts. */
void tec_plan_print(const json_t *plan);

#endif
