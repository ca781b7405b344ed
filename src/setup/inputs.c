/* Opens what a training run reads, and checks it against the settings. */
#include "tec/setup.h"

#include "tec/checkpoint.h"
#include "tec/dataset_record.h"
#include "tec/log.h"

#include <stdlib.h>
#include <string.h>

/* Collective. The hash of base.model's encoder, or 0 if none is given. */
static tec_status hash_base(const tec_comm *comm, const tec_settings *settings, uint64_t *hash)
{
    tec_frozen *frozen;
    *hash = 0;
    if (!settings->base.model[0])
        return TEC_OK;
    TEC_TRY(tec_setup_frozen(comm, settings, settings->base.model, 1, &frozen, NULL, NULL));
    *hash = tec_frozen_hash(frozen);
    tec_frozen_close(frozen);
    return TEC_OK;
}

/* The data set of the images in the store, whatever has become of data.train. */
static tec_status stand_in(const tec_settings *settings, const tec_store *store, tec_dataset **out)
{
    const tec_store_spec *spec = tec_store_get_spec(store);
    tec_bands bands;
    if (settings->data.max_train > 0 && settings->data.max_train < spec->samples)
        return tec_fail(TEC_USER_ERROR, "the target store %s has %lld images, but data.max_train is %lld",
                        settings->targets.dir, (long long)spec->samples, (long long)settings->data.max_train);
    TEC_TRY(tec_settings_bands(settings, &bands));
    if (tec_bands_widen(&bands))
        return tec_fail(
            TEC_USER_ERROR,
            "the target store %s has images of 8 bits to train on, but data.range is %s: leave it out, or make "
            "a store without targets.store_images",
            settings->targets.dir, settings->data.range);
    tec_log("images are read from the target store %s, not from data.train", settings->targets.dir);
    *out = tec_dataset_stand_in(settings->targets.dir, spec->samples, spec->dataset);
    return TEC_OK;
}

tec_status tec_setup_same_images(const tec_settings *settings, const tec_dataset *set)
{
    char *difference = tec_dataset_record_difference(set, settings->targets.dir);
    tec_status status = TEC_OK;
    if (*difference)
        status =
            tec_fail(TEC_USER_ERROR,
                     "target store %s was made of other images than data.train %s now has: %s; use the images that "
                     "it was made of, or make a store of these in another targets.dir",
                     settings->targets.dir, settings->data.train, difference);
    free(difference);
    return status;
}

static tec_status other_storage(const tec_settings *settings, const char *field, const char *is, const char *wanted)
{
    return tec_fail(
        TEC_USER_ERROR,
        "the target store %s was made with %s = %s, this run wants %s (targets.%s): use the store's value, or another "
        "targets.dir",
        settings->targets.dir, field, is, wanted, field);
}

tec_status tec_setup_same_storage(const tec_settings *settings, const tec_store_spec *found)
{
    static const char *const words[] = {"false", "true"};
    const tec_target_type type = (tec_target_type)settings->targets.type;
    const bool images = settings->targets.store_images;
    if (type != found->type && tec_settings_given(settings, "targets", "type"))
        return other_storage(settings, "type", tec_target_type_name(found->type), tec_target_type_name(type));
    if (images != found->images && tec_settings_given(settings, "targets", "store_images"))
        return other_storage(settings, "store_images", words[found->images], words[images]);
    return TEC_OK;
}

/* How targets are stored does not matter to a run, but what is said of it has to be true: what is given must be as in
 * the store, and what is not becomes so. */
static tec_status settle_storage(tec_settings *settings, const tec_store_spec *found)
{
    TEC_TRY(tec_setup_same_storage(settings, found));
    settings->targets.type = (int)found->type;
    settings->targets.store_images = found->images;
    return TEC_OK;
}

/* Refuses a store that does not match these settings and this data set. Without base.model any base is accepted, and
 * any base.norm_eps of it unless one is given; without base.mean and base.std any normalisation of its images: crops are
 * normalised again for the new model. */
static tec_status check_store(const tec_settings *settings, const tec_model_config *config, uint64_t base_hash,
                              const tec_store *store, const tec_dataset *set)
{
    const tec_store_spec *found = tec_store_get_spec(store);
    tec_model_config base = *config;
    base.width = found->width;
    base.heads = found->heads;
    base.variant.no_class_token = found->mean_query;
    tec_normalisation normalisation;
    const bool given = settings->base.std[0] > 0; /* then all of them are */
    memcpy(normalisation.mean, given ? settings->base.mean : found->mean, sizeof normalisation.mean);
    memcpy(normalisation.std, given ? settings->base.std : found->std, sizeof normalisation.std);
    tec_store_spec wanted =
        tec_setup_store_spec(settings, &base, settings->base.model[0] ? base_hash : found->base, &normalisation, set);
    if (!settings->base.model[0] && settings->base.norm_eps == 0)
        wanted.norm_eps = found->norm_eps;
    const bool same_bands = !strcmp(found->range, wanted.range) && !strcmp(found->bands, wanted.bands);
    if (found->dataset != wanted.dataset && same_bands) /* else these are what is to be named */
        TEC_TRY(tec_setup_same_images(settings, set));
    return tec_store_match(store, &wanted, settings->targets.dir);
}

/* The settings as they are about the store in `dir`, of a base model that base.* does not tell of. */
static tec_settings about_further(const tec_settings *settings, char *dir)
{
    static char none[] = "";
    tec_settings of = *settings;
    of.targets.dir = dir;
    of.targets.store_images = false;
    of.base.model = none;
    of.base.norm_eps = 0;
    memset(of.base.std, 0, sizeof of.base.std);
    return of;
}

static tec_status check_further(const tec_settings *of, const tec_model_config *config, const tec_inputs *in, int i)
{
    const tec_store_spec *found = tec_store_get_spec(in->more[i]);
    bool same = found->base == tec_store_get_spec(in->store)->base;
    for (int other = 0; other < i; other++)
        same |= found->base == tec_store_get_spec(in->more[other])->base;
    if (same)
        return tec_fail(TEC_USER_ERROR,
                        "pretrain.more_targets: %s holds the targets of a base model that another target store has "
                        "already: name each once",
                        of->targets.dir);
    if (tec_settings_given(of, "targets", "type") && (tec_target_type)of->targets.type != found->type)
        return tec_setup_same_storage(of, found);
    return check_store(of, config, 0, in->more[i], in->set);
}

/* Collective. The stores of further base models. */
static tec_status open_further(const tec_comm *comm, const tec_settings *settings, tec_model_config *config,
                               tec_inputs *out)
{
    char *dir;
    tec_status status = TEC_OK;
    for (int i = 0; status == TEC_OK && (dir = tec_settings_more_targets(settings, i)); i++) {
        const tec_settings of = about_further(settings, dir);
        status = tec_setup_store(comm, &of, &out->more[i]);
        if (status == TEC_OK)
            status = tec_comm_agree(comm, check_further(&of, config, out, i));
        if (status == TEC_OK) {
            const tec_store_spec *found = tec_store_get_spec(out->more[i]);
            config->more_base[i] = (tec_base_shape){found->width, found->heads};
        }
        free(dir);
    }
    return status;
}

tec_status tec_setup_check_base(const tec_settings *settings, const tec_model_config *base)
{
    int L = tec_model_patches(base);
    if (base->channels != settings->data.channels)
        return tec_fail(TEC_USER_ERROR,
                        "base.model %s takes %d-channel images, but data.channels is %d: set data.channels=%d, and "
                        "data.bands if images have more bands, or train a base of %d channels (pretrain.objective=mae)",
                        settings->base.model, base->channels, settings->data.channels, base->channels,
                        settings->data.channels);
    if (settings->targets.topk > L)
        return tec_fail(TEC_USER_ERROR, "targets.topk is %d, but an image has only %d patches", settings->targets.topk,
                        L);
    if (settings->targets.last_layers > base->depth)
        return tec_fail(TEC_USER_ERROR, "targets.last_layers is %d, but base.model %s has only %d blocks",
                        settings->targets.last_layers, settings->base.model, base->depth);
    return TEC_OK;
}

tec_status tec_setup_check_online(const tec_settings *settings, const tec_model_config *base,
                                  const tec_model_config *config)
{
    TEC_TRY(tec_setup_check_base(settings, base));
    if (base->patch == config->patch)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "base.model %s has patches of %d pixels, but model.patch is %d: targets are of the patches of the "
                    "new model, set model.patch=%d",
                    settings->base.model, base->patch, config->patch, base->patch);
}

/* Collective. What computes targets in the step, as a store of these settings would hold them. What names a store is left
 * empty, and views that are not given become a new crop in every epoch, so that what is kept of the settings is true. */
static tec_status open_online(const tec_comm *comm, tec_settings *settings, tec_model_config *config, tec_inputs *out)
{
    static char none[] = "";
    tec_frozen *frozen;
    tec_normalisation normalisation;
    if (!settings->base.model[0])
        return tec_fail(TEC_USER_ERROR, "base.model is not given: with targets.online it computes the targets");
    settings->targets.dir = none;
    if (!tec_settings_given(settings, "targets", "views"))
        settings->targets.views = 0;
    TEC_TRY(tec_setup_dataset(comm, settings, true, &out->set));
    TEC_TRY(tec_setup_frozen(comm, settings, settings->base.model, 1, &frozen, &normalisation, NULL));
    const tec_model_config *base = tec_frozen_config(frozen);
    tec_status status = tec_setup_check_online(settings, base, config);
    if (status != TEC_OK) {
        tec_frozen_close(frozen);
        return status;
    }
    tec_store_spec spec = tec_setup_store_spec(settings, base, tec_frozen_hash(frozen), &normalisation, out->set);
    out->online = tec_online_create(frozen, &spec, tec_dataset_has_values(out->set));
    if (comm->rank == 0)
        tec_log("targets are computed in the training step by %s, a rank each its own; %s", settings->base.model,
                spec.views ? "crops are repeated as in a store" : "every epoch has new crops");
    return TEC_OK;
}

/* Collective. The data set, and the store that the images may come from. */
static tec_status open_stored(const tec_comm *comm, tec_settings *settings, tec_model_config *config, tec_inputs *out)
{
    uint64_t base_hash = 0;
    if (settings->pretrain.objective == TEC_OBJECTIVE_TEC) {
        TEC_TRY(hash_base(comm, settings, &base_hash));
        TEC_TRY(tec_setup_store(comm, settings, &out->store));
    }
    if (out->store && tec_store_get_spec(out->store)->images)
        TEC_TRY(stand_in(settings, out->store, &out->set));
    else
        TEC_TRY(tec_setup_dataset(comm, settings, true, &out->set));
    if (!out->store)
        return TEC_OK;
    TEC_TRY(tec_comm_agree(comm, check_store(settings, config, base_hash, out->store, out->set)));
    TEC_TRY(open_further(comm, settings, config, out));
    return settle_storage(settings, tec_store_get_spec(out->store));
}

tec_status tec_setup_check_more(const tec_settings *settings)
{
    if (!settings->pretrain.more_targets[0])
        return TEC_OK;
    if (settings->pretrain.objective != TEC_OBJECTIVE_TEC)
        return tec_fail(TEC_USER_ERROR, "pretrain.more_targets is given, but pretrain.objective is mae, which learns "
                                        "from pixels: leave one of them out");
    if (settings->targets.online)
        return tec_fail(TEC_USER_ERROR,
                        "pretrain.more_targets is given, but targets.online computes the targets of one "
                        "base model: leave one of them out");
    return TEC_OK;
}

tec_status tec_setup_inputs(const tec_comm *comm, tec_settings *settings, tec_model_config *config, tec_inputs *out)
{
    const bool online = settings->pretrain.objective == TEC_OBJECTIVE_TEC && settings->targets.online;
    *out = (tec_inputs){0};
    TEC_TRY(tec_setup_check_more(settings));
    TEC_TRY((online ? open_online : open_stored)(comm, settings, config, out));
    const tec_store_spec *spec = tec_inputs_targets(out);
    if (spec) {
        config->base_width = spec->width;
        config->base_heads = spec->heads;
    }
    if (settings->run.stage[0])
        tec_inputs_stage(comm, settings->run.stage, settings->pretrain.epochs, out);
    return TEC_OK;
}
