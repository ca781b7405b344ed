/* tec pretrain: trains a new model, from a base model's stored targets (tec) or from pixels (mae). */
#include "jobs.h"

#include "tec/gemm.h"
#include "tec/log.h"
#include "tec/run.h"

enum { OPTION_FRESH };

static const tec_option options[] = {
    {"fresh", NULL, "start a new run; where the run directory holds one it is overwritten only if this is given twice"},
    {0}};

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_settings *settings = &call->settings;
    tec_run_plan plan = {.settings = settings,
                         .fresh = call->times[OPTION_FRESH],
                         .deadline = tec_deadline_read(settings->run.max_minutes)};
    tec_inputs inputs;
    TEC_TRY(tec_settings_model_config(settings, &plan.config));
    tec_threads_set(tec_settings_threads(settings));
    TEC_TRY(tec_setup_directory(comm, settings->run.dir));
    tec_status status = tec_setup_inputs(comm, settings, &plan.config, &inputs);
    if (status == TEC_OK) {
        plan.set = inputs.set;
        plan.store = inputs.store;
        tec_log("%lld images, %d ranks, %d images a step, run directory %s", (long long)tec_dataset_size(inputs.set),
                comm->size, settings->pretrain.batch, settings->run.dir);
        status = tec_run_training(comm, &plan);
    }
    tec_inputs_close(&inputs);
    return status;
}

static const char *const sections[] = {"data", "model", "base", "targets", "pretrain", "run", NULL};

const tec_command tec_command_pretrain = {
    .name = "pretrain",
    .usage = "[-c CONFIG.yaml] [--fresh [--fresh]] [section.key=value ...]",
    .summary = "train a new model from stored targets (or from pixels)",
    .details =
        "objective tec: the model sees a part of the patches and learns to predict the targets in targets.dir.\n"
        "objective mae: it learns to predict the hidden pixels, which makes a first base model.\n"
        "Where run.dir holds a checkpoint, the run goes on from it. SIGTERM, SIGUSR1 and the end of the time "
        "(run.max_minutes, SLURM_JOB_END_TIME) end it after a checkpoint with exit code 0; the file DONE is there once "
        "all epochs are done.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
