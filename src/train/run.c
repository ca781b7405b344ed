#include "tec/run.h"

#include "run_directory.h"
#include "run_log.h"

#include "tec/log.h"
#include "tec/schedule.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stop_signal;

static void note_signal(int number)
{
    stop_signal = number;
}

/* Sums over a logging interval. */
typedef struct interval {
    double loss[TEC_MAX_LOSSES], waited, reduced, start;
    int64_t steps;
} interval;

typedef struct run {
    const tec_comm *comm;
    const tec_run_plan *plan;
    const tec_settings *settings;
    tec_trainer *trainer;
    tec_skipped skipped;
    tec_run_state state;
    run_log log;
    interval since; /* the last line of the log */
    const char *const *loss_names;
    int64_t epoch_steps, total_steps;
    double peak_lr, started, seconds_before; /* of the run when this process took it up */
    double last_checkpoint;
    int64_t checkpoint_step; /* of the last checkpoint; -1: there is none */
    double rate;             /* model inputs per second, of the last interval */
} run;

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

static double current_lr(const run *r)
{
    return tec_schedule_cosine((double)r->state.step / r->epoch_steps, r->settings->pretrain.epochs,
                               r->settings->pretrain.warmup_epochs, r->peak_lr, r->settings->pretrain.min_lr);
}

static tec_status prepare(run *r)
{
    const tec_settings *s = r->settings;
    bool resumed;
    TEC_TRY(tec_trainer_create(&r->trainer, r->comm, s, &r->plan->config, r->plan->set, r->plan->store, &r->skipped));
    r->loss_names = tec_model_loss_names(tec_trainer_model(r->trainer));
    r->epoch_steps = tec_trainer_steps_per_epoch(r->trainer);
    r->total_steps = r->epoch_steps * s->pretrain.epochs;
    r->peak_lr =
        s->pretrain.lr > 0 ? s->pretrain.lr : s->pretrain.blr * s->pretrain.batch * s->pretrain.masks_per_image / 256;
    r->state = (tec_run_state){.ranks = r->comm->size,
                               .dataset = tec_dataset_fingerprint(r->plan->set),
                               .seed = s->run.seed,
                               .batch = s->pretrain.batch};
    TEC_TRY(run_directory_resume(r->comm, r->plan, r->trainer, &r->state, &resumed));
    if (resumed && r->state.ranks != r->comm->size)
        tec_log("the run had %d ranks and has %d now: same images, gradients equal up to rounding", r->state.ranks,
                r->comm->size);
    r->state.ranks = r->comm->size;
    r->seconds_before = r->state.seconds;
    if (resumed)
        r->checkpoint_step = r->state.step;
    TEC_TRY(run_directory_describe(r->comm, r->plan));
    return tec_comm_agree(r->comm, r->comm->rank == 0 ? run_log_open(&r->log, s->run.dir, r->state.step) : TEC_OK);
}

static void show_progress(run *r, const tec_step_result *result, double lr)
{
    const tec_settings *s = r->settings;
    char left[32], losses[96];
    int length = 0;
    for (int i = 0; r->loss_names[i]; i++)
        length += snprintf(losses + length, sizeof losses - length, " %s %.4f", r->loss_names[i], result->loss[i]);
    tec_duration(left, (double)(r->total_steps - r->state.step) * result->inputs / r->rate);
    tec_progress(s->pretrain.progress_seconds, "epoch %lld/%d step %lld/%lld%s lr %.2e %.0f images/s, %s left",
                 (long long)r->state.epoch + 1, s->pretrain.epochs, (long long)r->state.step, (long long)r->total_steps,
                 losses, lr, r->rate, left);
}

/* Collective. A line of the log from sums of losses over `steps` steps. */
static tec_status log_line(run *r, const char *kind, const double *loss_sum, int64_t steps, double lr,
                           double gradient_norm)
{
    double elapsed = tec_seconds() - r->since.start;
    run_log_line line = {.kind = kind,
                         .epoch = r->state.epoch + 1,
                         .step = r->state.step,
                         .loss_names = r->loss_names,
                         .lr = lr,
                         .gradient_norm = gradient_norm,
                         .images_per_second = r->rate,
                         .wait_share = r->since.waited / elapsed,
                         .reduce_share = r->since.reduced / elapsed,
                         .seconds = r->state.seconds};
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        line.loss[i] = loss_sum[i] / steps;
    return tec_comm_agree(r->comm, run_log_write(&r->log, &line));
}

static tec_status log_step(run *r, const tec_step_result *result, double lr, double seconds)
{
    interval *since = &r->since;
    double rate = result->inputs / seconds;
    r->rate = r->rate > 0 ? 0.95 * r->rate + 0.05 * rate : rate;
    for (int i = 0; i < TEC_MAX_LOSSES; i++) {
        since->loss[i] += result->loss[i];
        r->state.loss_sum[i] += result->loss[i];
    }
    since->waited += result->waited;
    since->reduced += result->reduced;
    since->steps++;
    show_progress(r, result, lr);
    if (r->state.step % r->settings->pretrain.log_steps)
        return TEC_OK;
    tec_status status = log_line(r, "step", since->loss, since->steps, lr, result->gradient_norm);
    r->since = (interval){.start = tec_seconds()};
    return status;
}

/* One step, with its place in the state and in the log. The status is every rank's. */
static tec_status take_step(run *r, unsigned ask, tec_step_result *result)
{
    double lr = current_lr(r), start = tec_seconds();
    tec_status status = tec_trainer_step(r->trainer, lr, ask, result);
    if (status == TEC_DIVERGED) {
        char *path = run_directory_checkpoint_path(r->plan);
        tec_fail(status, "%s; the last good checkpoint is %s (step %lld)", tec_error_message(),
                 r->checkpoint_step >= 0 ? path : "none",
                 (long long)(r->checkpoint_step >= 0 ? r->checkpoint_step : 0));
        free(path);
    }
    TEC_TRY(status);
    r->state.step++;
    r->state.epoch_step++;
    r->state.images += result->inputs;
    r->state.seconds = r->seconds_before + tec_seconds() - r->started;
    status = log_step(r, result, lr, tec_seconds() - start);
    if (status == TEC_OK && r->state.epoch_step == r->epoch_steps) {
        status = log_line(r, "epoch", r->state.loss_sum, r->epoch_steps, lr, result->gradient_norm);
        r->state.epoch++;
        r->state.epoch_step = 0;
        memset(r->state.loss_sum, 0, sizeof r->state.loss_sum);
    }
    return status;
}

static tec_status save(run *r)
{
    tec_status status = TEC_OK;
    if (r->comm->rank == 0)
        status = run_directory_checkpoint(r->plan, r->trainer, &r->state);
    r->last_checkpoint = tec_seconds();
    r->checkpoint_step = r->state.step;
    return tec_comm_agree(r->comm, status);
}

/* What this rank asks for at the next step. */
static unsigned wishes(const run *r)
{
    const tec_settings *s = r->settings;
    unsigned ask = 0;
    if (s->pretrain.checkpoint_minutes > 0 && tec_seconds() - r->last_checkpoint > 60 * s->pretrain.checkpoint_minutes)
        ask |= TEC_ASK_CHECKPOINT;
    if (stop_signal || (s->pretrain.stop_after_steps > 0 && r->state.step + 1 >= s->pretrain.stop_after_steps))
        ask |= TEC_ASK_STOP;
    return ask;
}

static bool checkpoint_due(const run *r, unsigned asked)
{
    bool epoch_done = r->state.epoch_step == 0 && r->state.epoch % r->settings->pretrain.checkpoint_epochs == 0;
    return asked || epoch_done || r->state.step == r->total_steps;
}

static tec_status train(run *r)
{
    r->started = r->last_checkpoint = r->since.start = tec_seconds();
    tec_trainer_start(r->trainer, r->state.step, r->total_steps);
    while (r->state.step < r->total_steps) {
        tec_step_result result;
        TEC_TRY(take_step(r, wishes(r), &result));
        if (checkpoint_due(r, result.asked))
            TEC_TRY(save(r));
        if ((result.asked & TEC_ASK_STOP) && r->state.step < r->total_steps) {
            tec_progress_end();
            tec_log("stopped at step %lld of %lld after a checkpoint; the same command continues",
                    (long long)r->state.step, (long long)r->total_steps);
            return TEC_OK;
        }
    }
    return tec_comm_agree(r->comm, r->comm->rank == 0 ? run_directory_done(r->plan) : TEC_OK);
}

tec_status tec_run_training(const tec_comm *comm, const tec_run_plan *plan)
{
    run r = {.comm = comm, .plan = plan, .settings = plan->settings, .checkpoint_step = -1};
    catch_signals();
    tec_status status = prepare(&r);
    if (status == TEC_OK)
        status = train(&r);
    tec_progress_end();
    if (status == TEC_OK)
        tec_skipped_report(&r.skipped, comm, "the training set");
    run_log_close(&r.log);
    tec_skipped_free(&r.skipped);
    tec_trainer_free(r.trainer);
    return status;
}
