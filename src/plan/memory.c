#include "tec/plan.h"

#include "plan_parts.h"

#include "tec/comm.h"
#include "tec/frozen.h"
#include "tec/range.h"

/* Code, libraries, MPI and BLAS's own buffers, resident before a model is there. Measured with Open MPI 4.1 and
 * OpenBLAS 0.3 on x86-64. */
static const double PROGRAM_BYTES = 34e6;

static void add(tec_plan_memory *memory, const char *name, double bytes)
{
    int i = 0;
    while (memory->item[i].name)
        i++;
    memory->item[i].name = name;
    memory->item[i].bytes = bytes;
    memory->bytes += bytes;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

tec_plan_share tec_plan_share_of(const tec_plan_job *job)
{
    const tec_settings *s = job->settings;
    int ranks = job->nodes * job->ranks_per_node, masks = s->pretrain.masks_per_image;
    tec_plan_share share = {.ranks = ranks, .images = (int)tec_share(s->pretrain.batch, 0, ranks).count};
    int micro_batch =
        s->pretrain.micro_batch ? s->pretrain.micro_batch : tec_model_micro_batch(&job->model, share.images * masks);
    share.chunk = smaller(larger(1, micro_batch / masks), share.images);
    share.micro_batch = smaller(micro_batch, share.chunk * masks);
    share.visible = (int)(tec_model_patches(&job->model) * (1 - s->pretrain.mask_ratio));
    share.topk = job->model.kind == TEC_MODEL_TEC ? s->targets.topk : 0;
    return share;
}

tec_status tec_plan_model(const tec_plan_job *job, tec_model **out)
{
    tec_plan_share share = tec_plan_share_of(job);
    return tec_model_create(out, &job->model, share.micro_batch, share.visible, share.topk);
}

static double image_numbers(const tec_plan_job *job)
{
    return (double)job->model.channels * job->model.image_size * job->model.image_size;
}

/* Slots of the loader, and a crop and a stored row for each of its threads. */
static double loader_bytes(const tec_plan_job *job)
{
    const tec_settings *s = job->settings;
    tec_plan_share share = tec_plan_share_of(job);
    double L = tec_model_patches(&job->model), image = image_numbers(job), targets = 0, row = 0;
    if (job->model.kind == TEC_MODEL_TEC) {
        targets = L * job->base.width + (1.0 + share.topk) * job->base.heads * L;
        row = tec_plan_row_bytes(job, (tec_target_type)s->targets.type);
    }
    double slot = (image + targets) * sizeof(real) + (share.topk + L * s->pretrain.masks_per_image) * sizeof(int);
    return (1.0 + s->data.prefetch) * share.chunk * slot + s->data.workers * (image + row);
}

tec_status tec_plan_pretrain_memory(const tec_plan_job *job, tec_plan_memory *out)
{
    tec_model *model;
    *out = (tec_plan_memory){0};
    TEC_TRY(tec_plan_model(job, &model));
    const tec_params *params = tec_model_params(model);
    add(out, "program and libraries", PROGRAM_BYTES);
    add(out, "weights", (double)params->total * sizeof(real));
    add(out, "gradients", (double)params->trained * sizeof(real));
    add(out, "moments of AdamW", 2.0 * params->trained * sizeof(real));
    add(out, "activations of a micro-batch", (double)tec_model_workspace_bytes(model));
    add(out, "images and targets loaded ahead", loader_bytes(job));
    add(out, "data set and its order", job->dataset_bytes + 8.0 * job->images);
    tec_model_free(model);
    return TEC_OK;
}

tec_status tec_plan_targets_memory(const tec_plan_job *job, tec_plan_memory *out)
{
    const tec_settings *s = job->settings;
    tec_frozen *frozen;
    *out = (tec_plan_memory){0};
    int batch = smaller(s->targets.batch, (int)tec_plan_store_spec(job, (tec_target_type)s->targets.type).shard_rows);
    TEC_TRY(tec_frozen_create(&frozen, &job->base, batch)); /* a small shard never fills a batch */
    double L = tec_model_patches(&job->base), image = image_numbers(job);
    double targets = L * job->base.width + (1.0 + s->targets.topk) * job->base.heads * L;
    add(out, "program and libraries", PROGRAM_BYTES);
    add(out, "weights", (double)tec_frozen_params(frozen)->total * sizeof(real));
    add(out, "activations of a batch", (double)tec_frozen_workspace_bytes(frozen));
    add(out, "targets of a batch", batch * targets * (sizeof(real) + sizeof(float)));
    add(out, "images of batches", batch * image * ((1 + s->data.prefetch) * sizeof(real) + s->data.prefetch));
    add(out, "data set", job->dataset_bytes);
    tec_frozen_close(frozen);
    return TEC_OK;
}
