/* Module plan, private. What the parts of a plan share. */
#ifndef TEC_PLAN_PARTS_H
#define TEC_PLAN_PARTS_H

#include "tec/model.h"
#include "tec/plan.h"

/* What falls to the busiest rank of a step, as a trainer divides it, and the further queries of a model input. */
tec_step_shape tec_plan_shape(const tec_plan_job *job);
int tec_plan_topk(const tec_plan_job *job);

/* The model of a rank, laid out and untouched. */
tec_status tec_plan_model(const tec_plan_job *job, tec_model **out);

/* The store that the job's settings ask for, but stored as `type`; what sizes depend on alone is filled in. */
tec_store_spec tec_plan_store_spec(const tec_plan_job *job, tec_target_type type);
double tec_plan_row_bytes(const tec_plan_job *job, tec_target_type type);

#endif
