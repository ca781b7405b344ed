/* The model and the step of a job, as in training. */
#include "plan_parts.h"

tec_step_shape tec_plan_shape(const tec_plan_job *job)
{
    return tec_step_shape_of(&job->recipe, &job->model, job->inputs, 0, job->nodes * job->ranks_per_node);
}

int tec_plan_topk(const tec_plan_job *job)
{
    return job->model.kind == TEC_MODEL_TEC ? job->targets.topk : 0;
}

bool tec_plan_sums_by_slices(const tec_plan_job *job)
{
    return job->reduction.memory == TEC_NODE_SHARED && job->reduction.overlap == TEC_OVERLAP_OFF &&
           !job->recipe.exact && job->ranks_per_node > 1;
}

tec_status tec_plan_model(const tec_plan_job *job, tec_model **out)
{
    return tec_model_create(out, &job->model, tec_plan_shape(job).micro_batch, job->visible, tec_plan_topk(job));
}
