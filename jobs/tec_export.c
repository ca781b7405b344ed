/* tec export: writes any model that tec reads as a file for other programs. */
#include "export_beside.h"
#include "jobs.h"

#include "tec/checkpoint.h"
#include "tec/files.h"
#include "tec/json.h"
#include "tec/log.h"
#include "tec/tensor_write.h"
#include "tec/text.h"
#include "tec/version.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_OUT, OPTION_NAMES, OPTION_FORMAT, OPTION_FLAT };

static const tec_option options[] = {
    {"o", TEC_OPTION_TEXT, "OUT", .help = "the file to write"},
    {"names", TEC_OPTION_CHOICE, "timm|tec|hf",
     .help =
         "timm (the default): the encoder, as timm's VisionTransformer; tec: everything in the file, with the "
         "names of TEC's public checkpoints; hf: Hugging Face's ViTModel, with config.json next to OUT, in a directory "
         "of its own"},
    {"format", TEC_OPTION_CHOICE, "safetensors|pth", .help = "by default chosen by the extension of OUT"},
    {"flat", TEC_OPTION_SWITCH,
     .help =
         "a .pth file holds the tensors alone, instead of {\"model\": tensors} with the facts that no tensor tells"},
    {0}};

typedef enum file_format { SAFETENSORS, PTH, UNKNOWN } file_format;

static const struct {
    const char *ending;
    file_format format;
} endings[] = {{".safetensors", SAFETENSORS}, {".pth", PTH}, {".pt", PTH}, {".bin", PTH}};

typedef struct export_plan {
    const char *model, *out;
    tec_export_names names;
    file_format format;
    bool wrapped; /* {"model": tensors, ...} */
} export_plan;

/* -- the command line -- */

static file_format format_of(const char *path)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strlen(path) > strlen(endings[i].ending) && tec_string_ends_with(path, endings[i].ending))
            return endings[i].format;
    return UNKNOWN;
}

static tec_status make_plan(const tec_invocation *call, export_plan *plan)
{
    const tec_argument *format = &call->option[OPTION_FORMAT];
    *plan = (export_plan){.out = call->option[OPTION_OUT].text,
                          .names = (tec_export_names)call->option[OPTION_NAMES].choice};
    if (call->file_count != 1)
        return tec_fail(TEC_USER_ERROR, "command line: %d model files are given, expected one: tec export MODEL -o OUT",
                        call->file_count);
    plan->model = call->files[0];
    if (!plan->out || !plan->out[0])
        return tec_fail(TEC_USER_ERROR, "command line: no output file is given: tec export %s -o OUT.safetensors",
                        plan->model);
    plan->format = format->times ? (file_format)format->choice : format_of(plan->out);
    if (plan->format == UNKNOWN)
        return tec_fail(TEC_USER_ERROR, "%s: the extension is none of .safetensors, .pth, .pt, .bin: give --format",
                        plan->out);
    bool flat = call->option[OPTION_FLAT].times > 0;
    if (flat && plan->format != PTH)
        return tec_fail(TEC_USER_ERROR, "command line: --flat is about .pth files, and %s is a .safetensors file",
                        plan->out);
    plan->wrapped = plan->format == PTH && !flat && plan->names != TEC_NAMES_HF; /* from_pretrained wants it flat */
    return TEC_OK;
}

/* -- metadata -- */

enum { METADATA = 29 }; /* strings, at most: keys, values, NULL */

static char *numbers(const double *value, int channels)
{
    char *text = tec_string_copy("");
    for (int i = 0; i < tec_bands_numbers(channels); i++)
        tec_string_append(&text, "%s%.17g", i ? "," : "", value[i]);
    return text;
}

/* What tensors do not tell, as src/import/sidecar.c reads it; a guess is not passed on as if it were known. Ends with
 * NULL; the caller frees the strings. */
static void make_metadata(const tec_import_facts *facts, char *metadata[METADATA])
{
    int n = 0;
#define ENTRY(key, value) (void)(metadata[n++] = tec_string_copy(key), metadata[n++] = (value))
    ENTRY("format", tec_string_format("pt"));
    ENTRY("software", tec_string_format("tec %s", tec_version()));
    if (facts->heads_known)
        ENTRY("tec_heads", tec_string_format("%d", facts->config.heads));
    if (facts->activation_known)
        ENTRY("tec_activation", tec_string_copy(tec_activation_name(facts->config.variant.activation)));
    ENTRY("tec_interpolation", tec_string_copy(tec_interpolation_name(facts->interpolation)));
    if (!tec_size_is_square(facts->config.image_size))
        ENTRY("tec_image_size",
              tec_string_format("%d,%d", facts->config.image_size.height, facts->config.image_size.width));
    ENTRY("tec_norm_eps", tec_string_format("%.17g", facts->config.variant.norm_eps));
    if (facts->normalised) {
        ENTRY("tec_mean", numbers(facts->mean, facts->config.channels));
        ENTRY("tec_std", numbers(facts->std, facts->config.channels));
    }
    if (strcmp(facts->bands.range, "") != 0 && strcmp(facts->bands.range, "bytes") != 0)
        ENTRY("tec_range", tec_string_copy(facts->bands.range));
    if (facts->bands.chosen[0])
        ENTRY("tec_bands", tec_string_copy(facts->bands.chosen));
    if (facts->preprocessing_from && (facts->classes || !tec_size_is_square(facts->config.image_size))) {
        const tec_preprocessing p = facts->preprocessing; /* auto, 0, auto: depends on the size of images */
        ENTRY("tec_resize", tec_string_copy(tec_resize_name(p.resize)));
        ENTRY("tec_crop_pct", tec_string_format("%.17g", p.crop_pct));
        ENTRY("tec_filter", tec_string_copy(tec_filter_name(p.filter)));
    }
#undef ENTRY
    metadata[n] = NULL;
}

/* clang-format off */
static json_t *model_json(const tec_import_facts *facts)
{
    static const char *const hidden_act[] = {"gelu", "gelu_pytorch_tanh", "quick_gelu"}; /* by tec_activation */
    const tec_model_config *c = &facts->config;
    return json_pack("{s:[s], s:s, s:i, s:i, s:i, s:i, s:s, s:f, s:o, s:i, s:i, s:b, s:f, s:f}",
        "architectures", facts->classes ? "ViTForImageClassification" : "ViTModel",
        "model_type", "vit",
        "hidden_size", c->width,
        "num_hidden_layers", c->depth,
        "num_attention_heads", c->heads,
        "intermediate_size", tec_model_hidden(c),
        "hidden_act", hidden_act[c->variant.activation],
        "layer_norm_eps", c->variant.norm_eps,
        "image_size", tec_json_size(c->image_size),
        "patch_size", c->patch,
        "num_channels", c->channels,
        "qkv_bias", 1,
        "hidden_dropout_prob", 0.0,
        "attention_probs_dropout_prob", 0.0);
}

/* No image processor resizes an image until it covers a rectangle. */
static bool is_beyond_processors(const tec_import_facts *facts)
{
    return !tec_size_is_square(facts->config.image_size) && facts->preprocessing.resize != TEC_RESIZE_SQUASH;
}

/* As `tec knn` prepares images for this model: BitImageProcessor is the one that can also cut the centre out. With
 * TEC_RESIZE_WHOLE, those of the model's size stay as they are. */
static json_t *preprocessor_json(const tec_import_facts *facts)
{
    static const int resample[] = {[TEC_FILTER_BICUBIC] = 3, [TEC_FILTER_BILINEAR] = 2, [TEC_FILTER_LANCZOS] = 1};
    const tec_size size = facts->config.image_size;
    const int numbers = tec_bands_numbers(facts->config.channels);
    const bool beyond = is_beyond_processors(facts);
    tec_preprocessing p = tec_preprocessing_complete(facts->preprocessing, tec_preprocessing_mae(size));
    if (beyond)
        p.resize = TEC_RESIZE_SQUASH;
    const tec_size resized = p.resize == TEC_RESIZE_WHOLE ? size : tec_preprocessing_resized(p, size);
    json_t *to = p.resize == TEC_RESIZE_SQUASH
                     ? json_pack("{s:i, s:i}", "height", resized.height, "width", resized.width)
                     : json_pack("{s:i}", "shortest_edge", resized.height);
    return json_pack("{s:b, s:s, s:b, s:b, s:f, s:b, s:o, s:i, s:b, s:{s:i, s:i}, s:o, s:o}",
        "tec_defaults", facts->preprocessing_from == NULL || beyond, /* nobody has said it, or the metadata does */
        "image_processor_type", p.resize == TEC_RESIZE_SQUASH ? "DeiTImageProcessor" : "BitImageProcessor",
        "do_normalize", 1,
        "do_rescale", 1,
        "rescale_factor", 1.0 / 255,
        "do_resize", 1,
        "size", to,
        "resample", resample[p.filter],
        "do_center_crop", 1,
        "crop_size", "height", size.height, "width", size.width,
        "image_mean", tec_job_numbers_json(facts->mean, numbers),
        "image_std", tec_job_numbers_json(facts->std, numbers));
}
/* clang-format on */

/* Names of the classes, in their order: those in the checkpoint, or else numbers. */
static json_t *class_names(const char *checkpoint, int classes)
{
    char *names = tec_checkpoint_read_classes(checkpoint), *rest = names;
    json_t *list = json_array();
    for (int i = 0; i < classes; i++) {
        char number[16], *line = rest ? strsep(&rest, "\n") : NULL;
        snprintf(number, sizeof number, "%d", i);
        json_array_append_new(list, tec_job_name_json(line && *line ? line : number));
    }
    free(names);
    return list;
}

/* As Hugging Face has them. */
static void add_classes(json_t *model, const char *checkpoint, int classes)
{
    json_t *names = class_names(checkpoint, classes), *name_of = json_object(), *number_of = json_object();
    for (int i = 0; i < classes; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        json_object_set(name_of, number, json_array_get(names, (size_t)i));
        json_object_set_new(number_of, json_string_value(json_array_get(names, (size_t)i)), json_integer(i));
    }
    json_object_set_new(model, "id2label", name_of);
    json_object_set_new(model, "label2id", number_of);
    json_decref(names);
}

/* -- what timm needs to make a classifier of a directory (timm.create_model('local-dir:...')) -- */

/* The first of such a name is what it loads there. */
static bool is_for_timm(const export_plan *plan, const tec_import_facts *facts)
{
    static const char *const loaded[] = {"model.safetensors", "pytorch_model.bin", NULL};
    return plan->names == TEC_NAMES_TIMM && facts->classes && tec_string_find(loaded, tec_path_name(plan->out)) >= 0;
}

/* What its VisionTransformer is not told by a config.json; NULL: nothing. */
static const char *untold_to_timm(const tec_vit_variant *v)
{
    return v->distillation_token ? "a distillation token"
           : v->swiglu           ? "SwiGLU"
           : v->norm_eps != 1e-6 ? "its norm eps"
                                 : NULL;
}

/* timm truncates width * mlp_ratio, and the ratio has 15 digits in JSON: it is rounded up. */
static double timm_mlp_ratio(const tec_model_config *c)
{
    const int hidden = tec_model_hidden(c);
    const double ratio = ceil(1e12 * hidden / c->width - 1e-3) / 1e12;
    return (int)(c->width * ratio) < hidden ? ratio + 1e-12 : ratio;
}

/* Activations and filters have timm's names. */
/* clang-format off */
static json_t *timm_arguments(const tec_model_config *c)
{
    const tec_vit_variant *v = &c->variant;
    json_t *arguments = json_pack("{s:o, s:i, s:i, s:i, s:i, s:i, s:f, s:b, s:i, s:b, s:b, s:s}",
        "img_size", tec_json_size(c->image_size),
        "patch_size", c->patch,
        "in_chans", c->channels,
        "embed_dim", c->width,
        "depth", c->depth,
        "num_heads", c->heads,
        "mlp_ratio", timm_mlp_ratio(c),
        "class_token", !v->no_class_token,
        "reg_tokens", v->registers,
        "no_embed_class", v->unplaced > 0,
        "pre_norm", v->pre_norm,
        "global_pool", v->fc_norm ? "avg" : "token");
    if (v->activation != TEC_ACTIVATION_GELU)
        json_object_set_new(arguments, "act_layer", json_string(tec_activation_name(v->activation)));
    return arguments;
}

static json_t *timm_json(const export_plan *plan, const tec_import_facts *facts)
{
    const tec_model_config *c = &facts->config;
    const tec_preprocessing p = tec_preprocessing_complete(facts->preprocessing, tec_preprocessing_mae(c->image_size));
    json_t *images = json_pack("{s:i, s:[i,i,i], s:b, s:f, s:s, s:s, s:s, s:s, s:o, s:o}",
        "num_classes", facts->classes,
        "input_size", c->channels, c->image_size.height, c->image_size.width,
        "fixed_input_size", 1,
        "crop_pct", p.resize == TEC_RESIZE_WHOLE ? 1.0 : p.crop_pct,
        "crop_mode", p.resize == TEC_RESIZE_SQUASH ? "squash" : "center",
        "interpolation", tec_filter_name(p.filter),
        "first_conv", "patch_embed.proj",
        "classifier", "head",
        "mean", tec_job_numbers_json(facts->mean, c->channels),
        "std", tec_job_numbers_json(facts->std, c->channels));
    return json_pack("{s:b, s:s, s:i, s:i, s:s, s:o, s:o, s:o}",
        "tec_defaults", facts->preprocessing_from == NULL, /* as in preprocessor_json */
        "architecture", "vit_base_patch16_224", /* whose every size the arguments replace */
        "num_classes", facts->classes,
        "num_features", c->width,
        "global_pool", c->variant.fc_norm ? "avg" : "token",
        "model_args", timm_arguments(c),
        "label_names", class_names(plan->model, facts->classes),
        "pretrained_cfg", images);
}
/* clang-format on */

/* What is written beside OUT; NULL, as the last: nothing is known that it could say. */
static void make_companions(const export_plan *plan, const tec_import_facts *facts, companion c[COMPANIONS])
{
    bool hf = plan->names == TEC_NAMES_HF;
    json_t *model = hf ? model_json(facts) : NULL;
    if (model && facts->classes)
        add_classes(model, plan->model, facts->classes);
    if (is_for_timm(plan, facts) && !untold_to_timm(&facts->config.variant))
        model = timm_json(plan, facts);
    c[0] = (companion){"config.json", model};
    if (hf && facts->normalised && facts->bands.range[0] && strcmp(facts->bands.range, "bytes") != 0)
        tec_warn(
            "images were scaled by data.range=%s, which preprocessor_config.json cannot say: what is normalised by its "
            "image_mean and image_std has to be scaled so before",
            facts->bands.range);
    if (hf && facts->normalised && is_beyond_processors(facts))
        tec_warn("preprocessor_config.json has images squashed to %d x %d pixels (height x width), whatever their "
                 "shape, since no image processor of Hugging Face can resize them as tec does (eval.resize)",
                 facts->config.image_size.height, facts->config.image_size.width);
    c[1] = (companion){"preprocessor_config.json", hf && facts->normalised ? preprocessor_json(facts) : NULL};
}

/* -- the command -- */

/* What whoever loads the file has to know or to find out. */
static void warn(const export_plan *plan, const tec_import *import)
{
    const tec_import_facts *facts = tec_import_get_facts(import);
    tec_activation activation = facts->config.variant.activation;
    char *doubts = tec_import_doubts(import, TEC_USE_FEATURES);
    if (doubts)
        tec_warn("%s: nothing in the file tells %s; the exported file does not tell it either", plan->model, doubts);
    free(doubts);
    const char *untold = untold_to_timm(&facts->config.variant);
    if (is_for_timm(plan, facts) && untold)
        tec_warn("%s: there is no config.json for timm, as none can tell it of %s", plan->out, untold);
    else if (plan->names == TEC_NAMES_TIMM && facts->classes && !is_for_timm(plan, facts))
        tec_log(
            "%s: for timm to find the names of the classes, export to DIR/model.safetensors, which gets a config.json "
            "(timm.create_model('local-dir:DIR', pretrained=True))",
            plan->out);
    const tec_size size = facts->config.image_size;
    if (!tec_size_is_square(size) && plan->format == PTH && !plan->wrapped && plan->names != TEC_NAMES_HF)
        tec_warn("%s: it has no place for the size of its images: give base.image_size=%d,%d where it is read",
                 plan->out, size.height, size.width);
    if (activation != TEC_ACTIVATION_GELU && plan->names != TEC_NAMES_HF && !is_for_timm(plan, facts))
        tec_warn("%s: its activation is %s: a program that loads the file must be told so (timm: act_layer='%s')",
                 plan->out, tec_activation_name(activation), tec_activation_name(activation));
}

static tec_status write_tensors(const export_plan *plan, const tec_import_facts *facts, const tec_export *tensors)
{
    char *metadata[METADATA];
    tec_status status;
    make_metadata(facts, metadata);
    const char *const *texts = (const char *const *)metadata;
    if (plan->format == PTH)
        status = tec_torch_write(plan->out, tensors->tensor, tensors->count, plan->wrapped ? texts : NULL);
    else
        status = tec_safetensors_write(plan->out, tensors->tensor, tensors->count, texts);
    for (int i = 0; metadata[i]; i++)
        free(metadata[i]);
    return status;
}

static tec_status write_all(const export_plan *plan, tec_import *import)
{
    const tec_import_facts *facts = tec_import_get_facts(import);
    companion beside[COMPANIONS];
    tec_export tensors;
    tec_status status = tec_export_model(import, plan->names, &tensors);
    make_companions(plan, facts, beside);
    if (status == TEC_OK && (plan->names == TEC_NAMES_HF || beside[0].object))
        status = tec_export_check_beside(plan->out, beside);
    else if (status == TEC_OK)
        tec_export_warn_beside(plan->out);
    if (status == TEC_OK) {
        warn(plan, import);
        if (tec_file_exists(plan->out))
            tec_log("%s was there and is overwritten", plan->out);
        status = write_tensors(plan, facts, &tensors);
    }
    if (status == TEC_OK)
        status = tec_export_write_beside(plan->out, beside);
    if (status == TEC_OK)
        printf("%s: %d tensors\n", plan->out, tensors.count);
    for (int i = 0; i < COMPANIONS; i++)
        json_decref(beside[i].object);
    tec_export_free(&tensors);
    return status;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    (void)comm;
    export_plan plan;
    tec_import *import;
    TEC_TRY(make_plan(call, &plan));
    TEC_TRY(tec_file_check_output(plan.out));
    TEC_TRY(tec_setup_import(&call->settings, plan.model, &import));
    char *line = tec_import_describe(import);
    tec_log("%s", line);
    free(line);
    tec_status status = TEC_OK;
    if (tec_import_reads(import, plan.out))
        status = tec_fail(TEC_USER_ERROR, "%s is the model that is exported: name another file by -o", plan.out);
    if (status == TEC_OK)
        status = write_all(&plan, import);
    tec_import_close(import);
    return status;
}

static const char *const sections[] = {"base", NULL};

const tec_command tec_command_export = {
    .name = "export",
    .usage = "MODEL -o OUT [--names timm|tec|hf] [--format safetensors|pth] [--flat] [base.key=value ...]",
    .summary = "write a model as .safetensors or .pth for other programs",
    .details =
        "MODEL is any file that base.model accepts. With --names timm and hf the class-token MLP of a TEC "
        "model is folded into its class token, and layer scale into the weights, so that a plain ViT gives "
        "the same features. Weights are written as float32, unrounded. The metadata of a .safetensors file "
        "also has the heads, the norm eps, the activation, the image size if it is no square, how positions are interpolated "
        "and the normalisation of images, as far as they are known. A model of `tec finetune` keeps its head: with --names "
        "timm it is `head` (global_pool='avg' if it was trained with finetune.pooling=mean, else 'token'), and "
        "DIR/model.safetensors gets a config.json with sizes, preparation of images and the names of the classes, "
        "for timm.create_model('local-dir:DIR', pretrained=True); with --names hf the model is a "
        "ViTForImageClassification, with the names of the classes in config.json, if it classifies the class "
        "token: that of Hugging Face has no norm after a mean.\n\n"
        "A .pth file is {\"model\": tensors} with the same facts beside it, as the scripts of MAE, DeiT and TEC "
        "expect; with --flat, and always with --names hf, it is a dict of the tensors alone, as "
        "load_state_dict takes it. Such a file tells no facts: where they are unusual, they must be given when "
        "it is read (base.heads and so on).",
    .options = options,
    .sections = sections,
    .takes_files = true,
    .run = run,
};
