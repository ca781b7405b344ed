/* tec pretrain: trains a new model from a base model's stored targets (objective tec) or from pixels (mae). */
#include "jobs.h"

#include "tec/log.h"

#include <stdlib.h>

enum { OPTION_FRESH };

static const tec_option options[] = {
    {"fresh", .help = "start a new run; if run.dir already has one, it is overwritten only if this is given twice"},
    {0}};

/* Collective. */
static tec_status train(const tec_comm *comm, const tec_settings *settings, const tec_inputs *inputs, int fresh,
                        const tec_model_config *model)
{
    char *text = NULL;
    size_t bytes;
    TEC_TRY(tec_settings_text(settings, &text, &bytes));
    const tec_pretraining pretraining = tec_setup_pretraining(settings, model);
    tec_task task = tec_task_pretraining(&pretraining, inputs->store, settings->data.workers);
    const tec_run_plan plan = {.dir = settings->run.dir,
                               .settings = text,
                               .task = &task,
                               .recipe = tec_setup_recipe(settings),
                               .set = inputs->set,
                               .reading = tec_setup_reading(settings),
                               .reduction = tec_setup_reduction(settings),
                               .threads = tec_settings_threads(settings),
                               .fresh = fresh,
                               .deadline = tec_deadline_read(settings->run.max_minutes),
                               .lock_minutes = settings->run.lock_minutes};
    tec_log("%lld images, %d ranks, %d images a step, run directory %s", (long long)tec_dataset_size(inputs->set),
            comm->size, plan.recipe.batch, plan.dir);
    tec_status status = tec_run_training(comm, &plan);
    tec_task_free(&task);
    free(text);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_settings *settings = &call->settings;
    tec_model_config model;
    tec_inputs inputs;
    TEC_TRY(tec_settings_model_config(settings, &model));
    TEC_TRY(tec_setup_directory(comm, settings->run.dir));
    tec_status status = tec_setup_inputs(comm, settings, &model, &inputs);
    if (status == TEC_OK)
        status = train(comm, settings, &inputs, call->option[OPTION_FRESH].times, &model);
    tec_inputs_close(&inputs);
    return status;
}

static const char *const sections[] = {"data", "model", "base", "targets", "pretrain", "run", NULL};

const tec_command tec_command_pretrain = {
    .name = "pretrain",
    .usage = "[-c CONFIG.yaml] [--fresh [--fresh]] [section.key=value ...]",
    .summary = "train a new model from stored targets, or from pixels",
    .details = "With objective tec the model sees a part of the patches of each image "
               "and learns to predict the targets in targets.dir; with objective mae it "
               "learns to predict the hidden pixels, which gives a first base model.\n\n"
               "If run.dir has a checkpoint, the run continues from it. SIGTERM, SIGUSR1 and "
               "the time limit (run.max_minutes, SLURM_JOB_END_TIME) end the run with a "
               "checkpoint and exit code 0; the file DONE is written when all epochs are done.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
