/* What config.json and preprocessor_config.json beside a model file say, Hugging Face's and timm's. */
#include "import_parts.h"

#include "tec/log.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char CONFIG[] = "config.json", PREPROCESSOR[] = "preprocessor_config.json";

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* -- activation -- */

/* What Hugging Face and timm call them; `is` -1: none of ours. */
static const struct {
    const char *name;
    int is;
} activations[] = {
    {"gelu", TEC_ACTIVATION_GELU},
    {"gelu_python", TEC_ACTIVATION_GELU},
    {"gelu_erf", TEC_ACTIVATION_GELU},
    {"gelu_new", TEC_ACTIVATION_GELU_TANH},
    {"gelu_fast", TEC_ACTIVATION_GELU_TANH},
    {"gelu_tanh", TEC_ACTIVATION_GELU_TANH},
    {"gelu_pytorch_tanh", TEC_ACTIVATION_GELU_TANH},
    {"gelu_accurate", TEC_ACTIVATION_GELU_TANH},
    {"quick_gelu", TEC_ACTIVATION_QUICK_GELU},
    {"quickgelu", TEC_ACTIVATION_QUICK_GELU},
};

static tec_status take_activation(const tec_import *import, const char *name, const char *key, import_sidecar *said)
{
    if (!name || import->facts.config.variant.swiglu)
        return TEC_OK;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(name, activations[i].name) == 0) {
            said->activation = 1 + activations[i].is;
            said->activation_from = CONFIG;
            return TEC_OK;
        }
    return tec_fail(
        TEC_USER_ERROR,
        "%s: the activation %.60s is not supported (config.json beside it says so: %s); gelu, gelu_tanh and "
        "quick_gelu are",
        import->path, name, key);
}

/* -- numbers -- */

static void take_heads(const json_t *object, const char *key, import_sidecar *said)
{
    const json_t *heads = json_object_get(object, key);
    if (!json_is_integer(heads) || json_integer_value(heads) < 1 || json_integer_value(heads) > 1 << 20)
        return;
    said->heads = (int)json_integer_value(heads);
    said->heads_from = CONFIG;
}

bool tec_import_channel_values(const json_t *value, double out[TEC_BANDS_MOST])
{
    const size_t count = json_array_size(value), most = TEC_BANDS_MOST;
    if (!json_is_number(value) && count != 1 && (count < 3 || count > most))
        return false;
    memset(out, 0, most * sizeof *out);
    for (size_t i = 0; i < (count > 1 ? count : most); i++) {
        const json_t *number = json_is_number(value) ? value : json_array_get(value, count == 1 ? 0 : i);
        if (!json_is_number(number))
            return false;
        out[i] = json_number_value(number);
    }
    return true;
}

/* `scale`: the model's input is pixel / 255 * scale before the mean is subtracted. */
static void take_normalisation(const json_t *mean, const json_t *std, double scale, const char *from,
                               import_sidecar *said)
{
    double m[TEC_BANDS_MOST], s[TEC_BANDS_MOST];
    if (!tec_import_channel_values(mean, m) || !tec_import_channel_values(std, s) ||
        !(s[0] > 0 && s[1] > 0 && s[2] > 0) || !(scale > 0))
        return;
    said->normalised = true;
    said->mean_from = from;
    for (int i = 0; i < TEC_BANDS_MOST; i++) {
        said->mean[i] = m[i] / scale;
        said->std[i] = s[i] / scale;
    }
}

/* -- how images become the model's input -- */

static int side_of(const json_t *size)
{
    return json_is_integer(size) && json_integer_value(size) > 0 && json_integer_value(size) <= 1 << 15
               ? (int)json_integer_value(size)
               : 0;
}

/* A list of height and width, which timm's input_size has behind the channels, or a number, the side of a square. */
static void take_image_size(const json_t *is, import_sidecar *said)
{
    const size_t count = json_array_size(is);
    tec_size size = tec_size_square(side_of(is));
    if (count >= 2)
        size = (tec_size){side_of(json_array_get(is, count - 2)), side_of(json_array_get(is, count - 1))};
    if (size.height == 0 || size.width == 0)
        return;
    said->image_size = size;
    said->image_size_from = CONFIG;
}

/* The filters' names, in the order of Pillow's numbers, and ours; AUTO: there is none. */
static const struct {
    const char *name;
    tec_filter filter;
} filters[] = {
    {"nearest", TEC_FILTER_AUTO},    {"lanczos", TEC_FILTER_LANCZOS}, {"bilinear", TEC_FILTER_BILINEAR},
    {"bicubic", TEC_FILTER_BICUBIC}, {"box", TEC_FILTER_AUTO},        {"hamming", TEC_FILTER_AUTO},
};
enum { FILTERS = sizeof filters / sizeof *filters };

/* What evaluation cannot do as the sidecar says, it says. */
static void warn_unsupported(const tec_import *import, const char *from, const char *what, const char *name,
                             const char *key)
{
    tec_warn("%s: %s beside it says %s %.40s, which is not supported here: %s decides", import->path, from, what, name,
             key);
}

static tec_filter filter_of(const tec_import *import, const char *from, const char *name)
{
    for (int i = 0; name && i < FILTERS; i++)
        if (strcmp(name, filters[i].name) == 0 && filters[i].filter != TEC_FILTER_AUTO)
            return filters[i].filter;
    if (name)
        warn_unsupported(import, from, "that images are resized by", name, "eval.interpolation");
    return TEC_FILTER_AUTO;
}

static void take_preprocessing(const tec_import *import, const char *from, tec_preprocessing p, import_sidecar *said)
{
    if (p.crop_pct > 1) {
        warn_unsupported(import, from, "that images are padded at the border, that is", "crop_pct > 1",
                         "eval.crop_pct");
        p.crop_pct = 0;
    }
    if (p.resize == TEC_RESIZE_AUTO && p.crop_pct <= 0 && p.filter == TEC_FILTER_AUTO)
        return;
    said->preprocessing = p;
    said->preprocessing_from = from;
}

/* timm's pretrained_cfg. */
static void take_timm_preprocessing(const tec_import *import, const json_t *object, import_sidecar *said)
{
    const char *filter = text_of(object, "interpolation"), *mode = text_of(object, "crop_mode");
    const json_t *crop = json_object_get(object, "crop_pct");
    if (!filter && !mode && !json_is_number(crop))
        return;
    tec_preprocessing p = {.filter = filter_of(import, CONFIG, filter), .resize = TEC_RESIZE_SHORTER};
    if (mode && strcmp(mode, "squash") == 0)
        p.resize = TEC_RESIZE_SQUASH;
    else if (mode && strcmp(mode, "center") != 0)
        warn_unsupported(import, CONFIG, "crop_mode", mode, "eval.resize");
    if (json_is_number(crop) && json_number_value(crop) > 0)
        p.crop_pct = json_number_value(crop);
    take_preprocessing(import, CONFIG, p, said);
}

static bool is_off(const json_t *object, const char *key)
{
    return json_is_false(json_object_get(object, key));
}

/* Is it the image processor of these models? Files of all ages call it by another key. */
static bool is_processor_of(const json_t *images, const char *model)
{
    const char *type = text_of(images, "image_processor_type"), *older = text_of(images, "feature_extractor_type");
    return (type && tec_string_starts_with(type, model)) || (older && tec_string_starts_with(older, model));
}

/* Hugging Face's: resized to `size` (height: both sides; shortest_edge: the short side; a number alone: both, but the
 * short side of CLIP's), then the central crop_size. Without a centre crop the resized image is the input. */
static void take_hf_preprocessing(const tec_import *import, const json_t *images, import_sidecar *said)
{
    const json_t *size = json_object_get(images, "size"), *crop = json_object_get(images, "crop_size");
    const json_t *resample = json_object_get(images, "resample");
    int shortest = side_of(json_object_get(size, "shortest_edge")), height = side_of(json_object_get(size, "height"));
    if (side_of(size) && is_processor_of(images, "CLIP"))
        shortest = side_of(size);
    int resized = shortest ? shortest : height ? height : side_of(size);
    int cut = json_is_object(crop) ? side_of(json_object_get(crop, "height")) : side_of(crop);
    const json_t *share = json_object_get(images, "crop_pct"); /* of some, whose `size` is that of the crop */
    if (is_off(images, "do_resize") || resized == 0)
        return;
    bool crops = cut > 0 && !is_off(images, "do_center_crop");
    tec_preprocessing p = {.resize = shortest ? TEC_RESIZE_SHORTER : TEC_RESIZE_SQUASH,
                           .crop_pct = crops ? (double)cut / resized : 1};
    if (!crops && json_is_number(share) && json_number_value(share) > 0)
        p.crop_pct = json_number_value(share);
    while ((int)(cut / p.crop_pct) < resized && crops) /* evaluation divides again, and rounds down */
        p.crop_pct = nextafter(p.crop_pct, 0);
    if (json_is_integer(resample) && json_integer_value(resample) >= 0 && json_integer_value(resample) < FILTERS)
        p.filter = filter_of(import, PREPROCESSOR, filters[json_integer_value(resample)].name);
    else if (resample && !json_is_null(resample))
        warn_unsupported(import, PREPROCESSOR, "that images are resized by", "an unknown filter", "eval.interpolation");
    else if (is_processor_of(images, "ViT"))
        p.filter = TEC_FILTER_BILINEAR; /* its default */
    take_preprocessing(import, PREPROCESSOR, p, said);
}

tec_status tec_import_read_preprocessor(const tec_import *import, const json_t *images, import_sidecar *said)
{
    TEC_TRY(tec_import_check_entries(import, PREPROCESSOR, images));
    TEC_TRY(tec_import_check_images(import, images, said));
    const json_t *factor = json_object_get(images, "rescale_factor");
    double scale = 255 * (json_is_number(factor) ? json_number_value(factor) : 1.0 / 255);
    if (is_off(images, "do_rescale"))
        scale = 255;
    if (fabs(scale - 1) < 1e-6) /* 1 / 255 in as many digits as somebody wrote */
        scale = 1;
    if (is_off(images, "do_normalize")) {
        said->normalised = true;
        said->mean_from = PREPROCESSOR;
        for (int i = 0; i < TEC_BANDS_MOST; i++) {
            said->mean[i] = 0;
            said->std[i] = 1 / scale;
        }
    } else {
        take_normalisation(json_object_get(images, "image_mean"), json_object_get(images, "image_std"), scale,
                           PREPROCESSOR, said);
    }
    if (!json_is_true(json_object_get(images, "tec_defaults"))) /* of an export: only what evaluation does anyway */
        take_hf_preprocessing(import, images, said);
    return TEC_OK;
}

/* -- what is computed -- */

/* Hugging Face's model_type; `what` NULL: a plain ViT. */
static const struct {
    const char *type, *what;
} model_types[] = {
    {"vit", NULL},
    {"vit_mae", NULL},
    {"vit_msn", NULL},
    {"deit", NULL},
    {"dinov2", NULL},
    {"dinov2_with_registers", NULL},
    {"beit", NULL},
    {"data2vec-vision", NULL},
    {"ijepa", NULL},
    {"clip", NULL},
    {"clip_vision_model", NULL},
    {"siglip", NULL},
    {"siglip_vision_model", NULL},
    {"siglip2", "positions for images of any shape (NaFlex)"},
    {"siglip2_vision_model", "positions for images of any shape (NaFlex)"},
    {"vit_hybrid", NULL},
    {"timm_wrapper", NULL},
    {"dinov3_vit", "rotary positions"},
    {"yolos", "detection tokens"},
    {"vivit", "patches of videos"},
    {"videomae", "patches of videos"},
    {"timesformer", "patches of videos"},
};

/* By the names of its tensors: under others it would be computed as something else. */
static bool is_dinov3(const tec_import *import)
{
    return strcmp(import->naming->name, "Hugging Face DINOv3") == 0;
}

/* The base of rotary positions is of later versions in an object of its own. A gated MLP of another activation than SiLU
 * is not SwiGLU. */
static tec_status take_dinov3(const tec_import *import, const json_t *config, import_sidecar *said)
{
    const char *activation = text_of(config, "hidden_act");
    const json_t *theta = json_object_get(config, "rope_theta"), *own = json_object_get(config, "rope_parameters");
    TEC_TRY(tec_import_check_entries(import, CONFIG, own));
    if (!json_is_number(theta))
        theta = json_object_get(own, "rope_theta");
    if (json_is_number(theta))
        said->rotary_base = json_number_value(theta);
    if (!import->facts.config.variant.swiglu || !activation || strcmp(activation, "silu") == 0)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s: gated MLPs with the activation %.60s are not supported (config.json beside it says so: "
                    "hidden_act); those with silu are",
                    import->path, activation);
}

static tec_status check_model_type(const tec_import *import, const char *type, import_sidecar *said)
{
    if (!type)
        return TEC_OK;
    for (size_t i = 0; i < sizeof model_types / sizeof *model_types; i++) {
        if (strcmp(type, model_types[i].type) != 0)
            continue;
        said->plain_blocks = true;
        if (!model_types[i].what || (strcmp(type, "dinov3_vit") == 0 && is_dinov3(import)))
            return TEC_OK;
        return tec_fail(
            TEC_USER_ERROR,
            "%s: the model has %s, which is not supported (config.json beside it says so: model_type = %s): "
            "take a model without",
            import->path, model_types[i].what, type);
    }
    return tec_fail(TEC_USER_ERROR,
                    "%s: config.json beside it says model_type = %.60s, which is not known here, and a model that "
                    "computes something else would give wrong features; vit, vit_mae, vit_msn, deit, dinov2, "
                    "dinov2_with_registers, dinov3_vit, beit, data2vec-vision, ijepa, clip and siglip are known",
                    import->path, type);
}

/* What Hugging Face's configurations leave out where it is as usual: without it a table of sizes would decide. */
static const struct {
    const char *type, *activation;
    int heads;
    double norm_eps;
} defaults[] = {
    {"clip", "quick_gelu", 12, 1e-5},
    {"clip_vision_model", "quick_gelu", 12, 1e-5},
    {"siglip", "gelu_pytorch_tanh", 12, 1e-6},
    {"siglip_vision_model", "gelu_pytorch_tanh", 12, 1e-6},
};

static tec_status take_defaults(const tec_import *import, const char *type, import_sidecar *said)
{
    for (size_t i = 0; type && i < sizeof defaults / sizeof *defaults; i++) {
        if (strcmp(type, defaults[i].type) != 0)
            continue;
        said->heads = defaults[i].heads;
        said->norm_eps = defaults[i].norm_eps;
        said->heads_from = said->norm_eps_from = "config.json: as usual";
        TEC_TRY(take_activation(import, defaults[i].activation, "hidden_act", said));
        said->activation_from = said->heads_from;
    }
    return TEC_OK;
}

const json_t *tec_import_tower_config(const json_t *config)
{
    const json_t *tower = json_object_get(config, "vision_config");
    return json_is_object(tower) ? tower : config;
}

/* Keys of timm's model_args that change nothing, or nothing that tensors do not show. */
static const char *const harmless[] = {"img_size",
                                       "patch_size",
                                       "in_chans",
                                       "num_classes",
                                       "global_pool",
                                       "embed_dim",
                                       "depth",
                                       "mlp_ratio",
                                       "qkv_bias",
                                       "init_values",
                                       "class_token",
                                       "no_embed_class",
                                       "reg_tokens",
                                       "num_reg_tokens",
                                       "pre_norm",
                                       "fc_norm",
                                       "dynamic_img_size",
                                       "dynamic_img_pad",
                                       "drop_rate",
                                       "pos_drop_rate",
                                       "proj_drop_rate",
                                       "patch_drop_rate",
                                       "attn_drop_rate",
                                       "drop_path_rate",
                                       "weight_init",
                                       "fix_init",
                                       "features_only",
                                       "strict_img_size",
                                       "out_indices",
                                       "final_norm",
                                       "use_fc_norm",
                                       "cache_dir",
                                       "pretrained",
                                       NULL};

static bool is_harmless(const char *key, const json_t *value)
{
    const char *text = json_string_value(value);
    return tec_string_find(harmless, key) >= 0 || json_is_null(value) || json_is_false(value) ||
           (strcmp(key, "pos_embed") == 0 && text && strcmp(text, "learn") == 0) ||
           (strcmp(key, "norm_layer") == 0 && text && strcmp(text, "layernorm") == 0);
}

/* What a model of timm was created with besides its architecture's own settings. */
static tec_status read_model_args(const tec_import *import, json_t *args, import_sidecar *said)
{
    const char *key;
    json_t *value;
    json_object_foreach(args, key, value)
    {
        if (strcmp(key, "num_heads") == 0)
            take_heads(args, key, said);
        else if (strcmp(key, "act_layer") == 0 && json_is_string(value))
            TEC_TRY(take_activation(import, json_string_value(value), "act_layer", said));
        else if (!is_harmless(key, value))
            return tec_fail(TEC_USER_ERROR,
                            "%s: config.json beside it sets model_args.%.60s, which is not supported: the model may "
                            "compute something else than a plain ViT",
                            import->path, key);
    }
    return TEC_OK;
}

/* timm's own weights of CLIP under the name of an architecture with the exact GELU say so in a note. */
static void warn_of_notes(const tec_import *import, const json_t *about, const char *architecture)
{
    const json_t *notes = json_object_get(about, "notes");
    for (size_t i = 0; i < json_array_size(notes); i++) {
        const char *note = json_string_value(json_array_get(notes, i));
        if (note && strcasestr(note, "quickgelu") && !strstr(architecture, "quickgelu"))
            tec_warn("%s: config.json beside it says \"%.100s\", but its architecture has the exact GELU, which is "
                     "taken; base.activation=quick_gelu computes what it was trained with",
                     import->path, note);
    }
}

static tec_status read_timm(const tec_import *import, const json_t *config, import_sidecar *said)
{
    const char *architecture = text_of(config, "architecture");
    const json_t *about = json_object_get(config, "pretrained_cfg");
    if (architecture) {
        snprintf(said->architecture, sizeof said->architecture, "%s", architecture);
        said->architecture_from = "config.json beside it";
        warn_of_notes(import, about, architecture);
    }
    TEC_TRY(read_model_args(import, json_object_get(config, "model_args"), said));
    for (int i = 0; i < 2; i++) { /* older files have them at the top */
        const json_t *object = i ? about : config;
        take_normalisation(json_object_get(object, "mean"), json_object_get(object, "std"), 1, CONFIG, said);
        take_image_size(json_object_get(object, "input_size"), said);
        if (!json_is_true(json_object_get(config, "tec_defaults"))) /* as of preprocessor_config.json */
            take_timm_preprocessing(import, object, said);
    }
    take_image_size(json_object_get(json_object_get(config, "model_args"), "img_size"), said);
    return TEC_OK;
}

tec_status tec_import_read_config(const tec_import *import, const json_t *whole, import_sidecar *said)
{
    const json_t *config = tec_import_tower_config(whole), *eps = json_object_get(config, "layer_norm_eps");
    const char *type = text_of(config, "model_type");
    type = type ? type : text_of(whole, "model_type");
    TEC_TRY(tec_import_check_entries(import, CONFIG, config));
    TEC_TRY(tec_import_check_entries(import, CONFIG, json_object_get(config, "pretrained_cfg")));
    TEC_TRY(tec_import_check_entries(import, CONFIG, json_object_get(config, "model_args")));
    TEC_TRY(check_model_type(import, type, said));
    TEC_TRY(take_defaults(import, type, said));
    if (is_dinov3(import))
        TEC_TRY(take_dinov3(import, config, said));
    else
        TEC_TRY(tec_import_check_graph(import, config));
    TEC_TRY(take_activation(import, text_of(config, "hidden_act"), "hidden_act", said));
    take_heads(config, "num_attention_heads", said);
    take_image_size(json_object_get(config, "image_size"), said);
    if (json_is_number(eps) && json_number_value(eps) > 0) {
        said->norm_eps = json_number_value(eps);
        said->norm_eps_from = CONFIG;
    }
    return read_timm(import, config, said);
}
