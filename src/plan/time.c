#include "plan_parts.h"

#include "tec/flops.h"

#include <math.h>

/* What a simulated fat tree of 16 to 1024 nodes leaves of its line rate to a ring; what a message takes beside its
 * bytes. */
static const double NETWORK_EFFICIENCY = 0.87, MESSAGE_SECONDS = 20e-6;

double tec_plan_node_reduce_rate(double copy_rate, int ranks_per_node)
{
    return ranks_per_node > 1 ? copy_rate / (4.0 * (ranks_per_node - 1)) : INFINITY;
}

static double network_reduce(const tec_plan_job *job, const tec_plan_machine *machine, double bytes)
{
    double N = job->nodes, bucket = job->settings->run.bucket_mb * 1048576.0;
    if (N < 2)
        return 0;
    return 2 * (N - 1) / N * bytes / (NETWORK_EFFICIENCY * machine->network_rate) +
           2 * ceil(log2(N)) * MESSAGE_SECONDS * ceil(bytes / bucket);
}

/* Seconds of a step that decoding takes from the computation: what the cores without a rank cannot do meanwhile. */
static double fetch_exposed(const tec_plan_job *job, const tec_plan_machine *machine, int images, double compute)
{
    int threads = tec_settings_threads(job->settings), workers = job->settings->data.workers;
    double spare = (double)machine->cores / job->ranks_per_node - threads;
    spare = spare < 0 ? 0 : spare > workers ? workers : spare;
    return fmax(0, images * machine->fetch_seconds - spare * compute);
}

static int64_t checkpoints_of(const tec_settings *s, double seconds)
{
    int64_t by_epochs = (s->pretrain.epochs + s->pretrain.checkpoint_epochs - 1) / s->pretrain.checkpoint_epochs;
    double minutes = s->pretrain.checkpoint_minutes;
    return by_epochs + (minutes > 0 ? (int64_t)(seconds / (60 * minutes)) : 0);
}

static void plan_targets(const tec_plan_job *job, const tec_plan_machine *machine, const tec_plan_share *share,
                         tec_plan_time *out)
{
    const tec_settings *s = job->settings;
    if (job->model.kind != TEC_MODEL_TEC)
        return;
    double views = ceil((double)job->images * s->targets.views / share->ranks);
    double compute = views * tec_flops_targets(&job->base, 1, s->targets.topk) / machine->targets_rate;
    double fetch = views * machine->fetch_seconds, threads = tec_settings_threads(s);
    double spare = fmin(fmax(0, (double)machine->cores / job->ranks_per_node - threads), s->data.workers);
    out->targets_seconds = compute + fmax(0, fetch - spare * compute);
    out->targets_node_hours = out->targets_seconds * job->nodes / 3600;
}

tec_status tec_plan_time_of(const tec_plan_job *job, const tec_plan_machine *machine, tec_plan_time *out)
{
    const tec_settings *s = job->settings;
    tec_plan_share share = tec_plan_share_of(job);
    tec_model *model;
    double bytes;
    *out = (tec_plan_time){0};
    TEC_TRY(tec_plan_checkpoint_bytes(job, &bytes));
    TEC_TRY(tec_plan_model(job, &model));
    double parameters = (double)tec_model_params(model)->trained, inputs = share.images * s->pretrain.masks_per_image;
    tec_model_free(model);
    double calls = ceil(inputs / share.micro_batch), gradient = parameters * sizeof(real);
    double flops = inputs * (tec_flops_train(&job->model, 2, share.visible, share.topk) -
                             tec_flops_train(&job->model, 1, share.visible, share.topk)) +
                   calls * tec_flops_train(&job->model, 0, share.visible, share.topk);
    out->compute = flops / machine->train_rate;
    out->update = parameters * machine->update_seconds;
    out->node_reduce = job->ranks_per_node > 1 ? gradient / machine->node_reduce_rate : 0;
    out->network_reduce = network_reduce(job, machine, gradient);
    out->fetch = fetch_exposed(job, machine, share.images, out->compute);
    out->step = out->compute + out->update + out->node_reduce + out->network_reduce + out->fetch;
    out->steps = job->images / s->pretrain.batch * s->pretrain.epochs;
    out->checkpoint = bytes / machine->disk_rate;
    out->checkpoints = checkpoints_of(s, (double)out->steps * out->step);
    out->seconds = (double)out->steps * out->step + (double)out->checkpoints * out->checkpoint;
    out->node_hours = out->seconds * job->nodes / 3600;
    plan_targets(job, machine, &share, out);
    return TEC_OK;
}
