#include "tec/trainer.h"

#include "diverged.h"

#include "tec/clock.h"
#include "tec/loader.h"
#include "tec/memory.h"
#include "tec/range.h"
#include "tec/reducer.h"
#include "tec/sampler.h"
#include "tec/source.h"

#include <math.h>
#include <stdlib.h>

struct tec_trainer {
    const tec_comm *comm;
    const tec_settings *settings;
    const tec_dataset *set;
    tec_skipped *skipped;
    tec_model *model;
    tec_adamw adamw;
    tec_reducer *reducer;
    tec_sampler sampler;
    tec_source *source;
    tec_loader *loader;
    int images; /* of this rank in a step */
    int masks, micro_batch;
    int chunk;            /* images that the loader delivers together: no more than make a micro-batch */
    tec_request *request; /* [images] those of step `asked` */
    int64_t asked, last;  /* the step whose chunks are being asked for, and where the run ends */
    int asked_images;     /* of that step */
    tec_example *example; /* [chunk, masks] */
    bool pending;         /* the last micro-batch of the step awaits its backward */
    double weight[TEC_MAX_LOSSES];
    int64_t step; /* the next one */
};

static int visible_patches(const tec_settings *settings, const tec_model_config *config)
{
    return (int)(tec_model_patches(config) * (1 - settings->pretrain.mask_ratio));
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* The model, sized for what this rank computes at once. */
static tec_status create_model(tec_trainer *t, const tec_model_config *config, int topk)
{
    const tec_settings *s = t->settings;
    int most = (int)tec_share(s->pretrain.batch, 0, t->comm->size).count;
    t->images = (int)tec_share(s->pretrain.batch, t->comm->rank, t->comm->size).count;
    t->micro_batch = s->pretrain.micro_batch ? s->pretrain.micro_batch : tec_model_micro_batch(config, most * t->masks);
    t->chunk = smaller(larger(1, t->micro_batch / t->masks), most);
    t->micro_batch = smaller(t->micro_batch, t->chunk * t->masks);
    TEC_TRY(tec_model_create(&t->model, config, t->micro_batch, visible_patches(s, config), topk));
    tec_params_initialize(tec_model_params(t->model), s->run.seed);
    tec_adamw_create(&t->adamw, tec_model_params(t->model), s->pretrain.beta1, s->pretrain.beta2,
                     s->pretrain.weight_decay);
    t->request = tec_allocate(most * sizeof *t->request);
    t->example = tec_allocate_zeroed((unsigned long)t->chunk * t->masks, sizeof *t->example);
    return tec_reducer_create_for(&t->reducer, t->comm, tec_model_params(t->model), s);
}

static tec_status create_loader(tec_trainer *t, const tec_model_config *config, tec_store *store)
{
    const tec_settings *s = t->settings;
    t->source = tec_source_create(s, config, t->set, store);
    return tec_loader_open(&t->loader, &(tec_loader_settings){.threads = s->data.workers,
                                                              .depth = 1 + s->data.prefetch,
                                                              .batch = t->chunk,
                                                              .slot_bytes = tec_source_slot_bytes(t->source),
                                                              .fetch = tec_source_fetch,
                                                              .context = t->source});
}

tec_status tec_trainer_create(tec_trainer **out, const tec_comm *comm, const tec_settings *settings,
                              const tec_model_config *config, const tec_dataset *set, tec_store *store,
                              tec_skipped *skipped)
{
    *out = NULL;
    tec_trainer *t = tec_allocate_zeroed(1, sizeof *t);
    t->comm = comm;
    t->settings = settings;
    t->set = set;
    t->skipped = skipped;
    t->masks = settings->pretrain.masks_per_image;
    t->weight[0] = store ? settings->pretrain.feature_weight : 1;
    t->weight[1] = settings->pretrain.attention_weight;
    tec_status status =
        tec_sampler_create(&t->sampler, tec_dataset_size(set), settings->pretrain.batch, settings->run.seed);
    if (status == TEC_OK)
        status = create_model(t, config, store ? tec_store_get_spec(store)->topk : 0);
    if (status == TEC_OK)
        status = create_loader(t, config, store);
    status = tec_comm_agree(comm, status);
    if (status != TEC_OK) {
        tec_trainer_free(t);
        return status;
    }
    *out = t;
    return TEC_OK;
}

void tec_trainer_free(tec_trainer *t)
{
    if (!t)
        return;
    tec_loader_close(t->loader);
    tec_source_free(t->source);
    free(t->example);
    free(t->request);
    tec_reducer_free(t->reducer);
    tec_adamw_free(&t->adamw);
    tec_model_free(t->model);
    tec_sampler_free(&t->sampler);
    free(t);
}

tec_model *tec_trainer_model(tec_trainer *t)
{
    return t->model;
}

tec_adamw *tec_trainer_adamw(tec_trainer *t)
{
    return &t->adamw;
}

int64_t tec_trainer_steps_per_epoch(const tec_trainer *t)
{
    return t->sampler.steps_per_epoch;
}

/* Asks for one more chunk, of the step under way or of the one after it. */
static void submit_next(tec_trainer *t)
{
    if (t->asked_images == t->images) {
        t->asked++;
        t->asked_images = 0;
    }
    if (t->asked >= t->last || t->images == 0)
        return;
    if (t->asked_images == 0)
        tec_sampler_step(&t->sampler, t->asked, t->comm->rank, t->comm->size, t->request);
    int count = smaller(t->chunk, t->images - t->asked_images);
    tec_loader_submit(t->loader, t->request + t->asked_images, count);
    t->asked_images += count;
}

void tec_trainer_start(tec_trainer *t, int64_t first, int64_t last)
{
    t->step = t->asked = first;
    t->asked_images = 0;
    t->last = last;
    for (int i = 0; i <= t->settings->data.prefetch; i++)
        submit_next(t);
}

/* The model inputs of a batch: every image that could be read, once per mask. */
static tec_status collect_examples(tec_trainer *t, const tec_batch *batch, int *count)
{
    int patches = tec_model_patches(tec_model_get_config(t->model));
    *count = 0;
    for (int i = 0; i < batch->count; i++) {
        if (batch->status[i] == TEC_USER_ERROR && t->settings->data.on_bad_image == TEC_BAD_IMAGE_SKIP) {
            tec_skipped_note(t->skipped, batch->request[i].sample, batch->message[i]);
            continue;
        }
        if (batch->status[i] != TEC_OK)
            return tec_fail(batch->status[i], "%s", batch->message[i]);
        tec_sample sample = tec_source_sample(t->source, batch->slot[i]);
        for (int m = 0; m < t->masks; m++, sample.shuffle += patches)
            t->example[(*count)++] =
                (tec_example){sample.image, sample.shuffle, sample.feature, sample.attention, sample.topk};
    }
    return TEC_OK;
}

/* Forward and backward of a chunk; adds to the losses and to the number of inputs. The backward of the step's last
 * micro-batch is left for finish_backward. */
static tec_status compute_chunk(tec_trainer *t, const tec_batch *batch, bool last, double *loss, int64_t *inputs)
{
    double scale = 1.0 / ((double)t->settings->pretrain.batch * t->masks);
    int count;
    TEC_TRY(collect_examples(t, batch, &count));
    for (int at = 0; at < count; at += t->micro_batch) {
        int n = smaller(count - at, t->micro_batch);
        tec_model_forward(t->model, t->example + at, n, t->weight, scale, loss);
        if (!isfinite(loss[0] + loss[1]))
            return tec_diverged_loss(t->step, batch, t->masks, at, n, loss[0] + loss[1]);
        t->pending = last && at + n == count;
        if (!t->pending)
            tec_model_backward(t->model);
    }
    *inputs += count;
    return TEC_OK;
}

static void release_chunk(tec_trainer *t)
{
    tec_loader_release(t->loader);
    submit_next(t);
}

/* This rank's part of a step but for its last backward, which still needs the last chunk; the gradient is that of the
 * sum over the part, divided by the global batch. */
static tec_status compute(tec_trainer *t, double *loss, int64_t *inputs)
{
    for (int at = 0; at < t->images; at += t->chunk) {
        tec_batch batch;
        bool last = at + t->chunk >= t->images;
        tec_loader_wait(t->loader, &batch);
        TEC_TRY(compute_chunk(t, &batch, last, loss, inputs));
        if (!last)
            release_chunk(t);
    }
    return TEC_OK;
}

/* The last backward, in which the gradient becomes complete from the front on. */
static void finish_backward(tec_trainer *t)
{
    tec_params *params = tec_model_params(t->model);
    if (t->pending) {
        params->listener = tec_reducer_ready;
        params->listener_context = t->reducer;
        tec_model_backward(t->model);
        params->listener = NULL;
        t->pending = false;
    }
    if (t->images > 0)
        release_chunk(t);
}

/* Sums over the ranks what the step needs to go on: losses, inputs, failures, wishes. */
static tec_status agree_on_losses(tec_trainer *t, tec_status mine, int64_t inputs, const double *loss, unsigned ask,
                                  tec_step_result *result)
{
    double sum[6] = {loss[0], loss[1], (double)inputs, mine != TEC_OK, ask & TEC_ASK_CHECKPOINT, ask & TEC_ASK_STOP};
    tec_comm_sum_double(t->comm, sum, 6);
    if (sum[3] > 0)
        return tec_comm_agree(t->comm, mine);
    result->asked = (sum[4] > 0 ? TEC_ASK_CHECKPOINT : 0) | (sum[5] > 0 ? TEC_ASK_STOP : 0);
    result->inputs = (int64_t)sum[2];
    if (result->inputs == 0)
        return tec_fail(TEC_USER_ERROR, "step %lld: not one image of the batch could be decoded",
                        (long long)t->step + 1);
    double share = (double)t->settings->pretrain.batch * t->masks / sum[2];
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        result->loss[i] = sum[i] * share;
    return TEC_OK;
}

/* The factor that brings the gradient's norm down to pretrain.clip_norm, as torch.nn.utils.clip_grad_norm_. */
static double clip_factor(const tec_trainer *t, double scale)
{
    double most = t->settings->pretrain.clip_norm;
    double norm = scale * sqrt(tec_gradient_square(tec_model_params(t->model)));
    return norm > most ? most / (norm + 1e-6) : 1;
}

/* Of the gradient that AdamW uses. Slices are updated as they come; where the norm is limited, once all are there. */
static double update_slices(tec_trainer *t, double lr, double scale, double *clip)
{
    tec_params *params = tec_model_params(t->model);
    tec_slice slice;
    double square = 0;
    *clip = 1;
    if (t->settings->pretrain.clip_norm > 0) {
        tec_reducer_take_all(t->reducer);
        *clip = clip_factor(t, scale);
        return tec_adamw_step(&t->adamw, params, lr, scale * *clip);
    }
    tec_adamw_begin(&t->adamw);
    while (tec_reducer_take(t->reducer, &slice))
        square += tec_adamw_update(&t->adamw, params, slice.first, slice.count, lr, scale);
    return square;
}

static tec_status update(tec_trainer *t, double lr, tec_step_result *result)
{
    double scale = (double)t->settings->pretrain.batch * t->masks / (double)result->inputs, clip;
    finish_backward(t);
    double square = update_slices(t, lr, scale, &clip);
    result->gradient_norm = sqrt(square) / clip;
    /* All ranks have the same gradient, but other processors may round its norm otherwise: none may go on alone. */
    bool finite = isfinite(result->gradient_norm);
    return tec_comm_agree(t->comm, finite ? TEC_OK : tec_diverged_gradient(&t->sampler, t->step, result));
}

tec_status tec_trainer_step(tec_trainer *t, double lr, unsigned ask, tec_step_result *result)
{
    double loss[TEC_MAX_LOSSES] = {0}, waited = tec_loader_waited(t->loader), reduced = tec_reducer_waited(t->reducer);
    int64_t inputs = 0;
    *result = (tec_step_result){0};
    tec_status status = compute(t, loss, &inputs);
    result->waited = tec_loader_waited(t->loader) - waited;
    /* Before the first bucket: once buckets are under way no rank may leave the step. */
    double start = tec_seconds();
    TEC_TRY(agree_on_losses(t, status, inputs, loss, ask, result));
    result->reduced = tec_seconds() - start;
    TEC_TRY(update(t, lr, result));
    result->reduced += tec_reducer_waited(t->reducer) - reduced;
    t->step++;
    return TEC_OK;
}
