/* The architecture that settings describe: a preset, and what they give besides. */
#include "tec/settings.h"

#include <stdlib.h>

typedef struct preset {
    int patch, width, depth, heads, decoder_width, decoder_depth, decoder_heads;
} preset;

/* By tec_preset; 0: must be given. */
static const preset presets[] = {
    [TEC_PRESET_NONE] = {16, 0, 0, 0, 0, 0, 0},
    [TEC_PRESET_VIT_TINY] = {16, 192, 12, 3, 192, 2, 6},
    [TEC_PRESET_VIT_SMALL] = {16, 384, 12, 6, 256, 2, 8},
    [TEC_PRESET_VIT_BASE] = {16, 768, 12, 12, 512, 2, 16},
    [TEC_PRESET_VIT_LARGE] = {16, 1024, 24, 16, 768, 2, 16},
    [TEC_PRESET_VIT_HUGE] = {14, 1280, 32, 16, 768, 2, 16},
};
#define MAE_DECODER_DEPTH 8

static tec_status choose(int *out, int given, int of_preset, const char *key)
{
    *out = given ? given : of_preset;
    if (!*out)
        return tec_fail(TEC_USER_ERROR, "model.%s must be given, as model.preset is none", key);
    return TEC_OK;
}

/* depth / 3 in TEC's models (depth 12 and 24); if that does not divide the depth, fewer and larger groups. */
static int default_groups(int depth)
{
    int groups = depth < 3 ? 1 : depth / 3;
    while (depth % groups)
        groups--;
    return groups;
}

/* What every kind of model has. */
static tec_status encoder_config(const tec_settings *settings, const preset *of, tec_model_config *out)
{
    out->image_size = settings->data.image_size;
    out->channels = settings->data.channels;
    out->mlp_ratio = settings->model.mlp_ratio;
    TEC_TRY(choose(&out->patch, settings->model.patch, of->patch, "patch"));
    TEC_TRY(choose(&out->width, settings->model.width, of->width, "width"));
    TEC_TRY(choose(&out->depth, settings->model.depth, of->depth, "depth"));
    return choose(&out->heads, settings->model.heads, of->heads, "heads");
}

tec_status tec_settings_classifier_config(const tec_settings *settings, tec_model_config *out)
{
    *out = (tec_model_config){.kind = TEC_MODEL_CLASSIFIER,
                              .variant = {.fc_norm = settings->finetune.pooling == TEC_POOL_MEAN, .norm_eps = 1e-6}};
    return encoder_config(settings, &presets[settings->model.preset], out);
}

tec_status tec_settings_model_config(const tec_settings *settings, tec_model_config *out)
{
    preset of = presets[settings->model.preset];
    bool mae = settings->pretrain.objective == TEC_OBJECTIVE_MAE;
    if (mae && settings->model.preset != TEC_PRESET_NONE)
        of.decoder_depth = MAE_DECODER_DEPTH;
    *out = (tec_model_config){
        .kind = mae ? TEC_MODEL_MAE : TEC_MODEL_TEC,
        .norm_pix = settings->pretrain.norm_pix,
        .attention_tau = settings->pretrain.attention_tau,
        .predict_attention = settings->pretrain.attention_weight > 0,
    };
    TEC_TRY(encoder_config(settings, &of, out));
    TEC_TRY(choose(&out->decoder_width, settings->model.decoder_width, of.decoder_width, "decoder_width"));
    TEC_TRY(choose(&out->decoder_depth, settings->model.decoder_depth, of.decoder_depth, "decoder_depth"));
    TEC_TRY(choose(&out->decoder_heads, settings->model.decoder_heads, of.decoder_heads, "decoder_heads"));
    if (!settings->model.adaptors && settings->model.adaptor_groups)
        return tec_fail(TEC_USER_ERROR,
                        "model.adaptor_groups is %d, but model.adaptors is false: leave one of them out",
                        settings->model.adaptor_groups);
    if (settings->model.adaptors)
        out->groups = settings->model.adaptor_groups ? settings->model.adaptor_groups : default_groups(out->depth);
    return TEC_OK;
}

int tec_settings_threads(const tec_settings *settings)
{
    if (settings->run.threads > 0)
        return settings->run.threads;
    const char *environment = getenv("OMP_NUM_THREADS");
    int threads = environment ? atoi(environment) : 1;
    return threads > 0 ? threads : 1;
}
