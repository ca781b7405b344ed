/* Entries of config.json and preprocessor_config.json whose values are of a type that nobody expects, or that ask for
 * what this program does not do: nothing that they say of a model is passed over in silence. */
#include "import_parts.h"

#include "tec/log.h"
#include "tec/text.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

typedef enum entry_kind { WHOLE, NUMBER, SIDES, TEXT, SWITCH, CHANNELS, DEVIATIONS, OBJECT } entry_kind;

static const char *const expected[] = {
    [WHOLE] = "a whole number above 0",
    [NUMBER] = "a number above 0",
    [SIDES] = "a size in pixels",
    [TEXT] = "a text",
    [SWITCH] = "true or false",
    [CHANNELS] = "a number or one for each channel",
    [DEVIATIONS] = "a number above 0 or one for each channel",
    [OBJECT] = "an object",
};

/* By key, in both files and in timm's pretrained_cfg and model_args; a pattern of fnmatch. */
static const struct {
    const char *key;
    entry_kind kind;
} entries[] = {
    {"hidden_size", WHOLE},
    {"num_hidden_layers", WHOLE},
    {"num_attention_heads", WHOLE},
    {"num_heads", WHOLE},
    {"intermediate_size", WHOLE},
    {"num_features", WHOLE},
    {"num_channels", WHOLE},
    {"layer_norm_eps", NUMBER},
    {"rescale_factor", NUMBER},
    {"crop_pct", NUMBER},
    {"patch_size", SIDES},
    {"image_size", SIDES},
    {"size", SIDES},
    {"crop_size", SIDES},
    {"shortest_edge", WHOLE},
    {"height", WHOLE},
    {"width", WHOLE},
    {"model_type", TEXT},
    {"hidden_act", TEXT},
    {"architecture", TEXT},
    {"interpolation", TEXT},
    {"crop_mode", TEXT},
    {"do_*", SWITCH},
    {"image_mean", CHANNELS},
    {"image_std", DEVIATIONS},
    {"mean", CHANNELS},
    {"std", DEVIATIONS},
    {"rope_theta", NUMBER},
    {"rope_parameters", OBJECT},
};

static bool is_above_0(const json_t *value)
{
    return json_is_number(value) && json_number_value(value) > 0;
}

static bool is_of_kind(const json_t *value, entry_kind kind)
{
    enum { MOST = 1 << 20 };
    double numbers[TEC_BANDS_MOST];
    switch (kind) {
    case WHOLE:
        return json_is_integer(value) && json_integer_value(value) > 0 && json_integer_value(value) <= MOST;
    case NUMBER:
        return is_above_0(value);
    case SIDES:
        return is_of_kind(value, WHOLE) || json_is_array(value) || json_is_object(value);
    case TEXT:
        return json_is_string(value);
    case SWITCH:
        return json_is_boolean(value);
    case CHANNELS:
        return tec_import_channel_values(value, numbers);
    case DEVIATIONS:
        return tec_import_channel_values(value, numbers) && numbers[0] > 0 && numbers[1] > 0 && numbers[2] > 0;
    case OBJECT:
        return json_is_object(value);
    }
    return true;
}

static tec_status fail_entry(const tec_import *import, const char *file, const char *key, const json_t *value,
                             const char *what)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    tec_status status = tec_fail(TEC_USER_ERROR, "%s: %s beside it says %.60s = %.60s, %s", import->path, file, key,
                                 text ? text : "?", what);
    free(text);
    return status;
}

tec_status tec_import_check_entries(const tec_import *import, const char *file, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
            if (json_is_null(value) || fnmatch(entries[i].key, key, 0) != 0 || is_of_kind(value, entries[i].kind))
                continue;
            char *what = tec_string_format("where %s is expected: mend it", expected[entries[i].kind]);
            tec_status status = fail_entry(import, file, key, value, what);
            free(what);
            return status;
        }
        if (json_is_object(value) && (strcmp(key, "size") == 0 || strcmp(key, "crop_size") == 0))
            TEC_TRY(tec_import_check_entries(import, file, value));
    }
    return TEC_OK;
}

/* -- what the entries ask for -- */

/* In config.json; the first that fits decides. What is false or null asks for nothing. */
static const struct {
    const char *pattern, *what;
    bool bias; /* unless its tensors have it */
} refused[] = {
    {"rope*", "which shows rotary positions, and these are not supported: take a model without", false},
    {"*_rope*", "which shows rotary positions, and these are not supported: take a model without", false},
    {"*rotary*", "which shows rotary positions, and these are not supported: take a model without", false},
    {"use_*relative_position_bias", "but no tensor of it has a name that is known here: take a model without", true},
};

tec_status tec_import_check_graph(const tec_import *import, const json_t *config)
{
    const tec_vit_variant *variant = &import->facts.config.variant;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, key, value)
    {
        if (json_is_null(value) || json_is_false(value))
            continue;
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            if (fnmatch(refused[i].pattern, key, 0) == 0 && !(refused[i].bias && variant->relative_bias))
                return fail_entry(import, "config.json", key, value, refused[i].what);
    }
    return TEC_OK;
}

/* In preprocessor_config.json: switches that this program heeds, or that change no image of a plain data set. */
static const char *const heeded[] = {"do_resize",      "do_rescale",       "do_normalize",    "do_center_crop",
                                     "do_convert_rgb", "do_reduce_labels", "do_reduce_label", NULL};

/* Those that change every number of the input. */
static const struct {
    const char *key, *what;
} inputs[] = {
    {"do_flip_channel_order", "that is, blue before red (BGR), which is not supported: take a model that takes RGB"},
    {"rescale_offset", "which is not supported: give base.mean and base.std, and take the entry away"},
    {"offset", "which is not supported: give base.mean and base.std, and take the entry away"},
};

static void warn_of_size(const tec_import *import, const import_sidecar *said, const char *name, const json_t *size)
{
    const json_t *height = json_object_get(size, "height"), *width = json_object_get(size, "width");
    const char *key;
    json_t *value;
    if (height && width && !json_equal(height, width) && tec_size_is_square(said->image_size))
        tec_warn(
            "%s: preprocessor_config.json beside it says that %s is no square, which is not supported here: squares "
            "are evaluated",
            import->path, name);
    json_object_foreach((json_t *)(uintptr_t)size, key, value)
    {
        if (!json_is_null(value) && strcmp(key, "height") != 0 && strcmp(key, "width") != 0 &&
            strcmp(key, "shortest_edge") != 0)
            tec_warn(
                "%s: preprocessor_config.json beside it says %s.%.60s, which is not supported here: eval.resize and "
                "eval.crop_pct decide",
                import->path, name, key);
    }
}

tec_status tec_import_check_images(const tec_import *import, const json_t *images, const import_sidecar *said)
{
    const char *key;
    json_t *value;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (json_is_true(json_object_get(images, inputs[i].key)))
            return fail_entry(import, "preprocessor_config.json", inputs[i].key, json_object_get(images, inputs[i].key),
                              inputs[i].what);
    json_object_foreach((json_t *)(uintptr_t)images, key, value)
    {
        if (tec_string_starts_with(key, "do_") && json_is_true(value) && tec_string_find(heeded, key) < 0)
            tec_warn("%s: preprocessor_config.json beside it says %.60s, which is not supported here and left out",
                     import->path, key);
    }
    warn_of_size(import, said, "size", json_object_get(images, "size"));
    warn_of_size(import, said, "crop_size", json_object_get(images, "crop_size"));
    return TEC_OK;
}

/* -- two that say different things -- */

static bool differ(const double *a, const double *b, int count)
{
    for (int i = 0; i < count; i++)
        if (!(a[i] - b[i] < 1e-6 && b[i] - a[i] < 1e-6))
            return true;
    return false;
}

void tec_import_warn_of_contradictions(const tec_import *import, const import_sidecar *before,
                                       const import_sidecar *now)
{
    const tec_preprocessing *p = &before->preprocessing, *q = &now->preprocessing;
    if (before->normalised && now->normalised &&
        (differ(before->mean, now->mean, 3) || differ(before->std, now->std, 3)))
        tec_warn("%s: %s says mean %g,%g,%g std %g,%g,%g, and %s mean %g,%g,%g std %g,%g,%g, which is taken; base.mean "
                 "and base.std decide",
                 import->path, before->mean_from, before->mean[0], before->mean[1], before->mean[2], before->std[0],
                 before->std[1], before->std[2], now->mean_from, now->mean[0], now->mean[1], now->mean[2], now->std[0],
                 now->std[1], now->std[2]);
    if (before->heads && now->heads && before->heads != now->heads)
        tec_warn("%s: %s says %d heads, and %s %d, which is taken; base.heads decides", import->path,
                 before->heads_from, before->heads, now->heads_from, now->heads);
    if (before->norm_eps > 0 && now->norm_eps > 0 && before->norm_eps != now->norm_eps)
        tec_warn("%s: %s says a norm eps of %g, and %s %g, which is taken; base.norm_eps decides", import->path,
                 before->norm_eps_from, before->norm_eps, now->norm_eps_from, now->norm_eps);
    if (before->preprocessing_from && now->preprocessing_from &&
        (p->resize != q->resize || p->filter != q->filter || differ(&p->crop_pct, &q->crop_pct, 1)))
        tec_warn("%s: %s and %s say differently how images are resized, and the latter is taken; eval.resize, "
                 "eval.crop_pct and eval.interpolation decide",
                 import->path, before->preprocessing_from, now->preprocessing_from);
}
