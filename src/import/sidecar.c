/* Facts that no tensor tells, from a model file or beside it: the configuration of our own files, the metadata of files
 * that we exported, and the JSON files of Hugging Face and timm (config.c). */
#include "import_parts.h"

#include "tec/checkpoint.h"
#include "tec/log.h"
#include "tec/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- our own files -- */

/* The images of a run were normalised as its settings say, and those of a classifier resized so when it was validated.
 * Settings of another version may not be readable; the weights still are. */
static void read_run_settings(const tec_import *import, const tec_import_options *options, bool classifier,
                              import_sidecar *said)
{
    char *text = tec_checkpoint_read_settings(tec_tensor_file_path(import->file));
    tec_import_images images;
    if (text && text[0] && options->read_images && options->read_images(text, &images)) {
        const tec_preprocessing p = images.preprocessing;
        memcpy(said->mean, images.mean, sizeof said->mean);
        memcpy(said->std, images.std, sizeof said->std);
        said->normalised = true;
        said->mean_from = "as it was trained";
        said->upright = classifier && images.upright;
        said->bands = images.bands;
        if (classifier && (p.resize != TEC_RESIZE_AUTO || p.crop_pct > 0 || p.filter != TEC_FILTER_AUTO)) {
            said->preprocessing = p;
            said->preprocessing_from = "as it was validated";
        }
    }
    free(text);
}

/* Earlier programs truncated width * mlp_ratio (2047, of 768 and 2.66666666) also where tec_model_hidden does not. */
static bool right_hidden(const tec_model_config *said, int hidden)
{
    return tec_model_hidden(said) == hidden || (int)(said->width * said->mlp_ratio) == hidden;
}

static tec_status read_own(const tec_import *import, const tec_import_options *options, import_sidecar *said)
{
    tec_model_config config;
    const tec_model_config *c = &import->facts.config;
    TEC_TRY(tec_checkpoint_read_config(tec_tensor_file_path(import->file), &config));
    if (config.width != c->width || config.depth != c->depth || config.patch != c->patch ||
        !right_hidden(&config, tec_model_hidden(c)))
        return tec_fail(TEC_USER_ERROR, "%s is damaged: the shapes of its tensors do not match /config", import->path);
    said->image_size = config.image_size;
    said->heads = config.heads;
    said->image_size_from = said->heads_from = said->activation_from = said->interpolation_from =
        "its own configuration";
    said->activation = 1 + TEC_ACTIVATION_GELU;
    said->interpolation = 1 + TEC_INTERPOLATION_ANTIALIAS;
    said->plain_blocks = true;
    said->norm_eps = config.variant.norm_eps > 0 ? config.variant.norm_eps : 1e-6;
    said->norm_eps_from = said->heads_from;
    said->rotary = config.variant.rotary;
    said->rotary_base = config.variant.rotary_base;
    said->rotary_grid = config.variant.rotary_grid;
    said->rotary_first = config.variant.rotary_first;
    read_run_settings(import, options, config.kind == TEC_MODEL_CLASSIFIER, said);
    return TEC_OK;
}

/* -- metadata -- */

static const char METADATA[] = "the file's metadata";

/* What `tec export` wrote under this key, into safetensors' metadata or beside the tensors of a .pth, whose texts are
 * listed in quotes; NULL: nothing. The caller frees it. */
static char *metadata_of(const tec_import *import, const char *key)
{
    static const char in_safetensors[] = "__metadata__.";
    for (int i = 0; i < tec_tensor_file_notes(import->file); i++) {
        const tec_tensor_note *note = tec_tensor_file_note(import->file, i);
        bool quoted = note->text[0] == '\'' && tec_string_ends_with(note->text + 1, "'");
        const char *name = note->name;
        if (tec_string_starts_with(name, in_safetensors))
            name += sizeof in_safetensors - 1;
        else if (!quoted)
            continue;
        if (strcmp(name, key) == 0)
            return quoted ? tec_string_format("%.*s", (int)strlen(note->text) - 2, note->text + 1)
                          : tec_string_copy(note->text);
    }
    return NULL;
}

/* Three numbers, or as many as there are channels, if they are more. */
static bool channel_numbers(const tec_import *import, const char *text, double out[TEC_BANDS_MOST])
{
    const int channels = import->facts.config.channels, count = channels > 3 ? channels : 3;
    memset(out, 0, TEC_BANDS_MOST * sizeof *out);
    for (int i = 0; i < count; i++) {
        char *end;
        if (!text || !*text || count > TEC_BANDS_MOST)
            return false;
        out[i] = strtod(text, &end);
        if (end == text || (*end != ',' && (*end || i < count - 1)))
            return false;
        text = end + (*end == ',');
    }
    return true;
}

/* 1 + the number of the word in the list; 0: there is no such metadata, or another word. */
static int word_of(const tec_import *import, const char *key, const char *words)
{
    char *text = metadata_of(import, key);
    int number = text ? 1 + tec_import_word(words, text) : 0;
    free(text);
    return number;
}

/* Of rectangles only. */
static void read_size(const tec_import *import, import_sidecar *said)
{
    char *text = metadata_of(import, "tec_image_size");
    tec_size size;
    if (text && sscanf(text, "%d,%d", &size.height, &size.width) == 2 && size.height > 0 && size.width > 0) {
        said->image_size = size;
        said->image_size_from = METADATA;
    }
    free(text);
}

static void read_numbers(const tec_import *import, import_sidecar *said)
{
    char *heads = metadata_of(import, "tec_heads"), *eps = metadata_of(import, "tec_norm_eps");
    if (heads && sscanf(heads, "%d", &said->heads) == 1 && said->heads > 0)
        said->heads_from = METADATA;
    else if (heads)
        said->heads = 0;
    if (eps) {
        said->norm_eps = strtod(eps, NULL);
        said->norm_eps_from = METADATA;
    }
    free(eps);
    free(heads);
}

static void read_metadata_normalisation(const tec_import *import, import_sidecar *said)
{
    double mean[TEC_BANDS_MOST], std[TEC_BANDS_MOST];
    char *means = metadata_of(import, "tec_mean"), *stds = metadata_of(import, "tec_std");
    if (channel_numbers(import, means, mean) && channel_numbers(import, stds, std) && std[0] > 0 && std[1] > 0 &&
        std[2] > 0) {
        said->normalised = true;
        said->mean_from = METADATA;
        memcpy(said->mean, mean, sizeof mean);
        memcpy(said->std, std, sizeof std);
    }
    free(stds);
    free(means);
}

/* Files without them are of runs with the defaults, or of other programs. */
static void read_metadata_bands(const tec_import *import, import_sidecar *said)
{
    char *range = metadata_of(import, "tec_range"), *chosen = metadata_of(import, "tec_bands");
    if (range || chosen) {
        snprintf(said->bands.range, sizeof said->bands.range, "%s", range ? range : "bytes");
        snprintf(said->bands.chosen, sizeof said->bands.chosen, "%s", chosen ? chosen : "");
    }
    free(chosen);
    free(range);
}

/* What a JSON file beside it says, which somebody may have changed, comes first. */
static void read_metadata_preprocessing(const tec_import *import, import_sidecar *said)
{
    char *crop_pct = metadata_of(import, "tec_crop_pct");
    double share = crop_pct ? strtod(crop_pct, NULL) : -1;
    int resize = word_of(import, "tec_resize", TEC_RESIZE_WORDS),
        filter = word_of(import, "tec_filter", TEC_FILTER_WORDS);
    free(crop_pct);
    if (said->preprocessing_from || resize <= 0 || filter <= 0 || !(share >= 0 && share <= 1))
        return;
    said->preprocessing =
        (tec_preprocessing){.resize = (tec_resize)(resize - 1), .crop_pct = share, .filter = (tec_filter)(filter - 1)};
    said->preprocessing_from = METADATA;
}

/* As `tec export` writes them. A file that we exported is a plain ViT, and its activation was known if it is not
 * given. */
static void read_metadata(const tec_import *import, import_sidecar *said)
{
    char *software = metadata_of(import, "software");
    if (software && tec_string_starts_with(software, "tec "))
        said->plain_blocks = true;
    free(software);
    read_size(import, said);
    read_numbers(import, said);
    read_metadata_normalisation(import, said);
    read_metadata_bands(import, said);
    read_metadata_preprocessing(import, said);
    int activation = word_of(import, "tec_activation", TEC_ACTIVATION_WORDS);
    int interpolation = word_of(import, "tec_interpolation", TEC_INTERPOLATION_WORDS);
    if (activation) {
        said->activation = activation;
        said->activation_from = METADATA;
    }
    if (interpolation) {
        said->interpolation = interpolation;
        said->interpolation_from = METADATA;
    }
}

/* -- JSON beside the file -- */

static bool agrees(const json_t *config, const char *key, int value)
{
    const json_t *number = json_object_get(config, key);
    return !json_is_integer(number) || json_integer_value(number) == value;
}

/* A directory may hold several models and only one config.json. */
static bool is_about(const json_t *whole, const tec_model_config *c)
{
    const json_t *config = tec_import_tower_config(whole);
    return agrees(config, "hidden_size", c->width) && agrees(config, "num_features", c->width) &&
           agrees(config, "num_hidden_layers", c->depth) && agrees(config, "patch_size", c->patch) &&
           agrees(config, "intermediate_size", tec_model_hidden(c));
}

/* Hugging Face's configurations are about tensors with its names, timm's about timm's. */
static bool fits_naming(const tec_import *import, const json_t *config)
{
    static const struct {
        const char *naming, *key;
    } keys[] = {{"Hugging Face*", "model_type"},
                {"Hugging Face*", "hidden_size"},
                {"Hugging Face*", "num_attention_heads"},
                {"timm", "architecture"},
                {"timm", "pretrained_cfg"}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (tec_import_matches(keys[i].naming, import->naming->name) && json_object_get(config, keys[i].key))
            return true;
    return false;
}

/* One directory may hold several models, of one size even, and only one config.json: does it go with this one? Where the
 * names of the tensors cannot tell, a file that is called as every hub calls its only one is meant. */
static bool is_about_this(const tec_import *import, const char *path, const json_t *config)
{
    if (config && !is_about(config, &import->facts.config)) {
        tec_warn("%s: the config.json beside it is about another model (its sizes differ) and is not used",
                 import->path);
        return false;
    }
    char *other = tec_import_model_beside(path);
    if (!other)
        return true;
    bool fits = fits_naming(import, config), named = tec_import_is_hub_name(path);
    bool known = json_object_get(config, "model_type") || json_object_get(config, "architecture");
    bool used = fits || (named && !known);
    if (!used)
        tec_warn("%s: %s beside it is not used: its directory holds other models (%s), and nothing shows that it is "
                 "about this one: give it a directory of its own, or say in section base what is asked for",
                 import->path, config ? "config.json" : "preprocessor_config.json", other);
    else if (!named)
        tec_warn(
            "%s: the config.json beside it is taken to be about this model, whose names and sizes it fits, but its "
            "directory holds other models (%s)",
            import->path, other);
    free(other);
    return used;
}

static tec_status read_directory(const tec_import *import, import_sidecar *said)
{
    json_t *config = NULL, *images = NULL;
    char *path = tec_import_where_described(tec_tensor_file_path(import->file));
    tec_status status = tec_import_read_beside(import, path, "config.json", &config);
    if (status == TEC_OK)
        status = tec_import_read_beside(import, path, "preprocessor_config.json", &images);
    bool ours = status == TEC_OK && (config || images) && is_about_this(import, path, config);
    if (ours && config)
        status = tec_import_read_config(import, config, said);
    const import_sidecar before = *said;
    if (status == TEC_OK && ours && images) {
        status = tec_import_read_preprocessor(import, images, said);
        tec_import_warn_of_contradictions(import, &before, said);
    }
    json_decref(images);
    json_decref(config);
    free(path);
    return status;
}

tec_status tec_import_read_sidecar(const tec_import *import, const tec_import_options *options, import_sidecar *out)
{
    *out = (import_sidecar){0};
    if (import->own)
        return read_own(import, options, out);
    TEC_TRY(read_directory(import, out));
    const import_sidecar before = *out;
    read_metadata(import, out);
    tec_import_warn_of_contradictions(import, &before, out);
    return TEC_OK;
}

int tec_import_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (int i = 0; words; i++) {
        if (strncmp(words, word, length) == 0 && (words[length] == '|' || words[length] == 0))
            return i;
        words = strchr(words, '|');
        words = words ? words + 1 : NULL;
    }
    return -1;
}
