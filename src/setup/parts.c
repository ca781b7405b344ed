/* From settings to the small structs that modules take. */
#include "tec/setup.h"

#include "tec/minmax.h"

#include <string.h>

tec_reading tec_setup_reading(const tec_settings *s)
{
    return (tec_reading){
        .workers = s->data.workers, .prefetch = s->data.prefetch, .skip = s->data.on_bad_image == TEC_BAD_IMAGE_SKIP};
}

tec_normalisation tec_setup_normalisation(const tec_settings *s)
{
    tec_normalisation out;
    memcpy(out.mean, s->data.mean, sizeof out.mean);
    memcpy(out.std, s->data.std, sizeof out.std);
    return out;
}

tec_preprocessing tec_setup_preprocessing(const tec_settings *s)
{
    return (tec_preprocessing){.resize = (tec_resize)s->eval.resize,
                               .crop_pct = s->eval.crop_pct,
                               .filter = (tec_filter)s->eval.interpolation};
}

tec_reduction tec_setup_reduction(const tec_settings *s)
{
    return (tec_reduction){.bucket_bytes = (size_t)s->run.bucket_mb << 20,
                           .overlap = (tec_overlap)s->run.overlap,
                           .type = (tec_gradient_type)s->run.gradient_type,
                           .parts = s->run.exact_sums,
                           .memory = (tec_node_memory)s->run.node_memory};
}

tec_feed_view tec_setup_view(const tec_settings *s)
{
    tec_feed_view view = {.policy = TEC_VIEW_RANDOM,
                          .size = s->data.image_size,
                          .channels = s->data.channels,
                          .normalisation = tec_setup_normalisation(s),
                          .crop = {.flip = s->data.flip},
                          .seed = s->run.seed};
    memcpy(view.crop.scale, s->data.crop_scale, sizeof view.crop.scale);
    memcpy(view.crop.ratio, s->data.crop_ratio, sizeof view.crop.ratio);
    return view;
}

/* Images that are not divided among ranks: with exact sums those of a micro-batch, which must not depend on the ranks,
 * `inputs` model inputs each; else `least`. */
static int together(const tec_settings *s, int micro_batch, int batch, int inputs, int least)
{
    enum { PARTS = 16, MOST = 32 }; /* of a step; model inputs */
    if (!s->run.exact_sums)
        return least;
    int images = micro_batch ? micro_batch / inputs : tec_min_int((batch + PARTS - 1) / PARTS, MOST / inputs);
    return tec_max_int(images / least, 1) * least;
}

tec_recipe tec_setup_recipe(const tec_settings *s)
{
    return (tec_recipe){
        .epochs = s->pretrain.epochs,
        .batch = s->pretrain.batch,
        .micro_batch = s->pretrain.micro_batch,
        .lr = s->pretrain.lr > 0 ? s->pretrain.lr
                                 : s->pretrain.blr * s->pretrain.batch * s->pretrain.masks_per_image / 256,
        .min_lr = s->pretrain.min_lr,
        .warmup_epochs = s->pretrain.warmup_epochs,
        .beta1 = s->pretrain.beta1,
        .beta2 = s->pretrain.beta2,
        .weight_decay = s->pretrain.weight_decay,
        .clip_norm = s->pretrain.clip_norm,
        .together = together(s, s->pretrain.micro_batch, s->pretrain.batch, s->pretrain.masks_per_image, 1),
        .exact = s->run.exact_sums,
        .seed = s->run.seed,
        .log_steps = s->pretrain.log_steps,
        .compare_steps = s->pretrain.compare_steps,
        .progress_seconds = s->pretrain.progress_seconds,
        .checkpoint_epochs = s->pretrain.checkpoint_epochs,
        .checkpoint_minutes = s->pretrain.checkpoint_minutes,
        .stop_after_steps = s->pretrain.stop_after_steps};
}

tec_mix_settings tec_setup_mix(const tec_settings *s)
{
    return (tec_mix_settings){.mixup = s->finetune.mixup,
                              .cutmix = s->finetune.cutmix,
                              .probability = s->finetune.mix_probability,
                              .switching = s->finetune.cutmix_probability};
}

tec_recipe tec_setup_tuning_recipe(const tec_settings *s)
{
    const tec_mix_settings mix = tec_setup_mix(s);
    const bool mixed = tec_mix_is_on(&mix);
    return (tec_recipe){.epochs = s->finetune.epochs,
                        .batch = s->finetune.batch,
                        .micro_batch = s->finetune.micro_batch,
                        .lr = s->finetune.lr > 0 ? s->finetune.lr : s->finetune.blr * s->finetune.batch / 256,
                        .min_lr = s->finetune.min_lr,
                        .warmup_epochs = s->finetune.warmup_epochs,
                        .beta1 = s->finetune.beta1,
                        .beta2 = s->finetune.beta2,
                        .weight_decay = s->finetune.weight_decay,
                        .clip_norm = s->finetune.clip_norm,
                        .layer_decay = s->finetune.layer_decay,
                        .ema = s->finetune.ema,
                        .repeats = s->finetune.repeats,
                        .together = together(s, s->finetune.micro_batch, s->finetune.batch, 1, mixed ? 2 : 1),
                        .exact = s->run.exact_sums,
                        .seed = s->run.seed,
                        .log_steps = s->finetune.log_steps,
                        .compare_steps = s->finetune.compare_steps,
                        .progress_seconds = s->finetune.progress_seconds,
                        .checkpoint_epochs = s->finetune.checkpoint_epochs,
                        .validate_epochs = s->finetune.validate_epochs,
                        .checkpoint_minutes = s->finetune.checkpoint_minutes,
                        .stop_after_steps = s->finetune.stop_after_steps,
                        .section = "finetune"};
}

tec_pretraining tec_setup_pretraining(const tec_settings *s, const tec_model_config *model, const tec_inputs *inputs)
{
    const double *weight = s->pretrain.base_weights;
    tec_pretraining out = {.model = *model,
                           .view = tec_setup_view(s),
                           .mask_ratio = s->pretrain.mask_ratio,
                           .masks = s->pretrain.masks_per_image,
                           .feature_weight = weight[0] * s->pretrain.feature_weight,
                           .attention_weight = weight[0] * s->pretrain.attention_weight,
                           .online = inputs->online};
    for (int i = 0; i < TEC_MAX_BASES - 1; i++) {
        out.more[i].store = inputs->more[i];
        out.more[i].feature_weight = weight[1 + i] * s->pretrain.feature_weight;
        out.more[i].attention_weight = weight[1 + i] * s->pretrain.attention_weight;
    }
    return out;
}

/* Views of a store; in place of one that has a new crop in every epoch: of one that holds all of these. */
static int plan_views(const tec_settings *s)
{
    const bool fresh = s->targets.online && !tec_settings_given(s, "targets", "views");
    return fresh || s->targets.views == 0 ? s->pretrain.epochs : s->targets.views;
}

tec_plan_job tec_setup_plan_job(const tec_settings *s, const tec_model_config *model, const tec_model_config *base)
{
    return (tec_plan_job){.recipe = tec_setup_recipe(s),
                          .model = *model,
                          .inputs = s->pretrain.masks_per_image,
                          .visible = tec_step_visible(model, s->pretrain.mask_ratio),
                          .view = tec_setup_view(s),
                          .reading = tec_setup_reading(s),
                          .reduction = tec_setup_reduction(s),
                          .threads = tec_settings_threads(s),
                          .base = *base,
                          .targets = {.topk = s->targets.topk,
                                      .views = plan_views(s),
                                      .batch = s->targets.batch,
                                      .type = (tec_target_type)s->targets.type,
                                      .images = s->targets.store_images,
                                      .shard_mb = s->targets.shard_mb,
                                      .online = model->kind == TEC_MODEL_TEC && s->targets.online}};
}

tec_status tec_setup_tuning_plan_job(const tec_settings *s, const tec_model_config *model, tec_plan_job *out)
{
    *out = (tec_plan_job){.recipe = tec_setup_tuning_recipe(s),
                          .model = *model,
                          .inputs = 1,
                          .visible = tec_model_patches(model),
                          .reading = tec_setup_reading(s),
                          .reduction = tec_setup_reduction(s),
                          .threads = tec_settings_threads(s),
                          .drop_path = s->finetune.drop_path};
    return tec_setup_tuning_view(s, &out->view);
}

tec_store_spec tec_setup_store_spec(const tec_settings *settings, const tec_model_config *base, uint64_t base_hash,
                                    const tec_normalisation *normalisation, const tec_dataset *set)
{
    tec_store_spec spec = {0};
    spec.samples = tec_dataset_size(set);
    spec.views = settings->targets.views;
    spec.patches = tec_model_patches(base);
    spec.width = base->width;
    spec.heads = base->heads;
    spec.topk = settings->targets.topk;
    spec.last_layers = settings->targets.last_layers;
    spec.plain_features = !settings->targets.standardise;
    spec.mean_query = base->variant.no_class_token;
    spec.type = (tec_target_type)settings->targets.type;
    spec.images = settings->targets.store_images;
    spec.image_size = settings->data.image_size;
    spec.patch = base->patch;
    spec.channels = settings->data.channels;
    tec_settings_bands_words(settings, spec.range, spec.bands);
    memcpy(spec.mean, normalisation->mean, sizeof spec.mean);
    memcpy(spec.std, normalisation->std, sizeof spec.std);
    memcpy(spec.crop_scale, settings->data.crop_scale, sizeof spec.crop_scale);
    memcpy(spec.crop_ratio, settings->data.crop_ratio, sizeof spec.crop_ratio);
    spec.norm_eps = settings->base.norm_eps;
    spec.flip = settings->data.flip;
    spec.seed = settings->run.seed;
    spec.base = base_hash;
    spec.dataset = tec_dataset_fingerprint(set);
    spec.shard_rows = spec.views > 0 ? tec_store_shard_rows(&spec, settings->targets.shard_mb) : 0;
    return spec;
}
