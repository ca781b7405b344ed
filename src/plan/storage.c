/* Bytes on disk: checkpoints and target stores. */
#include "plan_parts.h"

#include "tec/checkpoint.h"

/* What HDF5 adds to a shard: object headers and alignment. Measured. */
static const double SHARD_OVERHEAD = 12e3;

tec_store_spec tec_plan_store_spec(const tec_plan_job *job, tec_target_type type)
{
    tec_store_spec spec = {.samples = job->images,
                           .views = job->targets.views,
                           .patches = tec_model_patches(&job->base),
                           .width = job->base.width,
                           .heads = job->base.heads,
                           .topk = job->targets.topk,
                           .type = type,
                           .images = job->targets.images,
                           .image_size = job->base.image_size,
                           .channels = job->base.channels};
    spec.shard_rows = tec_store_shard_rows(&spec, job->targets.shard_mb);
    return spec;
}

double tec_plan_row_bytes(const tec_plan_job *job, tec_target_type type)
{
    tec_store_spec spec = tec_plan_store_spec(job, type);
    return (double)tec_store_row_bytes(&spec);
}

double tec_plan_store_bytes(const tec_plan_job *job, tec_target_type type)
{
    tec_store_spec spec = tec_plan_store_spec(job, type);
    double rows = (double)spec.samples * spec.views;
    return rows * (double)tec_store_row_bytes(&spec) + (double)tec_store_shards(&spec) * SHARD_OVERHEAD;
}

tec_status tec_plan_checkpoint_bytes(const tec_plan_job *job, double *bytes)
{
    tec_model *model;
    TEC_TRY(tec_plan_model(job, &model));
    *bytes = (double)tec_checkpoint_bytes(tec_model_params(model), job->recipe.ema > 0);
    tec_model_free(model);
    return TEC_OK;
}
