/* Validations within a run: when they are due, what becomes of their results, and ending them in time. */
#include "run_loop.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/stop.h"

bool tec_run_validation_due(const run *r)
{
    if (!r->plan->validation || r->state.step <= r->state.validated)
        return false;
    return r->state.step == r->total_steps ||
           (r->state.epoch_step == 0 && r->state.epoch % r->recipe->validate_epochs == 0);
}

static tec_status report(run *r, const tec_validation *v)
{
    const int64_t epochs = r->state.epoch + (r->state.epoch_step > 0);
    double percent = 100 / (double)v->images;
    tec_log("epoch %lld: validation%s loss %.4f, top-1 %.2f %%, top-5 %.2f %% (%lld images)", (long long)epochs,
            tec_trainer_average(r->trainer) ? " of the averaged weights (finetune.ema):" : "", v->loss,
            percent * (double)v->top1, percent * (double)v->top5, (long long)v->images);
    const bool last = r->state.step == r->total_steps;
    tec_status status = r->plan->report(r->plan->report_context, r->comm, v, epochs, last);
    if (status != TEC_OK && last)
        return status;
    if (status != TEC_OK)
        tec_warn("%s; training goes on, and it is written after the next validation, or when the run is resumed here",
                 tec_error_message());
    r->state.validated = r->state.step;
    /* After the results: a run that is resumed here takes this line for their being there. */
    return tec_comm_agree(r->comm, tec_run_log_validation(&r->log, epochs, r->state.step, v, status == TEC_OK));
}

/* tec_validation_stop: asked to, or no time left for another piece and the checkpoint that is still to come. */
static bool stops_validation(const void *context)
{
    const run *r = context;
    double save = r->saving.step == r->state.step ? 0 : r->deadline.save;
    return tec_stop_asked() || (r->comm->rank == 0 && tec_deadline_before(&r->deadline, r->deadline.step + save));
}

tec_status tec_run_validate(run *r, bool *stopped)
{
    tec_validation v;
    double start = tec_seconds();
    tec_step_shape shape = tec_step_shape_of(r->recipe, &r->plan->task->model, r->plan->task->inputs, 0, r->comm->size);
    tec_validation_settings settings = *r->plan->validation;
    settings.exact = r->recipe->exact;
    settings.stop = stops_validation;
    settings.stop_context = r;
    tec_progress_end();
    tec_trainer_swap_average(r->trainer); /* nothing is written meanwhile */
    tec_status status =
        tec_validate(r->comm, tec_trainer_model(r->trainer), shape.micro_batch, &settings, &r->skipped_validation, &v);
    tec_trainer_swap_average(r->trainer);
    if (status == TEC_DIVERGED)
        tec_run_name_checkpoint(r, status);
    *stopped = *stopped || v.stopped;
    if (status == TEC_OK && !v.stopped)
        status = report(r, &v);
    else if (status == TEC_OK && r->saving.step != r->state.step)
        status = tec_run_save(r, true);
    tec_validation_free(&v);
    tec_run_leave_out(r, tec_seconds() - start);
    return status;
}
