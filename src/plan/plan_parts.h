/* Module plan, private. What the parts of a plan share. */
#ifndef TEC_PLAN_PARTS_H
#define TEC_PLAN_PARTS_H

#include "tec/model.h"
#include "tec/plan.h"

/* The busiest rank's part of a step, as in training; the patch queries of a model input. */
tec_step_shape tec_plan_shape(const tec_plan_job *job);
int tec_plan_topk(const tec_plan_job *job);

/* Does each rank of a node sum a slice, in the memory that they share, as in training? */
bool tec_plan_sums_by_slices(const tec_plan_job *job);

/* The model of a rank, its memory not touched. */
tec_status tec_plan_model(const tec_plan_job *job, tec_model **out);

/* The spec of the job's store with storage type `type`; only what sizes depend on is filled in. */
tec_store_spec tec_plan_store_spec(const tec_plan_job *job, tec_target_type type);
double tec_plan_row_bytes(const tec_plan_job *job, tec_target_type type);

#endif
