/* Memory of a rank: what the program allocates, laid out but not touched. */
#include "tec/plan.h"

#include "plan_parts.h"

#include "tec/frozen.h"
#include "tec/validation.h"

/* Code, libraries, and the buffers of MPI and BLAS: resident before there is a model. Measured with Open MPI 4.1 and
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

/* What the ranks of a node have once, if they may. */
static void add_state(tec_plan_memory *memory, const tec_plan_job *job, const char *name, double bytes)
{
    add(memory, name, bytes);
    if (job->reduction.memory == TEC_NODE_SHARED)
        memory->shared += bytes;
}

double tec_plan_node_bytes(const tec_plan_job *job, const tec_plan_memory *memory)
{
    return job->ranks_per_node * (memory->bytes - memory->shared) + memory->shared;
}

static double image_numbers(const tec_plan_job *job)
{
    return (double)tec_model_pixels(&job->model);
}

/* What is attached to an image: of a classifier, labels and stochastic depth; otherwise targets and masks. */
static double attached_bytes(const tec_plan_job *job)
{
    const tec_model_config *model = &job->model;
    double L = tec_model_patches(model), topk = tec_plan_topk(job), targets = 0;
    if (model->kind == TEC_MODEL_CLASSIFIER)
        return (model->classes + 2.0 * model->depth) * sizeof(real);
    const int bases = tec_model_bases(model);
    for (int i = 0; model->kind == TEC_MODEL_TEC && i < bases; i++)
        targets += L * tec_model_base(model, i).width + (1.0 + topk) * tec_model_base(model, i).heads * L;
    return targets * sizeof(real) + (bases * topk + L * job->inputs) * sizeof(int);
}

/* Of the rows of all base models' stores for one view. */
static double stored_bytes(const tec_plan_job *job)
{
    double bytes = 0;
    for (int i = 0; job->model.kind == TEC_MODEL_TEC && i < tec_model_bases(&job->model); i++) {
        const tec_base_shape base = tec_model_base(&job->model, i);
        tec_plan_job alone = *job;
        alone.base.width = base.width;
        alone.base.heads = base.heads;
        bytes += tec_plan_row_bytes(&alone, job->targets.type);
    }
    return bytes;
}

/* Of rounding gradients between nodes: what is left of a rank's slice, which is rounded for its node. */
static double rounding_bytes(const tec_plan_job *job, double parameters)
{
    const bool rounds = job->reduction.type == TEC_GRADIENT_BFLOAT16 && job->nodes > 1;
    return rounds ? parameters / job->ranks_per_node * sizeof(real) : 0;
}

/* Slots of the loader, plus a crop and the stored rows per thread. */
static double loader_bytes(const tec_plan_job *job)
{
    const tec_reading *reading = &job->reading;
    double image = image_numbers(job), slot = image * sizeof(real) + attached_bytes(job);
    slot += job->targets.online ? image : 0; /* the crop that is kept for the base model */
    return (1.0 + reading->prefetch) * tec_plan_shape(job).chunk * slot +
           reading->workers * (image + (job->targets.online ? 0 : stored_bytes(job)));
}

/* The validation images' own slots, beside those of the next step, and the confusion matrix. */
static double validation_bytes(const tec_plan_job *job)
{
    double classes = job->model.classes, image = image_numbers(job) * sizeof(real);
    return (1.0 + job->reading.prefetch) * tec_plan_shape(job).micro_batch * image +
           (classes <= TEC_VALIDATION_CONFUSION ? classes * classes : 0) * sizeof(int64_t);
}

/* Of the base model in the step, and of a row that it computes. */
static tec_status add_online(const tec_plan_job *job, tec_plan_memory *out)
{
    tec_frozen *frozen;
    TEC_TRY(tec_frozen_create(&frozen, &job->base, 1));
    double row = attached_bytes(job) * sizeof(float) / sizeof(real) + tec_plan_row_bytes(job, job->targets.type);
    add(out, "base model's weights", (double)tec_frozen_params(frozen)->total * sizeof(real));
    add(out, "base model's activations",
        (double)tec_frozen_workspace_bytes(frozen) + row + image_numbers(job) * sizeof(real));
    tec_frozen_close(frozen);
    return TEC_OK;
}

tec_status tec_plan_training_memory(const tec_plan_job *job, tec_plan_memory *out)
{
    tec_model *model;
    *out = (tec_plan_memory){0};
    TEC_TRY(tec_plan_model(job, &model));
    const tec_params *params = tec_model_params(model);
    add(out, "program and libraries", PROGRAM_BYTES);
    add_state(out, job, "weights", (double)params->total * sizeof(real));
    add(out, "gradients", (double)params->trained * sizeof(real));
    add_state(out, job, "moments of AdamW", 2.0 * (double)params->trained * sizeof(real));
    if (job->recipe.exact)
        add(out, "exact sums of gradients", (double)params->trained * sizeof(int64_t));
    const double rounding = rounding_bytes(job, (double)params->trained);
    if (rounding > 0)
        add(out, "what rounding leaves of gradients", rounding);
    if (job->recipe.ema > 0)
        add_state(out, job, "running mean of the weights", (double)params->total * sizeof(real));
    add(out, "activations of a micro-batch", (double)tec_model_workspace_bytes(model));
    add(out, "images and targets loaded ahead", loader_bytes(job));
    if (job->val_images > 0)
        add(out, "validation", validation_bytes(job));
    add(out, "data set and its order", job->dataset_bytes + 8.0 * (double)job->images);
    tec_model_free(model);
    return job->targets.online ? add_online(job, out) : TEC_OK;
}

tec_status tec_plan_targets_memory(const tec_plan_job *job, tec_plan_memory *out)
{
    tec_frozen *frozen;
    *out = (tec_plan_memory){0};
    int64_t rows = tec_plan_store_spec(job, job->targets.type).shard_rows;
    int batch = rows < job->targets.batch ? (int)rows : job->targets.batch; /* small shards do not fill a batch */
    TEC_TRY(tec_frozen_create(&frozen, &job->base, batch));
    double L = tec_model_patches(&job->base), image = image_numbers(job), prefetch = job->reading.prefetch;
    double targets = L * job->base.width + (1.0 + job->targets.topk) * job->base.heads * L;
    add(out, "program and libraries", PROGRAM_BYTES);
    add(out, "weights", (double)tec_frozen_params(frozen)->total * sizeof(real));
    add(out, "activations of a batch", (double)tec_frozen_workspace_bytes(frozen));
    add(out, "targets of a batch", batch * targets * (sizeof(real) + sizeof(float)));
    add(out, "images of batches", batch * image * ((1 + prefetch) * sizeof(real) + prefetch));
    add(out, "data set", job->dataset_bytes);
    tec_frozen_close(frozen);
    return TEC_OK;
}
