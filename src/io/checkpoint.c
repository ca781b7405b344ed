/* Reading model files: our checkpoints and the golden fixtures, which have the same /config and /weights. */
#include "tec/checkpoint_h5.h"

#include "tec/crc32c.h"
#include "tec/finite.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- architecture -- */

static const struct {
    const char *format, *kind;
    tec_model_kind is;
} known[] = {
    {TEC_CHECKPOINT_FORMAT, "vit", TEC_MODEL_VIT},
    {TEC_CHECKPOINT_FORMAT, "mae", TEC_MODEL_MAE},
    {TEC_CHECKPOINT_FORMAT, "tec", TEC_MODEL_TEC},
    {"tec-fixture", "targets", TEC_MODEL_VIT},
    {"tec-fixture", "mae", TEC_MODEL_MAE},
    {"tec-fixture", "pretrain", TEC_MODEL_TEC},
    {TEC_CHECKPOINT_FORMAT, "classifier", TEC_MODEL_CLASSIFIER},
    {"tec-fixture", "finetune", TEC_MODEL_CLASSIFIER},
};

/* Keras writes its version and its layers' names as attributes of the root, Keras 3 a group of layers. */
static bool is_of_keras(hid_t file)
{
    static const char *const attribute[] = {"keras_version", "layer_names", "model_config"};
    static const char *const group[] = {"model_weights", "_layer_checkpoint_dependencies", "layers",
                                        "optimizer_weights"};
    for (size_t i = 0; i < sizeof attribute / sizeof *attribute; i++)
        if (tec_h5_has_attribute(file, attribute[i]))
            return true;
    for (size_t i = 0; i < sizeof group / sizeof *group; i++)
        if (tec_h5_has(file, group[i]))
            return true;
    return false;
}

/* `format`: what the attribute says, "" if there is none. */
static tec_status not_ours(hid_t file, const char *path, const char *format)
{
    if (!format[0] && is_of_keras(file))
        return tec_fail(TEC_USER_ERROR,
                        "%s holds the weights of a Keras or TensorFlow model (.h5), which is not read: take the same "
                        "model as .safetensors or PyTorch's .pth",
                        path);
    const char *but = format[0] ? " but \"" : "", *end = format[0] ? "\"" : "";
    return tec_fail(TEC_USER_ERROR, "%s is not a model file of tec (its root has no attribute format = \"%s\"%s%s%s)",
                    path, TEC_CHECKPOINT_FORMAT, but, format, end);
}

tec_status tec_checkpoint_open(const char *path, hid_t *file, tec_model_kind *model)
{
    char format[32] = "", kind[32] = "";
    int version;
    TEC_TRY(tec_h5_open(path, file));
    tec_status status;
    if (!tec_h5_has_attribute(*file, "format") ||
        tec_h5_get_text(*file, path, "format", format, sizeof format) != TEC_OK ||
        (strcmp(format, TEC_CHECKPOINT_FORMAT) != 0 && strcmp(format, "tec-fixture") != 0))
        status = not_ours(*file, path, format);
    else
        status = tec_h5_get_numbers(*file, path, "version", H5T_NATIVE_INT, 1, &version);
    if (status == TEC_OK && (version < TEC_CHECKPOINT_VERSION || version > TEC_CHECKPOINT_SEVERAL))
        status = tec_fail(TEC_USER_ERROR, "%s has version %d of the format %s; this program reads versions %d to %d",
                          path, version, format, TEC_CHECKPOINT_VERSION, TEC_CHECKPOINT_SEVERAL);
    if (status == TEC_OK)
        status = tec_h5_get_text(*file, path, "kind", kind, sizeof kind);
    if (status == TEC_OK) {
        status = tec_fail(TEC_USER_ERROR, "%s: unknown kind of model `%s`", path, kind);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(format, known[i].format) == 0 && strcmp(kind, known[i].kind) == 0) {
                *model = known[i].is;
                status = TEC_OK;
            }
    }
    if (status != TEC_OK)
        H5Fclose(*file);
    return status;
}

static tec_status open_group(hid_t file, const char *path, const char *name, hid_t *group)
{
    *group = tec_h5_has(file, name) ? H5Gopen2(file, name, H5P_DEFAULT) : -1;
    return *group >= 0 ? TEC_OK : tec_fail(TEC_USER_ERROR, "%s: the group /%s is missing", path, name);
}

/* These numbers decide how much memory is allocated: they must not call for more weights than the file has bytes. */
static tec_status check_size(hid_t file, const char *path, const tec_model_config *c)
{
    enum { LONGEST = 1 << 15, DEEPEST = 1 << 12 };
    hsize_t bytes = 0;
    const int side[] = {
        c->image_size.height, c->image_size.width,    c->patch,      c->channels,   c->width,   c->heads,
        c->decoder_width,     c->decoder_heads,       c->base_width, c->base_heads, c->classes, c->variant.registers,
        c->variant.unplaced,  c->variant.rotary_grid,
    };
    for (size_t i = 0; i < sizeof side / sizeof *side; i++)
        if (side[i] < 0 || side[i] > LONGEST)
            return tec_fail(TEC_USER_ERROR, "%s: /config holds %d, which is out of range", path, side[i]);
    for (int i = 0; i < tec_model_bases(c); i++)
        if (tec_model_base(c, i).width > LONGEST || tec_model_base(c, i).heads > LONGEST)
            return tec_fail(TEC_USER_ERROR, "%s: /config: a base model's width or heads are out of range", path);
    if (c->depth < 0 || c->depth > DEEPEST || c->decoder_depth < 0 || c->decoder_depth > DEEPEST)
        return tec_fail(TEC_USER_ERROR, "%s: /config: depth is out of range (0 .. %d)", path, DEEPEST);
    if (!(c->mlp_ratio > 0 && c->mlp_ratio <= 64))
        return tec_fail(TEC_USER_ERROR, "%s: /config: mlp_ratio is %g, out of range (0 .. 64)", path, c->mlp_ratio);
    if (tec_model_config_check(c) != TEC_OK)
        return tec_fail(TEC_USER_ERROR, "%s: %s", path, tec_error_message());
    double least = 4.0 * c->depth * c->width * c->width + 4.0 * c->decoder_depth * c->decoder_width * c->decoder_width +
                   (double)tec_model_patches(c) * c->width;
    if (H5Fget_filesize(file, &bytes) < 0 || least > (double)bytes)
        return tec_fail(TEC_USER_ERROR, "%s has %llu bytes, too few for the %.0f weights that /config calls for", path,
                        (unsigned long long)bytes, least);
    return TEC_OK;
}

/* Reads the members whose `use` has that bit (0: all members). What is optional may be missing. */
static tec_status get_fields(hid_t group, const char *path, const tec_h5_field *field, unsigned use, void *structure)
{
    for (; field->name; field++)
        if ((field->use & use) == use &&
            (!(field->use & TEC_CHECKPOINT_OPTIONAL) || tec_h5_has_attribute(group, field->name)))
            TEC_TRY(tec_h5_get_field(group, path, field, structure));
    return TEC_OK;
}

static tec_status read_config(hid_t file, const char *path, tec_model_config *config)
{
    hid_t group;
    TEC_TRY(open_group(file, path, "config", &group));
    tec_status status = get_fields(group, path, tec_checkpoint_config_fields, 1u << config->kind, config);
    H5Gclose(group);
    return status == TEC_OK ? check_size(file, path, config) : status;
}

tec_status tec_checkpoint_read_config(const char *path, tec_model_config *config)
{
    TEC_H5_ALONE;
    hid_t file;
    memset(config, 0, sizeof *config);
    TEC_TRY(tec_checkpoint_open(path, &file, &config->kind));
    tec_status status = read_config(file, path, config);
    H5Fclose(file);
    return status;
}

/* -- tensors -- */

static char *shape_text(char *text, size_t size, int dims, const hsize_t *dim)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < dims && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%llu", i ? ", " : "", (unsigned long long)dim[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
    return text;
}

static tec_status check_shape(hid_t dataset, const char *path, const char *group, const tec_param *param)
{
    hsize_t have[H5S_MAX_RANK] = {0}, want[4] = {0};
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    int dims = H5Sget_simple_extent_dims(space, have, NULL);
    bool number = H5Tget_class(type) == H5T_FLOAT && tec_h5_is_number(type);
    H5Tclose(type);
    H5Sclose(space);
    bool same = dims == param->dims;
    for (int i = 0; i < param->dims; i++) {
        want[i] = (hsize_t)param->dim[i];
        same = same && have[i] == want[i];
    }
    if (!same) {
        char is[200], right[80];
        return tec_fail(TEC_USER_ERROR, "%s: tensor %s/%s has the shape %s instead of %s", path, group, param->name,
                        shape_text(is, sizeof is, dims, have), shape_text(right, sizeof right, param->dims, want));
    }
    if (!number)
        return tec_fail(TEC_USER_ERROR, "%s: tensor %s/%s does not hold floating-point numbers", path, group,
                        param->name);
    return TEC_OK;
}

tec_status tec_checkpoint_check_crc(hid_t dataset, const char *path, const char *group, const char *name,
                                    const void *raw, size_t bytes)
{
    uint32_t stored;
    if (!tec_h5_has_attribute(dataset, "crc32c"))
        return TEC_OK; /* golden fixtures have none */
    TEC_TRY(tec_h5_get_numbers(dataset, path, "crc32c", H5T_NATIVE_UINT32, 1, &stored));
    uint32_t is = tec_crc32c(0, raw, bytes);
    if (is == stored)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s is damaged: tensor %s/%s has the checksum %08x instead of %08x; use the previous checkpoint",
                    path, group, name, is, stored);
}

/* Reads the values in the file's own type, so that the checksum is of the bytes in the file, and converts in memory. */
static tec_status read_values(hid_t dataset, const char *path, const char *group, const tec_param *param, real *out)
{
    hid_t native = TEC_REAL_IS_DOUBLE ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT, type = H5Dget_type(dataset);
    size_t size = H5Tget_size(type), wide = tec_max_size(size, sizeof *out);
    char *raw = tec_allocate(param->count * wide);
    int64_t wild;
    tec_status status;
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw) < 0) {
        char what[160];
        snprintf(what, sizeof what, "tensor %s/%s cannot be read", group, param->name);
        status = tec_h5_fail(TEC_USER_ERROR, path, what);
        goto done;
    }
    status = tec_checkpoint_check_crc(dataset, path, group, param->name, raw, param->count * size);
    if (status != TEC_OK)
        goto done;
    if (H5Tconvert(type, native, param->count, raw, NULL, H5P_DEFAULT) < 0) {
        status = tec_h5_fail(TEC_USER_ERROR, path, "a tensor's numbers cannot be converted");
        goto done;
    }
    memcpy(out, raw, param->count * sizeof *out);
    if (status == TEC_OK && (wild = tec_finite_find_other(out, (int64_t)param->count)) >= 0)
        status = tec_fail(TEC_USER_ERROR, "%s: tensor %s/%s holds a value that is not finite (%g at element %lld)",
                          path, group, param->name, (double)out[wild], (long long)wild);
done:
    free(raw);
    H5Tclose(type);
    return status;
}

static tec_status read_tensor(hid_t group, const char *path, const char *group_name, const tec_param *param, real *out)
{
    hid_t dataset = tec_h5_has(group, param->name) ? H5Dopen2(group, param->name, H5P_DEFAULT) : -1;
    if (dataset < 0)
        return tec_fail(TEC_USER_ERROR, "%s: tensor %s/%s is missing", path, group_name, param->name);
    tec_status status = check_shape(dataset, path, group_name, param);
    if (status == TEC_OK)
        status = read_values(dataset, path, group_name, param, out);
    H5Dclose(dataset);
    return status;
}

/* Fills `flat`, which is laid out as the weights are; `all`: the fixed tensors, too. */
static tec_status read_tensors(hid_t file, const char *path, const char *name, const tec_params *params, bool all,
                               real *flat)
{
    hid_t group;
    TEC_TRY(open_group(file, path, name, &group));
    tec_status status = TEC_OK;
    for (int i = 0; i < params->count && status == TEC_OK; i++)
        if (all || params->param[i].trained)
            status = read_tensor(group, path, name, &params->param[i], flat + params->param[i].offset);
    H5Gclose(group);
    return status;
}

tec_status tec_checkpoint_read_weights(const char *path, tec_params *params)
{
    TEC_H5_ALONE;
    hid_t file;
    tec_model_kind kind;
    TEC_TRY(tec_checkpoint_open(path, &file, &kind));
    tec_status status = read_tensors(file, path, "weights", params, true, params->weight);
    H5Fclose(file);
    return status;
}

/* -- the run -- */

#define MOST_CLIPPED 1e60 /* a float's largest norm, limited to its smallest */

static tec_status read_state(hid_t file, const char *path, tec_run_state *state)
{
    hid_t group;
    if (!tec_h5_has(file, "run") || !tec_h5_has(file, "optimizer"))
        return tec_fail(TEC_USER_ERROR, "%s holds weights only: a run cannot be resumed from it", path);
    TEC_TRY(open_group(file, path, "run", &group));
    memset(state, 0, sizeof *state);
    tec_status status = get_fields(group, path, tec_checkpoint_run_fields, 0, state);
    H5Gclose(group);
    if (status == TEC_OK && (state->step < 0 || state->epoch < 0 || state->epoch_step < 0 || state->images < 0))
        status = tec_fail(TEC_USER_ERROR, "%s: the position of the run is negative", path);
    if (status == TEC_OK && !(state->unclipped >= 0 && state->unclipped <= MOST_CLIPPED))
        status = tec_fail(TEC_USER_ERROR, "%s: /run: unclipped is %g, out of range (0 .. %g)", path, state->unclipped,
                          MOST_CLIPPED);
    return status;
}

/* The weights, and their running mean if somebody wants it. */
static tec_status read_averaged(hid_t file, const char *path, tec_params *params, real *average)
{
    TEC_TRY(read_tensors(file, path, "weights", params, true, params->weight));
    if (average)
        memcpy(average, params->weight, params->total * sizeof *average);
    return tec_h5_has(file, "optimizer/w") ? read_tensors(file, path, "optimizer/w", params, false, params->weight)
                                           : TEC_OK;
}

tec_status tec_checkpoint_read_run(const char *path, tec_params *params, real *m, real *v, real *average,
                                   tec_run_state *state)
{
    TEC_H5_ALONE;
    hid_t file;
    tec_model_kind kind;
    TEC_TRY(tec_checkpoint_open(path, &file, &kind));
    tec_status status = read_state(file, path, state);
    if (status == TEC_OK)
        status = read_tensors(file, path, "optimizer/m", params, false, m);
    if (status == TEC_OK)
        status = read_tensors(file, path, "optimizer/v", params, false, v);
    if (status == TEC_OK)
        status = read_averaged(file, path, params, average);
    H5Fclose(file);
    return status;
}

tec_status tec_checkpoint_read_state(const char *path, tec_run_state *state)
{
    TEC_H5_ALONE;
    hid_t file;
    tec_model_kind kind;
    TEC_TRY(tec_checkpoint_open(path, &file, &kind));
    tec_status status = read_state(file, path, state);
    H5Fclose(file);
    return status;
}

/* How many steps an epoch has only shows after the first. */
tec_trained tec_checkpoint_trained(const char *model)
{
    tec_run_state state;
    if (!tec_string_ends_with(model, ".h5") || tec_checkpoint_read_state(model, &state) != TEC_OK)
        return (tec_trained){-1, -1};
    tec_trained trained = {state.step, -1};
    if (state.epoch_step == 0)
        trained.epochs = (double)state.epoch;
    else if (state.epoch > 0)
        trained.epochs = (double)state.step * (double)state.epoch / (double)(state.step - state.epoch_step);
    return trained;
}
