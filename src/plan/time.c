/* Seconds of a step and of a run, given the performance of a machine. */
#include "plan_parts.h"

#include "tec/flops.h"

#include <math.h>

static const double NETWORK_EFFICIENCY = 0.87; /* of a ring on a simulated fat tree of 16 to 1024 nodes */
static const double MESSAGE_SECONDS = 20e-6;   /* latency and software, per message */

double tec_plan_node_reduce_rate(double copy_rate, int ranks_per_node, bool by_slices)
{
    if (ranks_per_node == 1)
        return INFINITY;
    return copy_rate / (by_slices ? ranks_per_node + 0.5 : 4.0 * (ranks_per_node - 1));
}

/* Rounded sums are those of bfloat16 in all steps but one of TEC_SETTLE_STEPS. */
static double network_reduce(const tec_plan_job *job, const tec_plan_machine *machine, double bytes)
{
    const double N = job->nodes, bucket = (double)job->reduction.bucket_bytes;
    const double at_once = tec_plan_sums_by_slices(job) ? job->ranks_per_node : 1;
    const bool rounds = job->reduction.type == TEC_GRADIENT_BFLOAT16;
    const double rounded = (sizeof(uint16_t) * (TEC_SETTLE_STEPS - 1.0) / sizeof(real) + 1) / TEC_SETTLE_STEPS;
    const double messages = rounds ? N - 1 : ceil(log2(N));
    if (N < 2)
        return 0;
    return 2 * (N - 1) / N * (rounds ? rounded : 1) * bytes / (NETWORK_EFFICIENCY * machine->network_rate) +
           2 * messages * MESSAGE_SECONDS * ceil(bytes / at_once / bucket);
}

/* Cores without a rank that are left to the decoding threads of a rank. */
static double spare_cores(const tec_plan_job *job, const tec_plan_machine *machine)
{
    double spare = (double)machine->cores / job->ranks_per_node - job->threads;
    return fmin(fmax(0, spare), job->reading.workers);
}

/* Seconds per step that decoding takes from the computation: what spare cores cannot do in the meantime. */
static double fetch_exposed(const tec_plan_job *job, const tec_plan_machine *machine, int images, double compute)
{
    return fmax(0, images * machine->fetch_seconds - spare_cores(job, machine) * compute);
}

/* Every `every` epochs, and at the end. */
static int64_t times_of(const tec_recipe *r, int every)
{
    return (r->epochs + every - 1) / every;
}

static int64_t checkpoints_of(const tec_recipe *r, double seconds)
{
    double minutes = r->checkpoint_minutes;
    return times_of(r, r->checkpoint_epochs) + (minutes > 0 ? (int64_t)(seconds / (60 * minutes)) : 0);
}

static double validation_seconds(const tec_plan_job *job, const tec_plan_machine *machine)
{
    int images = (int)ceil((double)job->val_images / (job->nodes * job->ranks_per_node));
    if (images == 0)
        return 0;
    double compute = tec_flops_classify(&job->model, images) / machine->train_rate;
    return compute + fetch_exposed(job, machine, images, compute);
}

static void plan_targets(const tec_plan_job *job, const tec_plan_machine *machine, tec_plan_time *out)
{
    if (job->model.kind != TEC_MODEL_TEC)
        return;
    double views = ceil((double)job->images * job->targets.views / (job->nodes * job->ranks_per_node));
    double compute = views * tec_flops_targets(&job->base, 1, job->targets.topk) / machine->targets_rate;
    double fetch = views * machine->fetch_seconds;
    out->targets_seconds = compute + fmax(0, fetch - spare_cores(job, machine) * compute);
    out->targets_node_hours = out->targets_seconds * job->nodes / 3600;
}

/* What the base model costs a step in which it computes the targets. Crops are decoded on either way. */
static double online_seconds(const tec_plan_job *job, const tec_plan_machine *machine, int images)
{
    if (job->model.kind != TEC_MODEL_TEC)
        return 0;
    return images * tec_flops_targets(&job->base, 1, job->targets.topk) / machine->targets_rate;
}

/* Of the products of `inputs` model inputs, those that stochastic depth leaves out on average: its probability grows from 0
 * in the first block. */
static double left_out(const tec_plan_job *job, double inputs)
{
    const double branches = job->model.depth > 1 ? inputs * job->model.depth * job->drop_path / 2 : 0;
    return tec_flops_branches(&job->model, branches, branches);
}

tec_status tec_plan_time_of(const tec_plan_job *job, const tec_plan_machine *machine, tec_plan_time *out)
{
    const tec_recipe *r = &job->recipe;
    const tec_step_shape shape = tec_plan_shape(job);
    const int visible = job->visible, topk = tec_plan_topk(job);
    tec_model *model;
    double bytes;
    *out = (tec_plan_time){0};
    TEC_TRY(tec_plan_checkpoint_bytes(job, &bytes));
    TEC_TRY(tec_plan_model(job, &model));
    double parameters = (double)tec_model_params(model)->trained, inputs = (double)shape.images * job->inputs;
    tec_model_free(model);
    double calls = ceil(inputs / shape.micro_batch),
           gradient = parameters * (r->exact ? sizeof(int64_t) : sizeof(real));
    double flops =
        inputs * (tec_flops_train(&job->model, 2, visible, topk) - tec_flops_train(&job->model, 1, visible, topk)) +
        calls * tec_flops_train(&job->model, 0, visible, topk) - left_out(job, inputs);
    out->compute = flops / machine->train_rate;
    out->update = parameters * machine->update_seconds;
    if (job->reduction.memory == TEC_NODE_SHARED)
        out->update /= job->ranks_per_node;
    out->node_reduce = job->ranks_per_node > 1 ? gradient / machine->node_reduce_rate : 0;
    out->network_reduce = network_reduce(job, machine, gradient);
    out->online = online_seconds(job, machine, shape.images);
    const double computed = out->compute + (job->targets.online ? out->online : 0);
    out->fetch = fetch_exposed(job, machine, shape.images, computed);
    out->step = computed + out->update + out->node_reduce + out->network_reduce + out->fetch;
    out->steps = job->images / r->batch * r->epochs;
    out->online_node_hours = (double)out->steps * out->online * job->nodes / 3600;
    out->checkpoint = bytes / machine->disk_rate;
    out->checkpoints = checkpoints_of(r, (double)out->steps * out->step);
    out->validation = validation_seconds(job, machine);
    out->validations = job->val_images > 0 ? times_of(r, r->validate_epochs) : 0;
    out->seconds = (double)out->steps * out->step + (double)out->checkpoints * out->checkpoint +
                   (double)out->validations * out->validation;
    out->node_hours = out->seconds * job->nodes / 3600;
    plan_targets(job, machine, out);
    return TEC_OK;
}
