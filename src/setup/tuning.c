/* Opens and checks what fine-tuning works on: a model, two labelled data sets. */
#include "tec/setup.h"

#include "tec/log.h"
#include "tec/sampler.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH "scratch"
#define MOST_CLASSES ((1 << 15) - 1) /* that are read again from a checkpoint */
#define TRAINED_COPIES 4             /* weights, gradients, two moments of AdamW */
#define SCRATCH_HASH 1               /* no model's, and not 0, which is that of a checkpoint that says nothing */

bool tec_setup_from_scratch(const tec_settings *settings)
{
    return strcmp(settings->finetune.model, SCRATCH) == 0;
}

tec_status tec_setup_classifier(const tec_settings *settings, const tec_model_config *base, tec_model_config *out)
{
    if (!base)
        return tec_settings_classifier_config(settings, out);
    *out = *base;
    out->kind = TEC_MODEL_CLASSIFIER;
    out->variant.fc_norm = settings->finetune.pooling == TEC_POOL_MEAN;
    out->variant.no_norm = false; /* a new one, before the new head */
    if (out->variant.block)
        return tec_fail(TEC_USER_ERROR,
                        "finetune.model %s: blocks with %s cannot be trained, only those with a norm before each "
                        "branch: give another finetune.model; this one serves as base.model",
                        settings->finetune.model, tec_block_form_words(out->variant.block));
    return tec_setup_check_model(settings, "finetune", settings->finetune.model,
                                 (tec_pooling)settings->finetune.pooling, out);
}

/* The model that training begins with, and the classifier that it becomes, but for its classes. */
static tec_status open_model(const tec_comm *comm, const tec_settings *settings, tec_frozen_facts *facts,
                             tec_tuning *out)
{
    tec_model_config *config = &out->task.model;
    const char *path = settings->finetune.model;
    if (!path[0])
        return tec_fail(TEC_USER_ERROR, "finetune.model is not given: name a model file, or `" SCRATCH "` for none");
    out->base_hash = SCRATCH_HASH;
    if (tec_setup_from_scratch(settings)) {
        TEC_TRY(tec_setup_classifier(settings, NULL, config));
        return tec_setup_check_memory(comm, "finetune.model", path, config, TRAINED_COPIES);
    }
    TEC_TRY(tec_setup_frozen_with(comm, settings, path, 1, &out->base, facts));
    tec_setup_say_normalisation(settings, path, &facts->normalisation);
    out->base_hash = tec_frozen_hash(out->base);
    TEC_TRY(tec_setup_classifier(settings, tec_frozen_config(out->base), config));
    return tec_setup_check_memory(comm, "finetune.model", path, config, TRAINED_COPIES);
}

void tec_setup_choose_labels(const tec_settings *settings, tec_dataset *set)
{
    const int64_t all = tec_dataset_size(set);
    if (settings->finetune.labels_per_class == 0 && settings->finetune.label_fraction >= 1)
        return;
    tec_dataset_choose(set, settings->finetune.labels_per_class, settings->finetune.label_fraction, settings->run.seed);
    tec_log("%lld of the %lld training images are used, of %d classes (finetune.labels_per_class, "
            "finetune.label_fraction)",
            (long long)tec_dataset_size(set), (long long)all, tec_dataset_classes(set));
}

static tec_status open_sets(const tec_comm *comm, const tec_settings *settings, tec_tuning *out)
{
    TEC_TRY(tec_setup_check_labels(settings));
    TEC_TRY(tec_setup_dataset(comm, settings, true, &out->inputs.set));
    TEC_TRY(tec_setup_dataset(comm, settings, false, &out->val));
    TEC_TRY(tec_setup_val_labels(comm, settings, out->inputs.set, out->val));
    TEC_TRY(tec_evaluation_check(out->inputs.set, settings->data.train, out->val, settings->data.val));
    tec_setup_choose_labels(settings, out->inputs.set);
    if (comm->rank == 0)
        tec_evaluation_warn(out->inputs.set, settings->data.train, out->val, settings->data.val);
    return TEC_OK;
}

/* A name a line; what would end a line within a name becomes a blank. */
static char *name_classes(const tec_dataset *set)
{
    char *text = tec_string_copy("");
    for (int i = 0; i < tec_dataset_classes(set); i++) {
        char *name = tec_string_copy(tec_dataset_class_name(set, i));
        for (char *at = name; *at; at++)
            *at = *at == '\n' ? ' ' : *at;
        tec_string_append(&text, "%s\n", name);
        free(name);
    }
    return text;
}

/* Alterations of colours are Pillow's, for images of its modes L and RGB. */
static tec_status check_colours(const tec_settings *settings)
{
    const bool rand = settings->finetune.rand_augment[0], jitter = settings->finetune.color_jitter > 0;
    const int channels = settings->data.channels;
    tec_bands bands;
    TEC_TRY(tec_settings_bands(settings, &bands));
    if ((!rand && !jitter) || tec_bands_pictures(&bands, channels))
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s alters 8-bit images of 1 or 3 channels, but data.channels is %d and data.range %s: set%s%s",
                    rand ? "finetune.rand_augment" : "finetune.color_jitter", channels, settings->data.range,
                    rand ? " finetune.rand_augment=\"\"" : "", jitter ? " finetune.color_jitter=0" : "");
}

tec_status tec_setup_tuning_view(const tec_settings *settings, tec_feed_view *out)
{
    tec_augmentation *a = &out->augmentation;
    *out = tec_setup_view(settings);
    TEC_TRY(check_colours(settings));
    memcpy(out->crop.scale, settings->finetune.crop_scale, sizeof out->crop.scale);
    *a = (tec_augmentation){.jitter = settings->finetune.color_jitter, .erase = settings->finetune.erase};
    if (!settings->finetune.rand_augment[0])
        return TEC_OK;
    if (tec_rand_augment_parse(settings->finetune.rand_augment, &a->rand) != TEC_OK)
        return tec_fail(TEC_USER_ERROR, "finetune.rand_augment: %s", tec_error_message());
    return TEC_OK;
}

/* Images are mixed in pairs within a step. */
static tec_status check_mixing(const tec_settings *settings, const tec_recipe *recipe)
{
    const tec_mix_settings mix = tec_setup_mix(settings);
    const int repeats = tec_recipe_repeats(recipe);
    if (repeats > 1 && recipe->batch < 2 * repeats)
        return tec_fail(
            TEC_USER_ERROR,
            "finetune.batch is %d and finetune.repeats %d: a step would hold views of hardly more than one image, "
            "mixed with each other; give a batch of %d or more, or fewer repeats",
            recipe->batch, repeats, 2 * repeats);
    if (recipe->batch > 1 || !tec_mix_is_on(&mix))
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "finetune.batch is 1, but mixup and CutMix mix the images of a step with each other: "
                    "give a batch of 2 or more, or set finetune.mixup=0 finetune.cutmix=0");
}

tec_status tec_setup_check_tuning(const tec_settings *settings, int64_t images, int classes)
{
    const tec_recipe recipe = tec_setup_tuning_recipe(settings);
    if (classes > MOST_CLASSES)
        return tec_fail(TEC_USER_ERROR, "data.train %s has %d classes, and a model at most %d", settings->data.train,
                        classes, MOST_CLASSES);
    TEC_TRY(tec_sampler_check(images, &recipe));
    return check_mixing(settings, &recipe);
}

static tec_status describe_task(const tec_settings *settings, const tec_frozen_facts *facts, tec_tuning *out)
{
    tec_finetuning *t = &out->task;
    t->drop_path = settings->finetune.drop_path;
    t->smoothing = settings->finetune.label_smoothing;
    t->mix = tec_setup_mix(settings);
    t->repeats = settings->finetune.repeats;
    TEC_TRY(tec_setup_tuning_view(settings, &t->view));
    t->view.normalisation = facts->normalisation;
    t->model.classes = tec_dataset_classes(out->inputs.set);
    TEC_TRY(tec_setup_check_tuning(settings, tec_dataset_size(out->inputs.set), t->model.classes));
    out->classes = name_classes(out->inputs.set);
    TEC_TRY(tec_model_config_check(&t->model));
    out->validation_view = t->view;
    out->validation_view.policy = TEC_VIEW_CENTER;
    out->validation_view.augmentation = (tec_augmentation){0};
    out->validation_view.preprocessing =
        tec_setup_choose_preprocessing(settings, facts->preprocessing, out->inputs.set, out->val);
    return TEC_OK;
}

tec_status tec_setup_tuning(const tec_comm *comm, const tec_settings *settings, tec_tuning *out)
{
    tec_frozen_facts facts = {.normalisation = tec_setup_normalisation(settings)};
    *out = (tec_tuning){0};
    TEC_TRY(open_model(comm, settings, &facts, out));
    TEC_TRY(open_sets(comm, settings, out));
    TEC_TRY(tec_comm_agree(comm, describe_task(settings, &facts, out)));
    if (comm->rank == 0)
        tec_setup_say_head(settings->finetune.model, facts.head, out->task.model.classes, out->classes,
                           settings->data.train);
    if (settings->run.stage[0])
        tec_inputs_stage(comm, settings->run.stage, settings->finetune.epochs, &out->inputs);
    return TEC_OK;
}

void tec_tuning_close(tec_tuning *t)
{
    tec_frozen_close(t->base);
    tec_dataset_close(t->val);
    tec_inputs_close(&t->inputs);
    free(t->classes);
    t->classes = NULL;
    t->base = NULL;
    t->val = NULL;
}
