/* tec pretrain: trains a new model, from a base model's stored targets (tec) or from pixels (mae). */
#include "jobs/jobs.h"

#include "tec/checkpoint.h"
#include "tec/gemm.h"
#include "tec/log.h"
#include "tec/run.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_FRESH };

static const tec_option options[] = {
    {"fresh", NULL, "start a new run; where the run directory holds one it is overwritten only if this is given twice"},
    {0}};

/* Collective. The hash of base.model's encoder, or 0 where none is named. */
static tec_status hash_base(const tec_comm *comm, const tec_settings *settings, uint64_t *hash)
{
    tec_frozen *frozen;
    *hash = 0;
    if (!settings->base.model[0])
        return TEC_OK;
    TEC_TRY(tec_job_open_frozen(comm, settings, settings->base.model, 1, &frozen, NULL));
    *hash = tec_params_hash(tec_frozen_params(frozen));
    tec_frozen_close(frozen);
    return TEC_OK;
}

/* Refuses a store that these settings and data do not call for; without base.model, whatever base it has is taken. How
 * the base's images were normalised is the base's affair: crops are normalised anew for the new model. */
static tec_status check_store(const tec_settings *settings, const tec_model_config *config, uint64_t base_hash,
                              const tec_dataset *set, const tec_store *store)
{
    const tec_store_spec *found = tec_store_get_spec(store);
    tec_model_config base = *config;
    base.width = found->width;
    base.heads = found->heads;
    tec_normalisation normalisation;
    memcpy(normalisation.mean, found->mean, sizeof normalisation.mean);
    memcpy(normalisation.std, found->std, sizeof normalisation.std);
    tec_store_spec wanted =
        tec_job_store_spec(settings, &base, settings->base.model[0] ? base_hash : found->base, &normalisation, set);
    return tec_store_match(store, &wanted, settings->targets.dir);
}

/* Collective. Rank 0 reads the manifest, all ranks open the store and complete the architecture from it. */
static tec_status open_store(const tec_comm *comm, const tec_settings *settings, tec_model_config *config,
                             const tec_dataset *set, tec_store **out)
{
    char *manifest = NULL;
    size_t bytes = 0;
    uint64_t base_hash;
    if (!settings->targets.dir[0])
        return tec_fail(TEC_USER_ERROR, "targets.dir is not given: name the store that `tec targets` wrote, or set "
                                        "pretrain.objective=mae to train without a base model");
    TEC_TRY(hash_base(comm, settings, &base_hash));
    TEC_TRY(
        tec_comm_agree(comm, comm->rank == 0 ? tec_store_manifest(settings->targets.dir, &manifest, &bytes) : TEC_OK));
    tec_comm_share_text(comm, &manifest, &bytes, 0);
    tec_status status = tec_store_open(out, settings->targets.dir, manifest, bytes);
    if (status == TEC_OK)
        status = check_store(settings, config, base_hash, set, *out);
    free(manifest);
    TEC_TRY(tec_comm_agree(comm, status));
    config->base_width = tec_store_get_spec(*out)->width;
    config->base_heads = tec_store_get_spec(*out)->heads;
    return TEC_OK;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_settings *settings = &call->settings;
    tec_run_plan plan = {.settings = settings, .fresh = call->times[OPTION_FRESH]};
    tec_dataset *set = NULL;
    TEC_TRY(tec_settings_model_config(settings, &plan.config));
    tec_threads_set(tec_settings_threads(settings));
    TEC_TRY(tec_job_make_directory(comm, settings->run.dir));
    tec_status status = tec_job_open_dataset(comm, settings, true, &set);
    plan.set = set;
    if (status == TEC_OK && settings->pretrain.objective == TEC_OBJECTIVE_TEC)
        status = open_store(comm, settings, &plan.config, set, &plan.store);
    if (status == TEC_OK) {
        tec_log("%lld images, %d ranks, %d images a step, run directory %s", (long long)tec_dataset_size(set),
                comm->size, settings->pretrain.batch, settings->run.dir);
        status = tec_run_training(comm, &plan);
    }
    tec_store_close(plan.store);
    tec_dataset_close(set);
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
        "Where run.dir holds a checkpoint, the run goes on from it. SIGTERM and SIGUSR1 end it after a checkpoint.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
