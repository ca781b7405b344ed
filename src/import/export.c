/* A model under the names that other programs load. */
#include "import_parts.h"

#include "tec/frozen.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

static void add(tec_export *out, const char *name, int dims, const int64_t *dim, const real *value)
{
    out->tensor = tec_grow(out->tensor, (size_t)out->count, &out->capacity, sizeof *out->tensor);
    tec_tensor_out *t = &out->tensor[out->count++];
    *t = (tec_tensor_out){.name = tec_string_copy(name), .dims = dims, .value = value};
    for (int i = 0; i < dims; i++)
        t->dim[i] = dim[i];
}

void tec_export_free(tec_export *out)
{
    for (int i = 0; i < out->count; i++) {
        const tec_tensor_out *t = &out->tensor[i];
        free((char *)(uintptr_t)t->name);
        if (!out->weight || i >= out->count - out->owners) /* the value has a buffer of its own */
            free((real *)(uintptr_t)t->value);
    }
    free(out->tensor);
    free(out->weight);
    *out = (tec_export){0};
}

/* -- everything there is -- */

/* Do the model's tensors have our names in the file? Then nothing has to be assembled, and nothing left out. */
static bool has_our_names(const tec_import *import)
{
    size_t prefix = strlen(import->facts.prefix);
    for (int i = 0; i < import->pieces; i++)
        if (strcmp(import->piece[i].ours, tec_import_tensor(import, &import->piece[i])->name + prefix) != 0)
            return false;
    return true;
}

/* All tensors below the prefix, as they are in the file. */
static tec_status copy_all(tec_import *import, tec_export *out)
{
    size_t prefix = strlen(import->facts.prefix);
    for (int i = 0; i < tec_tensor_file_count(import->file); i++) {
        const tec_tensor *t = tec_tensor_file_get(import->file, i);
        if (!t->is_float || !tec_string_starts_with(t->name, import->facts.prefix))
            continue;
        real *value = tec_allocate((size_t)t->count * sizeof *value);
        add(out, t->name + prefix, t->dims, t->dim, value);
        TEC_TRY(tec_tensor_file_read(import->file, i, value));
    }
    return TEC_OK;
}

/* -- an encoder -- */

/* timm gives a position to all tokens before the patches or to none: if only some have one, it becomes a part of the
 * token, and the table keeps the patches alone. */
static bool folds_positions(const tec_model_config *c)
{
    return c->variant.unplaced > 0 && c->variant.unplaced < tec_model_prefix(c);
}

/* Adds their positions to the tokens that have one; the table has them in this order. */
static void fold_positions(const tec_params *params, const tec_model_config *c)
{
    static const char *const token[] = {"cls_token", "dist_token", "reg_token"};
    const real *position = params->weight + tec_params_find(params, "pos_embed")->offset;
    size_t left = (size_t)(tec_model_prefix(c) - c->variant.unplaced) * (size_t)c->width;
    for (int i = 0; i < 3; i++) {
        const tec_param *p = tec_params_find(params, token[i]);
        size_t count = tec_min_size(p ? p->count : 0, left);
        for (size_t j = 0; j < count; j++)
            params->weight[p->offset + j] += *position++;
        left -= count;
    }
}

static void add_param(const naming *scheme, const tec_param *p, const real *value, tec_export *out)
{
    char name[THEIR_NAME];
    int64_t dim[4];
    int parts = tec_import_translate_back(scheme, p->name, 0, name);
    for (int i = 0; i < p->dims; i++)
        dim[i] = p->dim[i];
    dim[0] /= parts;
    for (int part = 0; part < parts; part++) {
        tec_import_translate_back(scheme, p->name, part, name);
        add(out, name, p->dims, dim, value + p->count / (size_t)parts * (size_t)part);
    }
}

static void add_patch_positions(const tec_param *p, const tec_model_config *c, const real *value, tec_export *out)
{
    int64_t L = tec_model_patches(c), dim[] = {1, L, c->width};
    add(out, p->name, 3, dim, value + p->count - (size_t)(L * c->width));
}

/* All parameters under the names of the scheme; `fold`: without the class-token MLP. */
static void add_encoder(const tec_params *params, const tec_model_config *c, const naming *scheme, bool fold,
                        tec_export *out)
{
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        const real *value = out->weight + p->offset;
        if (fold && strcmp(p->name, "pos_embed") == 0 && folds_positions(c))
            add_patch_positions(p, c, value, out);
        else if (!fold || !tec_string_starts_with(p->name, "cls_token_mlp."))
            add_param(scheme, p, value, out);
    }
}

/* The head of a classifier. Hugging Face's has its encoder below `vit`. */
static tec_status add_head(tec_import *import, bool hugging_face, tec_export *out)
{
    static const char *const ours[] = {"head.weight", "head.bias"}, *const theirs[] = {"classifier.weight",
                                                                                       "classifier.bias"};
    for (int i = 0; i < out->count && hugging_face; i++) {
        char *name = tec_string_format("vit.%s", out->tensor[i].name);
        free((char *)(uintptr_t)out->tensor[i].name);
        out->tensor[i].name = name;
    }
    for (int k = 0; k < 2; k++) {
        int index = tec_tensor_file_find(import->file, ours[k]);
        if (index < 0)
            return tec_fail(TEC_USER_ERROR, "%s: tensor %s is missing", import->path, ours[k]);
        const tec_tensor *t = tec_tensor_file_get(import->file, index);
        real *value = tec_allocate((size_t)t->count * sizeof *value);
        add(out, hugging_face ? theirs[k] : ours[k], t->dims, t->dim, value);
        out->owners++;
        TEC_TRY(tec_tensor_file_read(import->file, index, value));
    }
    return TEC_OK;
}

static tec_status check_plain(const tec_import *import, const tec_vit_variant *v)
{
    const struct {
        bool has;
        const char *what;
    } variant[] = {
        {v->no_class_token, "without a class token"},
        {v->distillation_token, "with a distillation token"},
        {v->registers > 0, "with registers"},
        {v->unplaced > 0, "whose class token has no position"},
        {v->pre_norm, "with a norm before its blocks"},
        {v->fc_norm, "with its norm after pooling (finetune.pooling=mean)"},
        {v->swiglu, "with SwiGLU"},
    };
    for (size_t i = 0; i < sizeof variant / sizeof *variant; i++)
        if (variant[i].has)
            return tec_fail(
                TEC_USER_ERROR, "%s is a model %s, which Hugging Face's ViTModel cannot represent: use --names timm%s",
                import->path, variant[i].what, v->fc_norm ? ", or fine-tune with finetune.pooling=cls" : "");
    return TEC_OK;
}

/* No class that reads the names of an export computes these. */
static tec_status check_exportable(const tec_import *import, const tec_vit_variant *v)
{
    const char *what = v->rotary                     ? "rotary positions"
                       : v->relative_bias            ? "a relative position bias"
                       : v->block                    ? tec_block_form_words(v->block)
                       : v->attn_norm || v->mlp_norm ? "norms inside the branches of its blocks"
                       : v->no_norm                  ? "no final norm"
                                                     : NULL;
    if (!what)
        return TEC_OK;
    return tec_fail(
        TEC_USER_ERROR,
        "%s is a model with %s, for which there are no names to export it by: commands of tec take the file "
        "as it is",
        import->path, what);
}

tec_status tec_export_model(tec_import *import, tec_export_names names, tec_export *out)
{
    const tec_model_config *c = &import->facts.config;
    bool fold = names != TEC_NAMES_TEC;
    tec_frozen *frozen;
    *out = (tec_export){0};
    TEC_TRY(check_exportable(import, &c->variant));
    TEC_TRY(tec_import_check_known(import, names == TEC_NAMES_HF ? TEC_USE_FEATURES : TEC_USE_WEIGHTS));
    if (names == TEC_NAMES_TEC && has_our_names(import))
        return copy_all(import, out);
    if (names == TEC_NAMES_HF)
        TEC_TRY(check_plain(import, &c->variant));
    TEC_TRY(tec_frozen_create(&frozen, c, 1));
    tec_params *params = tec_frozen_params(frozen);
    tec_status status = tec_import_read(import, params, c);
    if (status == TEC_OK) {
        const tec_param *token = tec_params_find(params, "cls_token");
        if (fold && token)
            tec_frozen_class_token(frozen, params->weight + token->offset);
        if (fold && folds_positions(c))
            fold_positions(params, c);
        out->weight = params->weight;
        params->weight = NULL;
        add_encoder(params, c, &tec_import_namings[names == TEC_NAMES_HF], fold, out);
        if (import->facts.classes)
            status = add_head(import, names == TEC_NAMES_HF, out);
    }
    tec_frozen_close(frozen);
    return status;
}
