/* tec pretrain: trains a new model from a base model's stored targets (objective tec) or from pixels (mae). */
#include "jobs.h"

#include "tec/log.h"

#include <stdlib.h>

static const tec_option options[] = {TEC_RUN_OPTIONS("pretrain"), {0}};

static const char *const sections[] = {"data", "model", "base", "targets", "pretrain", "run", NULL};

/* Collective. */
static tec_status train(const tec_comm *comm, const tec_invocation *call, const tec_settings *settings,
                        const tec_inputs *inputs, const tec_model_config *model, tec_deadline deadline)
{
    const tec_setup_now now = {settings, sections, tec_setup_recipe};
    const tec_store_spec *spec = tec_inputs_targets(inputs);
    char *text = NULL;
    size_t bytes;
    TEC_TRY(tec_comm_agree(comm, tec_settings_text(settings, &text, &bytes)));
    const tec_pretraining pretraining = tec_setup_pretraining(settings, model, inputs);
    tec_task task = tec_task_pretraining(&pretraining, inputs->store, settings->data.workers);
    tec_run_plan plan = tec_job_plan(call, &now, text, deadline);
    plan.task = &task;
    plan.set = inputs->set;
    plan.base = spec ? spec->base : 0;
    plan.store = tec_inputs_identity(inputs);
    tec_job_say_run(comm, &plan);
    tec_status status = tec_run_training(comm, &plan);
    tec_task_free(&task);
    free(text);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    tec_settings settings = call->settings; /* its texts are those of `call` */
    tec_model_config model;
    tec_inputs inputs;
    TEC_TRY(tec_run_check_options(call->option[TEC_RUN_FRESH].times, call->option[TEC_RUN_FINISH].times));
    tec_deadline deadline = tec_deadline_read(settings.run.max_minutes); /* setup takes of the time, too */
    TEC_TRY(tec_settings_model_config(&settings, &model));
    TEC_TRY(tec_setup_directory(comm, settings.run.dir));
    tec_status status = tec_setup_inputs(comm, &settings, &model, &inputs);
    if (status == TEC_OK)
        status = train(comm, call, &settings, &inputs, &model, deadline);
    tec_inputs_close(&inputs);
    return status;
}

const tec_command tec_command_pretrain = {
    .name = "pretrain",
    .usage = "[-c CONFIG.yaml] [--fresh [--fresh] | --finish N] [section.key=value ...]",
    .summary = "train a new model from stored targets, or from pixels",
    .details =
        "With objective tec the model sees a part of the patches of each image "
        "and learns to predict the targets in targets.dir, and with pretrain.more_targets those of further base models; "
        "with objective mae it "
        "learns to predict the hidden pixels, which gives a first base model. An epoch takes as many whole "
        "batches as there are; what is left, fewer images than pretrain.batch, is left out of this epoch, and in "
        "the next one it is other images. The first line says how many.\n\n"
        "If run.dir has a checkpoint, the run continues from it. It keeps its model, objective, data set, seed, "
        "batch, base model, target store and normalisation; whatever else has changed is said, logged with its "
        "step in log.jsonl, and the former settings are kept as settings_1.yaml, ... More pretrain.epochs "
        "continue on the longer cosine; fewer than are done are refused, and --finish ends a run early. "
        "SIGTERM, SIGUSR1, Ctrl-C and the time limit (run.max_minutes, SLURM_JOB_END_TIME) end the run with a "
        "checkpoint and exit code 0; the file DONE is written when all epochs are done.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
