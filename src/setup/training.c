#include "tec/setup.h"

#include "tec/checkpoint.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/stop.h"

#include <stdlib.h>
#include <string.h>

/* Collective. The hash of base.model's encoder, or 0 where none is named. */
static tec_status hash_base(const tec_comm *comm, const tec_settings *settings, uint64_t *hash)
{
    tec_frozen *frozen;
    *hash = 0;
    if (!settings->base.model[0])
        return TEC_OK;
    TEC_TRY(tec_setup_frozen(comm, settings, settings->base.model, 1, &frozen, NULL));
    *hash = tec_params_hash(tec_frozen_params(frozen));
    tec_frozen_close(frozen);
    return TEC_OK;
}

/* The images of the store are those of its data set, whatever has become of data.train. */
static tec_status stand_in(const tec_settings *settings, const tec_store *store, tec_dataset **out)
{
    const tec_store_spec *spec = tec_store_get_spec(store);
    if (settings->data.max_train > 0 && settings->data.max_train < spec->samples)
        return tec_fail(TEC_USER_ERROR, "the target store %s has %lld images, but data.max_train is %lld",
                        settings->targets.dir, (long long)spec->samples, (long long)settings->data.max_train);
    tec_log("images are read from the target store %s; data.train is not looked at", settings->targets.dir);
    *out = tec_dataset_stand_in(settings->targets.dir, spec->samples, spec->dataset);
    return TEC_OK;
}

/* Refuses a store that these settings and data do not call for; without base.model, whatever base it has is taken. How
 * the base's images were normalised is the base's affair: crops are normalised anew for the new model. */
static tec_status check_store(const tec_settings *settings, const tec_model_config *config, uint64_t base_hash,
                              const tec_inputs *in)
{
    const tec_store_spec *found = tec_store_get_spec(in->store);
    tec_model_config base = *config;
    base.width = found->width;
    base.heads = found->heads;
    tec_normalisation normalisation;
    memcpy(normalisation.mean, found->mean, sizeof normalisation.mean);
    memcpy(normalisation.std, found->std, sizeof normalisation.std);
    tec_store_spec wanted = tec_setup_store_spec(settings, &base, settings->base.model[0] ? base_hash : found->base,
                                                 &normalisation, in->set);
    return tec_store_match(in->store, &wanted, settings->targets.dir);
}

/* ---- copies on the node ---- */

static char *name_below(const char *folder, const char *path)
{
    return tec_path_join(folder, strrchr(path, '/') + 1);
}

static tec_stage_file *list_files(const tec_inputs *in, int64_t *count)
{
    const tec_store_spec *spec = in->store ? tec_store_get_spec(in->store) : NULL;
    int64_t targets = spec ? tec_store_shards(spec) : 0, images = tec_dataset_shards(in->set);
    tec_stage_file *file = tec_allocate_zeroed((size_t)(targets + images), sizeof *file);
    *count = targets + images;
    for (int64_t i = 0; i < targets; i++) {
        file[i].source = tec_store_shard_file(in->store, i, &file[i].bytes);
        file[i].name = name_below("targets", file[i].source);
    }
    for (int64_t i = targets; i < *count; i++) {
        file[i].source = tec_dataset_shard_file(in->set, (int)(i - targets), &file[i].bytes);
        file[i].name = name_below("images", file[i].source);
    }
    return file;
}

static void read_from_stage(tec_inputs *in)
{
    char *targets = tec_path_join(tec_stage_directory(in->stage), "targets");
    char *images = tec_path_join(tec_stage_directory(in->stage), "images");
    if (in->store)
        tec_store_read_from(in->store, targets);
    if (tec_dataset_shards(in->set) > 0)
        tec_dataset_read_from(in->set, images);
    free(images);
    free(targets);
}

static void stage(const tec_comm *comm, const tec_settings *settings, tec_inputs *in)
{
    int64_t count;
    tec_stage_file *file = list_files(in, &count);
    tec_stop_catch(); /* copies are removed also when a signal comes early */
    if (count == 0)
        tec_warn("run.stage: data.train is no pack and there is no target store: nothing is copied; make a pack by "
                 "`tec pack`");
    else
        tec_stage_open(&in->stage, comm, settings->run.stage, file, count);
    if (in->stage)
        read_from_stage(in);
    for (int64_t i = 0; i < count; i++) {
        free(file[i].source);
        free(file[i].name);
    }
    free(file);
}

tec_status tec_setup_inputs(const tec_comm *comm, const tec_settings *settings, tec_model_config *config,
                            tec_inputs *out)
{
    uint64_t base_hash = 0;
    *out = (tec_inputs){0};
    if (settings->pretrain.objective == TEC_OBJECTIVE_TEC) {
        TEC_TRY(hash_base(comm, settings, &base_hash));
        TEC_TRY(tec_setup_store(comm, settings, &out->store));
    }
    if (out->store && tec_store_get_spec(out->store)->images)
        TEC_TRY(stand_in(settings, out->store, &out->set));
    else
        TEC_TRY(tec_setup_dataset(comm, settings, true, &out->set));
    if (out->store) {
        TEC_TRY(tec_comm_agree(comm, check_store(settings, config, base_hash, out)));
        config->base_width = tec_store_get_spec(out->store)->width;
        config->base_heads = tec_store_get_spec(out->store)->heads;
    }
    if (settings->run.stage[0])
        stage(comm, settings, out);
    return TEC_OK;
}

void tec_inputs_close(tec_inputs *in)
{
    tec_store_close(in->store);
    tec_dataset_close(in->set);
    tec_stage_close(in->stage);
    *in = (tec_inputs){0};
}
