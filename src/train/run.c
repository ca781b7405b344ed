/* The loop around the steps: schedule, log, checkpoints, stopping in time. */
#include "run_loop.h"

#include "run_directory.h"
#include "run_schedule.h"
#include "same_weights.h"
#include "straggler.h"

#include "tec/alone.h"
#include "tec/clock.h"
#include "tec/findings_report.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/range.h"
#include "tec/skipped_report.h"
#include "tec/stop.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A slow disk. How long a checkpoint takes is not known before the first one. */
#define CHECKPOINT_BYTES_PER_SECOND 1e8

static void say_changes(const run *r)
{
    char *text = tec_run_changes_text(&r->changes, NULL);
    if (*text)
        tec_log("settings changed since step %lld: %s", (long long)r->state.step, text);
    free(text);
}

/* Sums are exact, and were so far, of the same micro-batches: the layout decides nothing. */
static bool same_on_any_layout(const run *r)
{
    const tec_recipe *was = &r->changes.recipe, *is = r->recipe;
    return r->changes.known && was->exact && is->exact && tec_recipe_together(was) == tec_recipe_together(is);
}

static void say_layout(const run *r, int ranks, int threads)
{
    if (r->state.ranks != ranks || r->state.threads != threads)
        tec_log("the run had %d rank%s with %d thread%s and now has %d with %d: the same images, the same results%s",
                r->state.ranks, tec_plural(r->state.ranks), r->state.threads, tec_plural(r->state.threads), ranks,
                threads, same_on_any_layout(r) ? ", bit for bit if the processors are of one kind" : " up to rounding");
}

/* Sets the state to that of the run that is resumed, or of a new one. */
static tec_status start_or_resume(run *r)
{
    const int32_t ranks = r->comm->size, threads = r->plan->threads;
    bool resumed;
    tec_status status = TEC_OK;
    r->state = (tec_run_state){.ranks = ranks,
                               .threads = threads,
                               .dataset = tec_dataset_fingerprint(r->plan->set),
                               .seed = r->recipe->seed,
                               .batch = r->recipe->batch};
    TEC_TRY(tec_run_directory_resume(r->comm, r->plan, r->trainer, &r->state, &r->changes, &resumed));
    const bool had_end = r->state.finish_steps > 0;
    if (r->comm->rank == 0) {
        say_changes(r);
        status = run_schedule_settle(r->plan, resumed, &r->changes, r->epoch_steps, &r->state);
    }
    TEC_TRY(tec_comm_agree(r->comm, status));
    tec_comm_broadcast(r->comm, &r->state, sizeof r->state, 0);
    r->finishing = !had_end && r->state.finish_steps > 0;
    r->state.base = r->plan->base;
    r->state.store = r->plan->store;
    r->total_steps = run_schedule_end(r->recipe, &r->state, r->epoch_steps);
    if (resumed)
        say_layout(r, ranks, threads);
    r->state.ranks = ranks;
    r->state.threads = threads;
    r->saving.step = resumed ? r->state.step : -1;
    r->seconds_before = r->state.seconds;
    memcpy(r->since_epoch.loss, r->state.loss_sum, sizeof r->since_epoch.loss);
    r->since_epoch.steps = r->state.epoch_step;
    return TEC_OK;
}

/* A step takes as long as the rank with the most images: says so where much of the ranks' time would be waiting. */
static void warn_of_idle_ranks(const run *r)
{
    const int batch = r->recipe->batch, ranks = r->comm->size;
    const char *section = tec_recipe_section(r->recipe);
    const int most = (int)tec_step_share(r->recipe, 0, ranks).count;
    const int least = (int)tec_step_share(r->recipe, ranks - 1, ranks).count;
    double used = (double)batch / ((double)most * ranks);
    int busy = ranks;
    while (busy > 1 && tec_step_share(r->recipe, busy - 1, ranks).count == 0)
        busy--;
    if (busy < ranks)
        tec_warn("%s.batch is %d: %d of %d ranks have no image in any step; take at most %d ranks, or a larger batch%s",
                 section, batch, ranks - busy, ranks, busy,
                 r->recipe->exact ? ", or a smaller micro_batch (run.exact_sums divides none)" : "");
    else if (used < 0.9)
        tec_warn("%s.batch is %d, which %d ranks cannot share evenly: those with %d wait for those with %d images, "
                 "%.0f %% of all time; a batch that is a multiple of the ranks is shared evenly",
                 section, batch, ranks, least, most, 100 * (1 - used));
}

/* Has the run come to the step at which it is to stop, with steps left? */
static bool is_stopped(const run *r)
{
    return r->recipe->stop_after_steps > 0 && r->state.step >= r->recipe->stop_after_steps &&
           r->state.step < r->total_steps;
}

/* Collective. The checkpoint of an epoch's end is older than its validation, of which the log tells. */
static tec_status open_log(run *r, bool resumed, bool idle)
{
    tec_status status = TEC_OK;
    bool validated = false;
    if (r->comm->rank == 0) {
        const bool finishing = r->state.finish_steps > 0 && !r->finishing;
        bool aside = false;
        status = resumed || r->plan->fresh ? TEC_OK : tec_run_log_set_aside(r->plan->dir, &aside);
        if (status == TEC_OK && aside)
            status = tec_run_events_set_aside(r->plan->dir);
        if (status == TEC_OK)
            status = tec_run_directory_clear(r->plan, resumed);
        if (status == TEC_OK)
            status = tec_run_log_open(&r->log, r->plan->dir, r->state.step, finishing, &validated);
        if (r->plan->tensorboard)
            r->log.events = (run_events){.dir = r->plan->dir, .step = r->state.step};
        if (status == TEC_OK && !idle)
            status = tec_run_log_changes(&r->log, r->state.epoch + 1, r->state.step, &r->changes);
    }
    TEC_TRY(tec_comm_agree(r->comm, status));
    tec_comm_broadcast(r->comm, &validated, sizeof validated, 0);
    r->state.validated = validated ? r->state.step : r->state.validated;
    return TEC_OK;
}

static tec_status prepare(run *r)
{
    const tec_run_plan *plan = r->plan;
    warn_of_idle_ranks(r);
    TEC_TRY(tec_trainer_create(&r->trainer, r->comm,
                               &(tec_trainer_settings){.task = plan->task,
                                                       .recipe = &plan->recipe,
                                                       .set = plan->set,
                                                       .reading = plan->reading,
                                                       .reduction = plan->reduction,
                                                       .skipped = &r->skipped}));
    r->loss_names = tec_model_loss_names(tec_trainer_model(r->trainer));
    r->epoch_steps = tec_trainer_steps_per_epoch(r->trainer);
    const tec_params *params = tec_model_params(tec_trainer_model(r->trainer));
    tec_deadline_guess_save(&r->deadline,
                            (double)tec_checkpoint_bytes(params, plan->recipe.ema > 0) / CHECKPOINT_BYTES_PER_SECOND);
    r->deadline.steps = tec_trainer_settle_steps(r->trainer) - 1;
    TEC_TRY(start_or_resume(r));
    const bool resumed = r->saving.step >= 0;
    if (r->comm->rank == 0)
        tec_run_directory_sweep(plan, r->lock);
    /* An idle run's settings stay those that it got there with. */
    bool idle = !r->finishing && (r->state.step >= r->total_steps || is_stopped(r));
    if (!idle) {
        bool asks = r->comm->rank == 0;
        TEC_TRY(tec_comm_agree(r->comm, asks ? tec_run_saving_room(plan, params, &r->state, resumed) : TEC_OK));
        TEC_TRY(tec_run_directory_describe(r->comm, plan, &r->changes, resumed ? r->state.step : -1));
    }
    return open_log(r, resumed, idle);
}

static void show_progress(run *r, const tec_step_result *result, double lr)
{
    char left[32], losses[192] = "";
    size_t length = 0;
    for (int i = 0; r->loss_names[i] && length < sizeof losses; i++)
        length +=
            (size_t)snprintf(losses + length, sizeof losses - length, " %s %.4f", r->loss_names[i], result->loss[i]);
    tec_duration(left, (double)(r->total_steps - r->state.step) * (double)result->inputs / r->rate);
    tec_progress_share(r->recipe->progress_seconds, (double)r->state.step / (double)r->total_steps,
                       "epoch %lld/%d step %lld/%lld%s lr %.2e %.0f images/s, %s left%s", (long long)r->state.epoch + 1,
                       r->recipe->epochs, (long long)r->state.step, (long long)r->total_steps, losses, lr, r->rate,
                       left, r->slowest);
}

/* For the progress line, where one rank costs the others more than a tenth of the time. */
static void note_slowest(run *r, const tec_straggler *slowest, double elapsed)
{
    double share = slowest->share * slowest->waited / elapsed;
    r->slowest[0] = '\0';
    if (share > 0.1)
        snprintf(r->slowest, sizeof r->slowest, "; %.0f %% of the time is waiting for rank %d (host %s)", 100 * share,
                 slowest->rank, tec_comm_host(r->comm, slowest->rank));
}

/* Collective. Logs an interval and starts the next one. */
static tec_status log_line(run *r, const char *kind, interval *since, double lr, double gradient_norm)
{
    double now = tec_seconds(), elapsed = now - since->start;
    tec_straggler slowest = tec_straggler_find(r->comm, since->reduced);
    note_slowest(r, &slowest, elapsed);
    run_log_line line = {.kind = kind,
                         .epoch = r->state.epoch + 1,
                         .step = r->state.step,
                         .loss_names = r->loss_names,
                         .lr = lr,
                         .gradient_norm = gradient_norm,
                         .images_per_second = (double)since->inputs / elapsed,
                         .wait_share = since->waited / elapsed,
                         .reduce_share = since->reduced / elapsed,
                         .targets_share = r->plan->task->keep_squares ? since->prepared / elapsed : -1,
                         .slowest_rank = slowest.rank,
                         .slowest_host = tec_comm_host(r->comm, slowest.rank),
                         .slowest_share = slowest.share,
                         .seconds = r->state.seconds,
                         .memory = tec_memory_peak()};
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        line.loss[i] = since->loss[i] / (double)since->steps;
    *since = (interval){.start = now};
    return tec_comm_agree(r->comm, tec_run_log_write(&r->log, &line));
}

static void add_step(interval *since, const tec_step_result *result)
{
    for (int i = 0; i < TEC_MAX_LOSSES; i++)
        since->loss[i] += result->loss[i];
    since->waited += result->waited;
    since->reduced += result->reduced;
    since->prepared += result->prepared;
    since->inputs += result->inputs;
    since->steps++;
}

/* Collective. Shows progress, and writes the log lines that are due, after a step of `seconds`. */
static tec_status log_step(run *r, const tec_step_result *result, double lr, double seconds)
{
    double rate = (double)result->inputs / seconds;
    r->rate = r->rate > 0 ? 0.95 * r->rate + 0.05 * rate : rate;
    add_step(&r->since_line, result);
    add_step(&r->since_epoch, result);
    show_progress(r, result, lr);
    if (r->state.step % r->recipe->log_steps == 0)
        TEC_TRY(log_line(r, "step", &r->since_line, lr, result->gradient_norm));
    if (r->state.epoch_step == r->epoch_steps)
        TEC_TRY(log_line(r, "epoch", &r->since_epoch, lr, result->gradient_norm));
    return TEC_OK;
}

tec_status tec_run_name_checkpoint(const run *r, tec_status status)
{
    char *last = tec_run_saving_last(&r->saving, r->plan);
    tec_fail(status, "%s; %s", tec_error_message(), last);
    free(last);
    return status;
}

/* Collective. A checkpoint is only written if all ranks have the same weights, so that the last one is always good. */
static tec_status compare_weights(run *r)
{
    if (r->compared_step == r->state.step)
        return TEC_OK;
    r->compared_step = r->state.step;
    tec_status status = tec_same_weights(r->comm, tec_model_params(tec_trainer_model(r->trainer)),
                                         tec_trainer_adamw(r->trainer), tec_trainer_average(r->trainer));
    if (status == TEC_OK)
        return TEC_OK;
    tec_fail(status, "step %lld: %s", (long long)r->state.step, tec_error_message());
    return tec_run_name_checkpoint(r, status);
}

/* Collective. One step, counted and logged. */
static tec_status take_step(run *r, unsigned ask, tec_step_result *result)
{
    double lr = run_schedule_lr(r->recipe, &r->state, r->epoch_steps), start = tec_seconds();
    tec_status status = tec_trainer_step(r->trainer, lr, ask, result);
    if (status == TEC_DIVERGED)
        tec_run_name_checkpoint(r, status);
    TEC_TRY(status);
    r->state.step++;
    r->state.epoch_step++;
    r->state.unclipped = tec_trainer_adamw(r->trainer)->unclipped;
    r->state.images += result->inputs;
    r->state.seconds = r->seconds_before + tec_seconds() - r->started;
    tec_deadline_note_step(&r->deadline, tec_seconds() - start);
    TEC_TRY(log_step(r, result, lr, tec_seconds() - start));
    if (r->state.epoch_step == r->epoch_steps) {
        r->state.epoch++;
        r->state.epoch_step = 0;
    }
    memcpy(r->state.loss_sum, r->since_epoch.loss, sizeof r->state.loss_sum);
    int every = r->recipe->compare_steps;
    return every > 0 && r->state.step % every == 0 ? compare_weights(r) : TEC_OK;
}

/* Collective, after a checkpoint could not be written: an end where the directory is not this run's any more. */
static tec_status still_ours(const run *r)
{
    tec_status status = tec_comm_agree(r->comm, r->comm->rank == 0 ? tec_run_lock_check(r->lock) : TEC_OK);
    if (status != TEC_OK)
        tec_fail(status, "%s; the run ends at step %lld without a checkpoint of it", tec_error_message(),
                 (long long)r->state.step);
    return status;
}

tec_status tec_run_save(run *r, bool last)
{
    tec_status status = TEC_OK;
    double start = tec_seconds();
    tec_phase_enter(TEC_PHASE_SAVE);
    TEC_TRY(compare_weights(r));
    if (r->comm->rank == 0)
        status = tec_run_directory_checkpoint(r->plan, r->lock, r->trainer, &r->state);
    status = tec_comm_agree(r->comm, status);
    if (status == TEC_OK) {
        tec_deadline_note_save(&r->deadline, tec_seconds() - start);
        tec_run_saving_done(&r->saving, r->recipe, r->state.step);
    } else {
        TEC_TRY(still_ours(r));
        status = tec_run_saving_failed(&r->saving, r->plan, r->state.step, status, last);
    }
    tec_phase_enter(TEC_PHASE_COMPUTE);
    return status;
}

void tec_run_leave_out(run *r, double seconds)
{
    r->started += seconds;
    r->since_line.start += seconds;
    r->since_epoch.start += seconds;
}

/* Rank 0. The process is to end, or would not end in time. */
static bool lacks_time(const run *r)
{
    return tec_stop_asked() || tec_deadline_before(&r->deadline, (1 + r->deadline.steps) * r->deadline.step +
                                                                     r->deadline.save + r->pictures);
}

/* For tec_comm_alone. */
static tec_status make_pictures(void *context)
{
    run *r = context;
    tec_event_picture *picture = NULL;
    double start = tec_seconds();
    if (r->no_pictures || lacks_time(r))
        return TEC_OK;
    const int count = r->plan->show(r->plan->show_context, &picture);
    r->no_pictures = count < 0;
    tec_run_events_pictures(&r->log.events, r->state.step, picture, count);
    for (int i = 0; i < count; i++) {
        free(picture[i].tag);
        free(picture[i].png);
    }
    free(picture);
    r->pictures = tec_max_double(r->pictures, tec_seconds() - start);
    return TEC_OK;
}

/* Collective. Pictures of what the model has learnt, while the other ranks wait; not time of training either. */
static tec_status show_pictures(run *r)
{
    double start = tec_seconds();
    tec_phase_enter(TEC_PHASE_SAVE);
    TEC_TRY(tec_comm_alone(r->comm, make_pictures, r));
    tec_phase_enter(TEC_PHASE_COMPUTE);
    tec_run_leave_out(r, tec_seconds() - start);
    return TEC_OK;
}

/* What this rank requests with the next step. */
static unsigned requests(const run *r)
{
    const tec_recipe *recipe = r->recipe;
    unsigned ask = 0;
    if (tec_seconds() > r->saving.next)
        ask |= TEC_ASK_CHECKPOINT;
    const bool to_stop = recipe->stop_after_steps > 0 && r->state.step + 1 >= recipe->stop_after_steps;
    if (tec_stop_asked() || (to_stop && r->state.step + 1 < r->total_steps)) /* the last step ends the run anyway */
        ask |= TEC_ASK_STOP;
    if (r->comm->rank == 0 && tec_deadline_near(&r->deadline))
        ask |= TEC_ASK_STOP;
    return ask;
}

static bool checkpoint_due(const run *r, unsigned asked)
{
    bool epoch_done = r->state.epoch_step == 0 && r->state.epoch % r->recipe->checkpoint_epochs == 0;
    return asked || epoch_done || r->state.step == r->total_steps;
}

/* Collective. The log is complete before the run is. */
static tec_status finish_log(run *r)
{
    tec_progress_end();
    return tec_comm_agree(r->comm, tec_run_log_flush(&r->log));
}

/* Collective. The end of a process whose run goes on. */
static tec_status say_stopped(run *r)
{
    TEC_TRY(finish_log(r));
    tec_log("stopped at step %lld of %lld after a checkpoint%s%s; the same command continues", (long long)r->state.step,
            (long long)r->total_steps, tec_run_validation_due(r) ? " and before the end of a validation" : "",
            tec_deadline_near(&r->deadline) ? ", as the time limit is near" : "");
    return TEC_OK;
}

/* What may be done of what has been asked for, after this step or an earlier one: nothing where no checkpoint may be written
 * yet, which a line says of stopping. */
static unsigned granted(run *r, unsigned asked)
{
    if (asked & ~r->asked & TEC_ASK_STOP && !tec_trainer_settled(r->trainer))
        tec_log(
            "asked to stop at step %lld, and does so at step %lld: with run.gradient_type=bfloat16 something of the "
            "gradients is left until then that no checkpoint holds",
            (long long)r->state.step, (long long)tec_trainer_settles(r->trainer));
    r->asked |= asked;
    if (!tec_trainer_settled(r->trainer))
        return 0;
    asked = r->asked;
    r->asked = 0;
    return asked;
}

/* Collective. What follows a step: the checkpoint first, as a kill may end a long validation. *stop: the process is to
 * end. */
static tec_status save_and_validate(run *r, unsigned asked, bool *stop)
{
    *stop = asked & TEC_ASK_STOP;
    if (checkpoint_due(r, asked))
        TEC_TRY(tec_run_save(r, *stop || r->state.step == r->total_steps));
    const bool epoch_saved = r->state.epoch_step == 0 && r->saving.step == r->state.step;
    if (r->plan->tensorboard && r->plan->show && epoch_saved && !*stop)
        TEC_TRY(show_pictures(r));
    return tec_run_validation_due(r) && !*stop ? tec_run_validate(r, stop) : TEC_OK;
}

static tec_status train(run *r)
{
    r->started = r->since_line.start = r->since_epoch.start = tec_seconds();
    tec_run_saving_done(&r->saving, r->recipe, r->saving.step);
    if (r->finishing) /* what was said once holds, also if this process is killed in its first step */
        TEC_TRY(tec_run_save(r, true));
    if (is_stopped(r)) {
        tec_log("the run has come to step %lld of %lld, and %s.stop_after_steps is %lld: nothing to do",
                (long long)r->state.step, (long long)r->total_steps, tec_recipe_section(r->recipe),
                (long long)r->recipe->stop_after_steps);
        return TEC_OK;
    }
    tec_trainer_start(r->trainer, r->state.step, r->total_steps);
    tec_phase_enter(TEC_PHASE_COMPUTE);
    bool stop = false;
    if (tec_run_validation_due(r)) /* the run was stopped before it, or within it */
        TEC_TRY(tec_run_validate(r, &stop));
    while (r->state.step < r->total_steps && !stop) {
        tec_step_result result;
        TEC_TRY(take_step(r, requests(r), &result));
        TEC_TRY(save_and_validate(r, granted(r, result.asked), &stop));
    }
    if (stop && (r->state.step < r->total_steps || tec_run_validation_due(r)))
        return say_stopped(r);
    TEC_TRY(finish_log(r));
    if (r->state.finish_steps > 0)
        tec_log("finished at step %lld: the learning rate fell over the last %lld steps (--finish)",
                (long long)r->state.step, (long long)r->state.finish_steps);
    else
        tec_log("all %d epochs are done: %lld steps", r->recipe->epochs, (long long)r->state.step);
    return tec_comm_agree(r->comm, r->comm->rank == 0 ? tec_run_directory_done(r->plan) : TEC_OK);
}

tec_status tec_run_training(const tec_comm *comm, const tec_run_plan *plan)
{
    run_lock lock = {.fd = -1};
    run r = {.comm = comm,
             .plan = plan,
             .recipe = &plan->recipe,
             .deadline = plan->deadline,
             .lock = &lock,
             .saving.step = -1};
    tec_stop_catch();
    tec_status status = tec_run_lock_take(comm, plan->dir, plan->lock_minutes, &lock);
    if (status == TEC_OK)
        status = prepare(&r);
    if (status == TEC_OK)
        status = train(&r);
    tec_progress_end();
    if (status == TEC_OK) {
        tec_skipped_report(&r.skipped, comm, "the training set");
        tec_findings_report(plan->set, comm, "the training set");
        tec_skipped_report(&r.skipped_validation, comm, "the validation set");
        if (plan->validation)
            tec_findings_report(plan->validation->set, comm, "the validation set");
    }
    tec_run_log_close(&r.log);
    tec_skipped_free(&r.skipped);
    tec_skipped_free(&r.skipped_validation);
    tec_run_changes_free(&r.changes);
    tec_trainer_free(r.trainer);
    tec_run_lock_release(&lock);
    return status;
}
