/* Reading the values: parts are stacked, missing biases filled in and LayerScale folded into a frozen model. */
#include "import_parts.h"

#include "tec/finite.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of the file's tensor that is one of ours. */
static tec_status read_cut(tec_import *import, const import_piece *piece, real *out)
{
    const tec_tensor *stored = tec_tensor_file_get(import->file, piece->index);
    real *whole = tec_allocate((size_t)stored->count * sizeof *whole);
    tec_status status = tec_tensor_file_read(import->file, piece->index, whole);
    if (status == TEC_OK)
        memcpy(out, whole + piece->before, (size_t)piece->tensor.count * sizeof *out);
    free(whole);
    return status;
}

/* As PyTorch would have it. */
static tec_status read_kernel(tec_import *import, const import_piece *piece, real *out)
{
    const tec_tensor *stored = tec_tensor_file_get(import->file, piece->index);
    real *raw = tec_allocate((size_t)stored->count * sizeof *raw);
    tec_status status = tec_tensor_file_read(import->file, piece->index, raw);
    if (status == TEC_OK && !tec_import_kernel_values(piece->ours, stored, raw, out))
        memcpy(out, raw, (size_t)stored->count * sizeof *out);
    free(raw);
    return status;
}

static tec_status read_piece(tec_import *import, const import_piece *piece, real *out)
{
    const tec_tensor *t = tec_import_tensor(import, piece);
    const bool cut = t->count != tec_tensor_file_get(import->file, piece->index)->count;
    TEC_TRY(import->naming->kernels ? read_kernel(import, piece, out)
            : cut                   ? read_cut(import, piece, out)
                                    : tec_tensor_file_read(import->file, piece->index, out));
    const int64_t i = tec_finite_find_other(out, t->count), place = piece->before + i;
    if (i >= 0)
        return tec_fail(TEC_USER_ERROR, "%s: tensor %s holds a value that is not finite (%g at element %lld)",
                        import->path, t->name, (double)out[i], (long long)place);
    return TEC_OK;
}

/* What the file does not have becomes zero. */
static tec_status read_param(tec_import *import, const tec_param *param, real *out)
{
    const import_piece *first = tec_import_find(import, param->name, 0);
    memset(out, 0, param->count * sizeof *out);
    for (int part = 0; first && part < first->parts; part++) {
        const import_piece *piece = tec_import_find(import, param->name, part);
        if (piece)
            TEC_TRY(read_piece(import, piece, out + param->count / (size_t)first->parts * (size_t)part));
    }
    return TEC_OK;
}

static tec_status read_positions(tec_import *import, const tec_model_config *config, real *out)
{
    const import_piece *piece = tec_import_find(import, "pos_embed", 0);
    const tec_size grid = tec_model_grid(config);
    int D = config->width;
    size_t before = (size_t)import->position_rows * (size_t)D;
    if (tec_size_equal(grid, import->position_grid))
        return read_piece(import, piece, out);
    real *table = tec_allocate((size_t)tec_import_tensor(import, piece)->count * sizeof *table);
    tec_status status = read_piece(import, piece, table);
    if (status == TEC_OK) {
        memcpy(out, table, before * sizeof *out);
        tec_import_resample_positions(table + before, import->position_grid, D, grid, import->facts.interpolation,
                                      out + before);
    }
    free(table);
    return status;
}

/* LayerScale multiplies the output of a residual branch: the rows of its last linear layer. */
static tec_status fold_scale(tec_import *import, tec_params *params, int block, const char *scale, const char *linear)
{
    char name[OUR_NAME];
    snprintf(name, sizeof name, "blocks.%d.%s", block, scale);
    const import_piece *piece = tec_import_find(import, name, 0);
    if (!piece)
        return TEC_OK;
    size_t D = (size_t)import->facts.config.width;
    real *gamma = tec_allocate(D * sizeof *gamma);
    tec_status status = read_piece(import, piece, gamma);
    static const char *const kind[] = {"weight", "bias"};
    for (int k = 0; k < 2 && status == TEC_OK; k++) {
        snprintf(name, sizeof name, "blocks.%d.%s.%s", block, linear, kind[k]);
        const tec_param *p = tec_params_find(params, name);
        real *value = params->weight + p->offset;
        for (size_t i = 0; i < p->count; i++)
            value[i] *= gamma[i / (p->count / D)];
    }
    free(gamma);
    return status;
}

/* DINOv3's own files keep which biases count beside them: those of keys do not. */
static tec_status fold_mask(tec_import *import, tec_params *params, int block)
{
    char name[OUR_NAME];
    snprintf(name, sizeof name, "blocks.%d.attn.qkv.bias_mask", block);
    const import_piece *piece = tec_import_find(import, name, 0);
    snprintf(name, sizeof name, "blocks.%d.attn.qkv.bias", block);
    const tec_param *bias = tec_params_find(params, name);
    if (!piece)
        return TEC_OK;
    if ((size_t)tec_import_tensor(import, piece)->count != bias->count)
        return tec_fail(TEC_USER_ERROR, "%s: tensor `%s` does not have as many elements as the biases", import->path,
                        tec_import_tensor(import, piece)->name);
    real *mask = tec_allocate(bias->count * sizeof *mask);
    tec_status status = read_piece(import, piece, mask);
    for (size_t i = 0; i < bias->count && status == TEC_OK; i++)
        params->weight[bias->offset + i] *= mask[i];
    free(mask);
    return status;
}

static bool is_all_zero(const real *value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (value[i] != 0)
            return false;
    return true;
}

/* As in a file whose space was reserved but not filled. One matrix may be meant so. */
static void warn_of_zeros(const tec_import *import, const tec_params *params)
{
    int matrices = 0, zero = 0;
    const char *first = NULL;
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        if (p->dims < 2 || !tec_string_ends_with(p->name, ".weight"))
            continue;
        matrices++;
        if (is_all_zero(params->weight + p->offset, p->count) && !zero++)
            first = p->name;
    }
    if (zero)
        tec_warn("%s: %d of its %d weight matrices hold%s nothing but zeros (%s%s): is the file complete?",
                 import->path, zero, matrices, zero == 1 ? "s" : "", first, zero == 1 ? "" : ", ...");
}

tec_status tec_import_read(tec_import *import, tec_params *params, const tec_model_config *config)
{
    for (int i = 0; i < params->count; i++) {
        const tec_param *param = &params->param[i];
        real *out = params->weight + param->offset;
        if (strcmp(param->name, "pos_embed") == 0)
            TEC_TRY(read_positions(import, config, out));
        else if (strcmp(param->name, "rope.periods") != 0 || tec_import_find(import, param->name, 0))
            TEC_TRY(read_param(import, param, out));
    }
    for (int i = 0; i < config->depth; i++) {
        TEC_TRY(fold_mask(import, params, i));
        TEC_TRY(fold_scale(import, params, i, "ls1", "attn.proj"));
        TEC_TRY(fold_scale(import, params, i, "ls2", "mlp.fc2"));
        TEC_TRY(fold_scale(import, params, i, "ls", "attn.proj"));
        TEC_TRY(fold_scale(import, params, i, "ls", "mlp.fc2"));
    }
    warn_of_zeros(import, params);
    return TEC_OK;
}
