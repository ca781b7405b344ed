/* A step: this rank's part of the global batch, chunk by chunk; gradient allreduce; AdamW. */
#include "tec/trainer.h"

#include "diverged.h"
#include "train_state.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/sampler.h"
#include "tec/skipped_report.h"
#include "tec/text.h"
#include "tec/threads.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tec_trainer {
    const tec_comm *comm;
    tec_trainer_settings settings;
    const tec_task *task;
    const tec_recipe *recipe;
    tec_model *model;
    train_state state;
    tec_reducer *reducer;
    tec_sampler sampler;
    tec_step_shape shape;
    tec_feed *feed;
    tec_request *request;   /* [shape.most] of step `asked` */
    int64_t asked, last;    /* the step whose chunks are being requested; the step at which the run ends */
    int asked_images;       /* of step `asked` */
    tec_example *example;   /* [chunk, inputs] */
    tec_expected *expected; /* [params->count] of exact sums; NULL: none */
    double prepared;        /* seconds that made model inputs of images, since the trainer was created */
    bool pending;           /* the backward of the step's last micro-batch is still to come */
    int64_t step;           /* the next one */
};

/* Model inputs of a step over all ranks, provided that every image can be read. */
static double global_inputs(const tec_trainer *t)
{
    return (double)t->recipe->batch * t->task->inputs;
}

/* The model, sized for a micro-batch, with its optimiser and buffers; the same status on every rank. */
static tec_status create_model(tec_trainer *t)
{
    const tec_task *task = t->task;
    const tec_recipe *recipe = t->recipe;
    t->shape = tec_step_shape_of(recipe, &task->model, task->inputs, t->comm->rank, t->comm->size);
    TEC_TRY(tec_model_create(&t->model, &task->model, t->shape.micro_batch, task->visible, task->topk));
    tec_params *params = tec_model_params(t->model);
    tec_params_initialize(params, recipe->seed);
    if (task->begin)
        task->begin(task->own, t->model);
    if (recipe->layer_decay > 0)
        tec_model_decay_layers(t->model, recipe->layer_decay);
    tec_train_state_create(&t->state, t->comm, params, recipe);
    t->request = tec_allocate((size_t)t->shape.most * sizeof *t->request);
    t->example = tec_allocate_zeroed((size_t)t->shape.chunk * (size_t)task->inputs, sizeof *t->example);
    return TEC_OK;
}

/* Collective until it has shared memory. */
static tec_status create_reducer(tec_trainer *t)
{
    const tec_recipe *recipe = t->recipe;
    const tec_params *params = tec_model_params(t->model);
    tec_reduction reduction = t->settings.reduction;
    const bool within_nodes = !recipe->exact && reduction.overlap == TEC_OVERLAP_OFF;
    if (reduction.memory == TEC_NODE_SHARED)
        tec_train_state_share(&t->state, within_nodes);
    if (t->state.each) {
        reduction.node = t->state.node;
        reduction.each = t->state.each;
    }
    tec_thread_parts = recipe->exact ? TEC_FIXED_PARTS : 0;
    if (recipe->exact) {
        t->expected = tec_allocate((size_t)params->count * sizeof *t->expected);
        reduction.parts = tec_recipe_groups(recipe);
    }
    return tec_reducer_create(&t->reducer, t->comm, params->grad, params->trained, &reduction);
}

/* tec_feed_next: the next chunk, of the step under way or of the one after it. */
static int next_chunk(void *trainer, tec_request *request)
{
    tec_trainer *t = trainer;
    if (t->asked_images == t->shape.images) {
        t->asked++;
        t->asked_images = 0;
    }
    if (t->asked >= t->last || t->shape.images == 0)
        return 0;
    if (t->asked_images == 0)
        tec_sampler_step(&t->sampler, t->asked, t->comm->rank, t->comm->size, t->request);
    int count = tec_min_int(t->shape.chunk, t->shape.images - t->asked_images);
    for (int i = 0; i < count; i++)
        request[i] = t->request[t->asked_images + i];
    t->asked_images += count;
    return count;
}

static tec_status open_feed(tec_trainer *t)
{
    const tec_reading *reading = &t->settings.reading;
    return tec_feed_open(&t->feed, t->settings.set,
                         &(tec_feed_settings){.view = t->task->view,
                                              .threads = reading->workers,
                                              .depth = 1 + reading->prefetch,
                                              .batch = t->shape.chunk,
                                              .keep_squares = t->task->keep_squares,
                                              .skipped = reading->skip ? t->settings.skipped : NULL,
                                              .next = next_chunk,
                                              .order = t,
                                              .attach = t->task->attach,
                                              .source = t->task->own,
                                              .attached_bytes = t->task->attached_bytes});
}

tec_status tec_trainer_create(tec_trainer **out, const tec_comm *comm, const tec_trainer_settings *settings)
{
    *out = NULL;
    tec_trainer *t = tec_allocate_zeroed(1, sizeof *t);
    t->comm = comm;
    t->settings = *settings;
    t->task = settings->task;
    t->recipe = settings->recipe;
    tec_status status = tec_sampler_create(&t->sampler, tec_dataset_size(settings->set), t->recipe);
    if (status == TEC_OK)
        status = create_model(t);
    status = tec_comm_agree(comm, status);
    if (status == TEC_OK)
        status = create_reducer(t);
    if (status == TEC_OK)
        status = open_feed(t);
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
    tec_feed_close(t->feed);
    free(t->expected);
    free(t->example);
    free(t->request);
    tec_reducer_free(t->reducer);
    tec_train_state_free(&t->state);
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
    return &t->state.adamw;
}

real *tec_trainer_average(tec_trainer *t)
{
    return t->state.average;
}

void tec_trainer_swap_average(tec_trainer *t)
{
    tec_train_state_swap(&t->state);
}

void tec_trainer_spread(tec_trainer *t, bool averaged)
{
    tec_train_state_spread(&t->state, averaged);
}

int64_t tec_trainer_steps_per_epoch(const tec_trainer *t)
{
    return t->sampler.steps_per_epoch;
}

void tec_trainer_start(tec_trainer *t, int64_t first, int64_t last)
{
    t->step = t->asked = first;
    t->asked_images = 0;
    t->last = last;
    tec_feed_ahead(t->feed);
}

/* Is nothing left of a gradient for the next step, after `done` steps of the run? */
static bool settles(const tec_trainer *t, int64_t done)
{
    return !tec_reducer_rounds(t->reducer) || done % t->sampler.steps_per_epoch % TEC_SETTLE_STEPS == 0 ||
           done == t->last;
}

bool tec_trainer_settled(const tec_trainer *t)
{
    return settles(t, t->step);
}

int64_t tec_trainer_settles(const tec_trainer *t)
{
    int64_t done = t->step;
    while (!settles(t, done))
        done++;
    return done;
}

int tec_trainer_settle_steps(const tec_trainer *t)
{
    return tec_reducer_rounds(t->reducer) ? TEC_SETTLE_STEPS : 1;
}

/* Forward of a micro-batch; adds to the losses, for exact sums in multiples of 2^-32, of which sums are exact, too. */
static void forward(tec_trainer *t, const tec_example *example, int count, double *loss)
{
    double scale = 1 / global_inputs(t), part[TEC_MAX_LOSSES] = {0};
    tec_model_forward(t->model, example, count, t->task->weight, scale, t->recipe->exact ? part : loss);
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        loss[i] += ldexp(rint(ldexp(part[i], 32)), -32);
}

/* Forward and backward of a chunk; adds to the losses and to the number of inputs. The backward of the step's last
 * micro-batch is left to finish_backward. */
static tec_status compute_chunk(tec_trainer *t, const tec_feed_batch *batch, bool last, double *loss, int64_t *inputs)
{
    int count = batch->count * t->task->inputs;
    double start = tec_seconds();
    TEC_TRY(t->task->examples(t->task->own, t->step % t->sampler.steps_per_epoch, batch, t->example));
    t->prepared += tec_seconds() - start;
    for (int at = 0; at < count; at += t->shape.micro_batch) {
        int n = tec_min_int(count - at, t->shape.micro_batch);
        forward(t, t->example + at, n, loss);
        if (!isfinite(tec_loss_total(loss)))
            return tec_diverged_loss(t->step, batch, t->task->inputs, at, n, tec_loss_total(loss));
        t->pending = last && at + n == count;
        if (t->pending)
            break;
        tec_model_backward(t->model);
        tec_reducer_add(t->reducer);
    }
    *inputs += count;
    return TEC_OK;
}

/* This rank's part of a step except its last backward, which still needs the last chunk. The gradient is the sum over
 * the part, divided by the global batch. */
static tec_status compute(tec_trainer *t, double *loss, int64_t *inputs)
{
    for (int at = 0; at < t->shape.images; at += t->shape.chunk) {
        tec_feed_batch batch;
        bool last = at + t->shape.chunk >= t->shape.images;
        TEC_TRY(tec_feed_take(t->feed, &batch));
        assert(batch.asked > 0); /* tec_trainer_start was called once, before the first step */
        TEC_TRY(compute_chunk(t, &batch, last, loss, inputs));
        if (!last)
            tec_feed_release(t->feed);
    }
    return TEC_OK;
}

/* The last backward, during which the gradient buffer is completed from front to back. */
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
    if (t->shape.images > 0)
        tec_feed_release(t->feed);
}

/* Collective. */
static tec_status refuse_batch(const tec_trainer *t)
{
    static const tec_skipped none = {0};
    char what[96];
    snprintf(what, sizeof what, "step %lld: none of the images of the batch could be decoded", (long long)t->step + 1);
    return tec_skipped_fail(t->settings.skipped ? t->settings.skipped : &none, t->comm, what);
}

/* Sums over the ranks what all must know before they continue: losses, inputs, failures, requests; and rank 0's learning
 * rate, as the math library may round a cosine differently on another processor. */
static tec_status agree_on_losses(tec_trainer *t, tec_status mine, int64_t inputs, const double *loss, unsigned ask,
                                  double *lr, tec_step_result *result)
{
    struct {
        double loss[TEC_MAX_LOSSES], inputs, failed, checkpoint, stop, lr;
    } sum = {.inputs = (double)inputs,
             .failed = mine != TEC_OK,
             .checkpoint = ask & TEC_ASK_CHECKPOINT,
             .stop = ask & TEC_ASK_STOP,
             .lr = t->comm->rank == 0 ? *lr : 0};
    memcpy(sum.loss, loss, sizeof sum.loss);
    tec_comm_sum_double(t->comm, (double *)&sum, sizeof sum / sizeof(double));
    *lr = sum.lr;
    if (sum.failed > 0)
        return tec_comm_agree(t->comm, mine);
    result->asked = (sum.checkpoint > 0 ? TEC_ASK_CHECKPOINT : 0) | (sum.stop > 0 ? TEC_ASK_STOP : 0);
    result->inputs = (int64_t)sum.inputs;
    if (result->inputs == 0)
        return refuse_batch(t);
    double share = global_inputs(t) / sum.inputs;
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        result->loss[i] = sum.loss[i] * share;
    return TEC_OK;
}

/* The factor that limits the gradient's norm to recipe->clip_norm, as torch.nn.utils.clip_grad_norm_ does. */
static double clip_factor(const tec_trainer *t, double norm)
{
    double most = t->recipe->clip_norm;
    return most > 0 && norm > most ? most / (norm + 1e-6) : 1;
}

/* Both return the squared norm of the gradient that AdamW used. Here slices are updated once all have arrived: their norm
 * is needed first or is to be the same for any slices, or they arrive while other ranks still read a node's weights. */
static double update_at_once(tec_trainer *t, double lr, double scale, double *clip)
{
    const bool known = t->recipe->clip_norm > 0 || t->recipe->exact; /* the norm */
    double norm = 0;
    tec_reducer_take_all(t->reducer);
    if (known) {
        norm = scale * sqrt(tec_train_state_square(&t->state));
        *clip = clip_factor(t, norm);
        tec_comm_broadcast(t->comm, clip, sizeof *clip, 0); /* the norm's last digits depend on threads and processor */
    }
    double square = tec_train_state_step(&t->state, lr, scale * *clip);
    square = tec_train_state_sum(&t->state, square);
    if (known)
        tec_adamw_note_clip(&t->state.adamw, *clip);
    return t->recipe->exact ? pow(*clip * norm, 2) : square;
}

static double update_slices(tec_trainer *t, double lr, double scale, double *clip)
{
    train_state *state = &t->state;
    tec_slice slice;
    double square = 0;
    *clip = 1;
    if (t->recipe->clip_norm > 0 || t->recipe->exact || (state->node && !state->each))
        return update_at_once(t, lr, scale, clip);
    tec_adamw_begin(&state->adamw);
    while (tec_reducer_take(t->reducer, &slice))
        square += tec_adamw_update(&state->adamw, state->params, slice.first, slice.count, lr, scale);
    return tec_train_state_sum(state, square);
}

static void warn_of_cut(const tec_trainer *t, int64_t cut)
{
    if (cut > 0 && t->comm->rank == 0)
        tec_warn("step %lld: %lld value%s of the gradient exceeded what run.exact_sums has room for, 4096 times the "
                 "largest of late, and %s cut to it",
                 (long long)t->step + 1, (long long)cut, tec_plural(cut), cut == 1 ? "was" : "were");
}

static tec_status update(tec_trainer *t, double lr, tec_step_result *result)
{
    double scale = global_inputs(t) / (double)result->inputs, clip;
    if (settles(t, t->step + 1))
        tec_reducer_settle(t->reducer);
    finish_backward(t);
    int64_t cut = tec_reducer_cut(t->reducer);
    double square = update_slices(t, lr, scale, &clip);
    warn_of_cut(t, tec_reducer_cut(t->reducer) - cut);
    result->gradient_norm = sqrt(square) / clip;
    /* All ranks have the same gradient, but other processors may round its norm differently: none may go on alone. */
    bool finite = isfinite(result->gradient_norm);
    return tec_comm_agree(t->comm, finite ? TEC_OK : tec_diverged_gradient(&t->sampler, t->step, result));
}

tec_status tec_trainer_step(tec_trainer *t, double lr, unsigned ask, tec_step_result *result)
{
    double loss[TEC_MAX_LOSSES] = {0}, waited = tec_feed_waited(t->feed), reduced = tec_reducer_waited(t->reducer);
    const double prepared = t->prepared;
    int64_t inputs = 0;
    *result = (tec_step_result){0};
    if (t->recipe->exact)
        tec_reducer_expect(t->reducer, t->expected,
                           tec_adamw_expect(&t->state.adamw, tec_model_params(t->model), t->expected));
    tec_status status = compute(t, loss, &inputs);
    result->waited = tec_feed_waited(t->feed) - waited;
    result->prepared = t->prepared - prepared;
    /* Before the first bucket: once buckets are under way, no rank may leave the step. */
    double start = tec_seconds();
    TEC_TRY(agree_on_losses(t, status, inputs, loss, ask, &lr, result));
    result->reduced = tec_seconds() - start;
    TEC_TRY(update(t, lr, result));
    result->reduced += tec_reducer_waited(t->reducer) - reduced;
    tec_train_state_average(&t->state, t->recipe->ema);
    t->step++;
    return TEC_OK;
}
