/* Facts that no tensor tells, from a model file or beside it: the configuration of our own files, the metadata of files
 * that we exported, config.json and preprocessor_config.json (Hugging Face and timm). */
#include "import_parts.h"

#include "tec/checkpoint.h"
#include "tec/files.h"
#include "tec/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- our own files -- */

/* The images of a run were normalised as its settings say. Settings of another version may not be readable; the weights
 * still are. */
static void read_run_settings(const tec_import *import, const tec_import_options *options, import_sidecar *said)
{
    char *text = tec_checkpoint_read_settings(tec_tensor_file_path(import->file));
    if (text && text[0] && options->read_normalisation && options->read_normalisation(text, said->mean, said->std)) {
        said->normalised = true;
        said->mean_from = "as it was trained";
    }
    free(text);
}

static tec_status read_own(const tec_import *import, const tec_import_options *options, import_sidecar *said)
{
    tec_model_config config;
    const tec_model_config *c = &import->facts.config;
    TEC_TRY(tec_checkpoint_read_config(tec_tensor_file_path(import->file), &config));
    if (config.width != c->width || config.depth != c->depth || config.patch != c->patch ||
        config.image_size != c->image_size || tec_model_hidden(&config) != tec_model_hidden(c))
        return tec_fail(TEC_USER_ERROR, "%s is damaged: the shapes of its tensors do not match /config", import->path);
    said->heads = config.heads;
    said->heads_from = "its own configuration";
    said->norm_eps = 1e-6;
    said->norm_eps_from = said->heads_from;
    read_run_settings(import, options, said);
    return TEC_OK;
}

/* -- metadata -- */

static bool three_numbers(const char *text, double out[3])
{
    return sscanf(text, "%lf,%lf,%lf", &out[0], &out[1], &out[2]) == 3;
}

/* As `tec export` writes them. */
static void read_metadata(const tec_import *import, import_sidecar *said)
{
    double mean[3], std[3];
    bool has_mean = false, has_std = false;
    for (int i = 0; i < tec_tensor_file_notes(import->file); i++) {
        const tec_tensor_note *note = tec_tensor_file_note(import->file, i);
        if (strcmp(note->name, "__metadata__.tec_heads") == 0) {
            if (sscanf(note->text, "%d", &said->heads) != 1 || said->heads < 0)
                said->heads = 0;
            said->heads_from = "the file's metadata";
        } else if (strcmp(note->name, "__metadata__.tec_norm_eps") == 0) {
            said->norm_eps = strtod(note->text, NULL);
            said->norm_eps_from = "the file's metadata";
        } else if (strcmp(note->name, "__metadata__.tec_mean") == 0) {
            has_mean = three_numbers(note->text, mean);
        } else if (strcmp(note->name, "__metadata__.tec_std") == 0) {
            has_std = three_numbers(note->text, std);
        }
    }
    if (!has_mean || !has_std || !(std[0] > 0 && std[1] > 0 && std[2] > 0))
        return;
    said->normalised = true;
    said->mean_from = "the file's metadata";
    memcpy(said->mean, mean, sizeof mean);
    memcpy(said->std, std, sizeof std);
}

/* -- JSON beside the file -- */

/* The object in the file `name` of the model's directory; NULL: there is none. json_decref it. */
static json_t *read_beside(const tec_import *import, const char *name)
{
    enum { LONGEST = 1 << 22 };
    char *path = tec_path_beside(tec_tensor_file_path(import->file), name), *text = NULL;
    size_t bytes;
    json_t *object = NULL;
    if (tec_file_exists(path) && tec_file_read(path, LONGEST, &text, &bytes) == TEC_OK)
        object = json_loadb(text, bytes, 0, NULL);
    if (object && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    free(text);
    free(path);
    return object;
}

static bool three_values(const json_t *array, double out[3])
{
    for (size_t i = 0; i < 3; i++) {
        if (!json_is_number(json_array_get(array, i)))
            return false;
        out[i] = json_number_value(json_array_get(array, i));
    }
    return json_array_size(array) == 3;
}

static void take_normalisation(const json_t *object, const char *mean, const char *std, const char *from,
                               import_sidecar *said)
{
    double m[3], s[3];
    if (!three_values(json_object_get(object, mean), m) || !three_values(json_object_get(object, std), s) ||
        !(s[0] > 0 && s[1] > 0 && s[2] > 0))
        return;
    said->normalised = true;
    said->mean_from = from;
    memcpy(said->mean, m, sizeof m);
    memcpy(said->std, s, sizeof s);
}

static bool agrees(const json_t *config, const char *key, int value)
{
    const json_t *number = json_object_get(config, key);
    return !json_is_integer(number) || json_integer_value(number) == value;
}

/* A directory may hold several models and only one config.json. */
static bool is_about(const json_t *config, const tec_model_config *c)
{
    return agrees(config, "hidden_size", c->width) && agrees(config, "num_features", c->width) &&
           agrees(config, "num_hidden_layers", c->depth) && agrees(config, "patch_size", c->patch) &&
           agrees(config, "intermediate_size", tec_model_hidden(c));
}

static tec_status check_activation(const tec_import *import, const json_t *config)
{
    const char *act = json_string_value(json_object_get(config, "hidden_act"));
    const char *timm = json_string_value(json_object_get(config, "architecture"));
    if ((!act || strcmp(act, "gelu") == 0) && (!timm || !strstr(timm, "quickgelu")))
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "%s: config.json beside it says that its activation is %s; only gelu is supported",
                    import->path, act && strcmp(act, "gelu") != 0 ? act : "quickgelu");
}

static tec_status read_config(const tec_import *import, const json_t *config, import_sidecar *said)
{
    const json_t *heads = json_object_get(config, "num_attention_heads");
    const json_t *eps = json_object_get(config, "layer_norm_eps");
    TEC_TRY(check_activation(import, config));
    if (json_is_integer(heads) && json_integer_value(heads) > 0 && json_integer_value(heads) <= (1 << 15)) {
        said->heads = (int)json_integer_value(heads);
        said->heads_from = "config.json";
    }
    if (json_is_number(eps) && json_number_value(eps) > 0) {
        said->norm_eps = json_number_value(eps);
        said->norm_eps_from = "config.json";
    }
    take_normalisation(config, "mean", "std", "config.json", said);
    take_normalisation(json_object_get(config, "pretrained_cfg"), "mean", "std", "config.json", said);
    return TEC_OK;
}

static tec_status read_directory(const tec_import *import, import_sidecar *said)
{
    tec_status status = TEC_OK;
    json_t *config = read_beside(import, "config.json"), *images = read_beside(import, "preprocessor_config.json");
    bool ours = is_about(config, &import->facts.config);
    if (config && ours)
        status = read_config(import, config, said);
    else if (config)
        tec_log("%s: the config.json beside it is about another model and is not used", import->path);
    if (images && ours)
        take_normalisation(images, "image_mean", "image_std", "preprocessor_config.json", said);
    json_decref(images);
    json_decref(config);
    return status;
}

tec_status tec_import_read_sidecar(const tec_import *import, const tec_import_options *options, import_sidecar *out)
{
    *out = (import_sidecar){0};
    if (import->own)
        return read_own(import, options, out);
    TEC_TRY(read_directory(import, out));
    read_metadata(import, out);
    return TEC_OK;
}
