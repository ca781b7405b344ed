/* The architecture, by the shapes of the tensors, and whether all of them are there. */
#include "import_parts.h"

#include "tec/frozen.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEEPEST = 1 << 10, MOST_TOKENS = 1 << 20, GUESSES = 3 };

static bool has(const tec_import *import, const char *ours)
{
    return tec_import_find(import, ours, 0) != NULL;
}

/* Dimension `d` of one of our tensors, summed over its parts if it is the first; 0: it does not exist. */
static int64_t dim_of(const tec_import *import, const char *ours, int d)
{
    int64_t sum = 0;
    const import_piece *piece = tec_import_find(import, ours, 0);
    for (int part = 0; piece && part < (d == 0 ? piece->parts : 1); part++) {
        const import_piece *p = tec_import_find(import, ours, part);
        const tec_tensor *t = p ? tec_import_tensor(import, p) : NULL;
        sum += t && d < t->dims && t->dim[d] <= MOST_TOKENS ? t->dim[d] : 0;
    }
    return sum;
}

static tec_status fail_shape(const tec_import *import, const char *ours, const char *wanted)
{
    const tec_tensor *t = tec_import_tensor(import, tec_import_find(import, ours, 0));
    char shape[120] = "";
    for (int i = 0; i < t->dims; i++) {
        size_t used = strlen(shape);
        snprintf(shape + used, sizeof shape - used, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
    }
    return tec_fail(TEC_USER_ERROR, "%s: tensor `%s` has the shape [%s]; %s", import->path, t->name, shape, wanted);
}

static tec_status infer_patches(tec_import *import)
{
    static const char name[] = "patch_embed.proj.weight";
    tec_model_config *c = &import->facts.config;
    int64_t width = dim_of(import, name, 0), channels = dim_of(import, name, 1), patch = dim_of(import, name, 2);
    if (!has(import, name))
        return tec_fail(TEC_USER_ERROR, "%s: the patch embedding is missing (in our names: %s)", import->path, name);
    if (tec_import_tensor(import, tec_import_find(import, name, 0))->dims == 2)
        return fail_shape(
            import, name,
            "a patch embedding of positions for images of any shape (NaFlex) has two dimensions, and is not "
            "supported: take a model of one size");
    if (tec_import_tensor(import, tec_import_find(import, name, 0))->dims != 4 || patch != dim_of(import, name, 3) ||
        width < 1 || width > WIDEST || patch < 1 || patch > WIDEST || channels < 1 || channels > WIDEST)
        return fail_shape(import, name, "a patch embedding is [width, channels, patch, patch] with square patches");
    c->width = (int)width;
    c->channels = (int)channels;
    c->patch = (int)patch;
    return TEC_OK;
}

static void infer_depth(tec_import *import)
{
    int depth = 0, number;
    for (int i = 0; i < import->pieces; i++)
        if (sscanf(import->piece[i].ours, "blocks.%d.", &number) == 1 && number >= depth)
            depth = tec_min_int(number, DEEPEST - 1) + 1;
    import->facts.config.depth = depth;
}

/* The ratio for which (int)(width * ratio) is `hidden`. */
static double ratio_of(int hidden, int width)
{
    double ratio = (double)hidden / width;
    return (int)(width * ratio) < hidden ? nextafter(ratio, INFINITY) : ratio;
}

static tec_status infer_mlp(tec_import *import)
{
    static const char fc1[] = "blocks.0.mlp.fc1.weight", fc2[] = "blocks.0.mlp.fc2.weight";
    tec_model_config *c = &import->facts.config;
    if (!has(import, fc1) || !has(import, fc2))
        return tec_fail(TEC_USER_ERROR, "%s: the MLP of the first block is missing (blocks.0.mlp.fc1 and fc2)",
                        import->path);
    int64_t rows = dim_of(import, fc1, 0), hidden = dim_of(import, fc2, 1);
    if (hidden < 1 || hidden > 2 * WIDEST || (rows != hidden && rows != 2 * hidden))
        return fail_shape(import, fc1, "it matches neither fc2 nor (SwiGLU) twice its inputs");
    c->variant.swiglu = rows != hidden;
    c->variant.mlp_norm = has(import, "blocks.0.mlp.norm.weight");
    c->variant.attn_norm = has(import, "blocks.0.attn.norm.weight");
    c->mlp_ratio = ratio_of((int)hidden, c->width);
    return TEC_OK;
}

static tec_status infer_tokens(tec_import *import)
{
    tec_import_facts *facts = &import->facts;
    tec_vit_variant *v = &facts->config.variant;
    v->no_class_token = !has(import, "cls_token");
    v->distillation_token = has(import, "dist_token");
    v->pre_norm = has(import, "norm_pre.weight");
    v->fc_norm = has(import, "fc_norm.weight");
    facts->config.kind = has(import, "cls_token_mlp.fc1.weight") ? TEC_MODEL_TEC : TEC_MODEL_VIT;
    if (v->fc_norm && has(import, "norm.weight"))
        return tec_fail(TEC_USER_ERROR, "%s has both a final norm (`norm`) and `fc_norm`: one of them cannot be in use",
                        import->path);
    if (!v->pre_norm && !v->no_class_token && strcmp(import->naming->name, "Hugging Face towers") == 0)
        return tec_fail(TEC_USER_ERROR, "%s: the norm before the blocks (`pre_layrnorm`) of CLIP is missing",
                        import->path);
    if (v->no_class_token && (v->distillation_token || facts->config.kind == TEC_MODEL_TEC))
        return tec_fail(TEC_USER_ERROR, "%s: the class token (`cls_token`) is missing", import->path);
    if (!has(import, "reg_token"))
        return TEC_OK;
    const tec_tensor *reg = tec_import_tensor(import, tec_import_find(import, "reg_token", 0));
    int64_t registers = reg->dims > 1 ? reg->dim[reg->dims - 2] : 1;
    if (registers < 1 || registers > MOST_TOKENS)
        return fail_shape(import, "reg_token", "register tokens are [1, registers, width]");
    v->registers = (int)registers;
    return TEC_OK;
}

/* Its table says for which grid, and for how many heads, it is. */
static tec_status infer_relative_bias(tec_import *import)
{
    const import_piece *piece = tec_import_find(import, "blocks.0.attn.relative_position_bias_table", 0);
    if (!piece)
        return TEC_OK;
    const tec_tensor *t = tec_import_tensor(import, piece);
    if (has(import, SHARED_BIAS) && strcmp(piece->ours, SHARED_BIAS) != 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s has a relative position bias for each block and one for all: one of them cannot be in use",
                        import->path);
    if (t->dims != 2 || t->dim[0] < 4 || t->dim[0] > MOST_TOKENS || t->dim[1] < 1 || t->dim[1] > WIDEST)
        return fail_shape(import, piece->ours, "the table of a relative position bias is [distances + 3, heads]");
    import->facts.config.variant.relative_bias = true;
    import->relative_rows = (int)t->dim[0];
    import->relative_heads = (int)t->dim[1];
    return TEC_OK;
}

static tec_status infer_positions(tec_import *import)
{
    const import_piece *piece = tec_import_find(import, "pos_embed", 0);
    import->facts.config.variant.no_pos_embed = !piece;
    if (!piece)
        return TEC_OK;
    const tec_tensor *t = tec_import_tensor(import, piece);
    int64_t rows = t->dims >= 2 ? t->dim[t->dims - 2] : 0;
    if (rows < 1 || rows > MOST_TOKENS || t->count != rows * import->facts.config.width)
        return fail_shape(import, "pos_embed", "a position embedding is [1, tokens, width]");
    import->position_total = (int)rows;
    return TEC_OK;
}

tec_status tec_import_infer(tec_import *import)
{
    TEC_TRY(infer_patches(import));
    infer_depth(import);
    TEC_TRY(infer_mlp(import));
    TEC_TRY(infer_tokens(import));
    TEC_TRY(infer_relative_bias(import));
    return infer_positions(import);
}

/* -- the grid of the positions -- */

/* Which of the tokens before the patches may have a row. In DINOv2 the registers have none; timm's tables have all or
 * none of the tokens. */
static void guess_rows(const tec_import *import, int guess[GUESSES])
{
    const int all = tec_model_prefix(&import->facts.config), registers = import->facts.config.variant.registers;
    guess[0] = all - registers;
    guess[1] = 0;
    guess[2] = all;
}

static int square_root(int64_t number)
{
    int64_t side = (int64_t)floor(sqrt((double)number) + 0.5);
    return side * side == number ? (int)side : 0;
}

/* Of images of that size; a width of 0: of any square. False: no guess fits. */
static bool find_grid(tec_import *import, tec_size size)
{
    int guess[GUESSES], patch = import->facts.config.patch;
    guess_rows(import, guess);
    for (int i = 0; i < GUESSES; i++) {
        const int patches = import->position_total - guess[i];
        const tec_size grid =
            size.width ? (tec_size){size.height / patch, size.width / patch} : tec_size_square(square_root(patches));
        if (patches < 2 || (int64_t)grid.height * grid.width != patches)
            continue;
        import->position_rows = guess[i];
        import->position_grid = grid;
        return grid.height * patch <= WIDEST && grid.width * patch <= WIDEST;
    }
    return false;
}

/* Without a position embedding images may have any size: that which was said, or else the usual one. */
static void place_freely(tec_import *import, const import_sidecar *said)
{
    enum { USUAL = 224 };
    tec_import_facts *f = &import->facts;
    const int patch = f->config.patch;
    const bool told = said->image_size.height / patch > 1 && said->image_size.width / patch > 1;
    const tec_size size = told ? said->image_size : tec_size_square(tec_max_int(USUAL, 2 * patch));
    import->position_grid = (tec_size){size.height / patch, size.width / patch};
    f->image_size_from = told && !tec_size_is_square(size) ? said->image_size_from : NULL;
    f->config.variant.unplaced = tec_model_prefix(&f->config);
    f->config.image_size = (tec_size){import->position_grid.height * patch, import->position_grid.width * patch};
}

/* By the table of the relative position bias alone: of a rectangle if that was said. */
static tec_status place_by_bias(tec_import *import, const import_sidecar *said)
{
    tec_model_config *c = &import->facts.config;
    const int distances = import->relative_rows - 3, side = square_root(distances), patch = c->patch;
    tec_size grid = {said->image_size.height / patch, said->image_size.width / patch};
    const bool fits = grid.width && (int64_t)(2 * grid.height - 1) * (2 * grid.width - 1) == distances;
    if (!fits)
        grid = tec_size_square((side + 1) / 2);
    if (!fits && (side % 2 == 0 || side < 3))
        return fail_shape(
            import, "blocks.0.attn.relative_position_bias_table",
            "it is not one of a square grid, and nothing says what else: give base.image_size=H,W, height "
            "and width of the images that it was trained on");
    import->position_grid = grid;
    import->facts.image_size_from = fits && !tec_size_is_square(grid) ? said->image_size_from : NULL;
    c->variant.unplaced = tec_model_prefix(c);
    c->image_size = (tec_size){grid.height * patch, grid.width * patch};
    return TEC_OK;
}

tec_status tec_import_place_patches(tec_import *import, const import_sidecar *said, bool must_fit)
{
    tec_import_facts *f = &import->facts;
    char size[TEC_SIZE_TEXT];
    const bool rectangle = !tec_size_is_square(said->image_size), heeded = rectangle || must_fit;
    if (f->config.variant.no_pos_embed && f->config.variant.relative_bias)
        return place_by_bias(import, said);
    if (f->config.variant.no_pos_embed) {
        place_freely(import, said);
        return TEC_OK;
    }
    bool found = heeded && said->image_size.width && find_grid(import, said->image_size);
    if (must_fit && !found)
        return tec_fail(TEC_USER_ERROR,
                        "%s: images of %s pixels (%s) do not have as many patches of %d x %d pixels as its position "
                        "embedding, which has %d rows",
                        import->path, tec_size_words(said->image_size, size), said->image_size_from, f->config.patch,
                        f->config.patch, import->position_total);
    f->image_size_from = found && rectangle ? said->image_size_from : NULL;
    if (!found && !find_grid(import, (tec_size){0}))
        return fail_shape(import, "pos_embed",
                          "its patches do not form a square, and nothing says what else: give base.image_size=H,W, "
                          "height and width of the images that it was trained on");
    f->config.variant.unplaced = tec_model_prefix(&f->config) - import->position_rows;
    f->config.image_size =
        (tec_size){import->position_grid.height * f->config.patch, import->position_grid.width * f->config.patch};
    return TEC_OK;
}

/* -- completeness -- */

/* What some models lack: biases, which are zero then. */
static bool may_lack(const tec_import *import, const tec_param *param)
{
    if (strcmp(param->name, "rope.periods") == 0)
        return true; /* they follow from the base */
    if (strcmp(param->name, "patch_embed.proj.bias") == 0)
        return import->facts.config.variant.pre_norm; /* CLIP's */
    return tec_string_ends_with(param->name, ".attn.qkv.bias") && !has(import, "blocks.0.attn.qkv.bias") &&
           !tec_import_find(import, param->name, 1) && !tec_import_find(import, param->name, 2);
}

/* A bias whose middle part (the keys') is omitted, as it would be 0. */
static bool part_may_lack(const import_piece *first, int part)
{
    return first->parts == 3 && part == 1 && strstr(first->ours, ".bias");
}

/* Leading ones do not matter: [1, 1, D] is as good as [D]. */
static bool same_shape(const tec_tensor *t, const tec_param *param, int parts)
{
    int i = 0, j = 0;
    while (i < t->dims && t->dim[i] == 1)
        i++;
    while (j < param->dims && param->dim[j] == 1)
        j++;
    if (t->dims - i != param->dims - j)
        return false;
    for (bool first = true; j < param->dims; i++, j++, first = false)
        if (t->dim[i] != param->dim[j] / (first ? parts : 1) || (first && param->dim[j] % parts))
            return false;
    return true;
}

static tec_status check_param(const tec_import *import, const tec_param *param, bool *missing)
{
    const import_piece *first = tec_import_find(import, param->name, 0);
    *missing = !first && !may_lack(import, param);
    if (!first || strcmp(param->name, "pos_embed") == 0)
        return TEC_OK;
    if (strcmp(param->name, "rope.freqs") == 0 && !import->own)
        return TEC_OK; /* of several shapes: rotary.c */
    for (int part = 0; part < first->parts; part++) {
        const import_piece *piece = tec_import_find(import, param->name, part);
        if (!piece)
            *missing = *missing || !part_may_lack(first, part);
        else if (piece->parts != first->parts || !same_shape(tec_import_tensor(import, piece), param, piece->parts))
            return tec_fail(TEC_USER_ERROR,
                            "%s: tensor `%s` does not have the shape that the other tensors require (width %d, "
                            "%d blocks)",
                            import->path, tec_import_tensor(import, piece)->name, import->facts.config.width,
                            import->facts.config.depth);
    }
    return TEC_OK;
}

/* LayerScale: all blocks have it or none, with as many elements as the width. */
static tec_status check_layer_scale(const tec_import *import, const char *name)
{
    const tec_model_config *c = &import->facts.config;
    int found = 0;
    for (int i = 0; i < import->pieces; i++) {
        const import_piece *p = &import->piece[i];
        if (!tec_string_ends_with(p->ours, name))
            continue;
        found++;
        if (tec_import_tensor(import, p)->count != c->width)
            return tec_fail(TEC_USER_ERROR, "%s: tensor `%s` does not have %d elements, the width of the model",
                            import->path, tec_import_tensor(import, p)->name, c->width);
    }
    if (found > 0 && c->variant.block != (strcmp(name, ".ls") == 0 ? TEC_BLOCK_PARALLEL : TEC_BLOCK_PRE_NORM))
        return tec_fail(TEC_USER_ERROR, "%s: blocks with %s have no LayerScale of this kind (%s), but it has one",
                        import->path, tec_block_form_words(c->variant.block), name);
    if (found == 0 || found == c->depth)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "%s: %d of %d blocks have a LayerScale (%s): the others have none", import->path,
                    found, c->depth, name);
}

/* What has a name of a ViT's, but no place in the one that all tensors together make, would be left out in silence. */
static tec_status check_used(const tec_import *import, const tec_params *list)
{
    static const char *const read_beside[] = {"*.ls[12]",    "*.ls",      "*rope.cos", "*rope.sin",
                                              "*.bias_mask", SHARED_BIAS, NULL};
    for (int i = 0; i < import->pieces; i++) {
        const import_piece *piece = &import->piece[i], *first = tec_import_find(import, piece->ours, 0);
        if (tec_import_matches_any(read_beside, piece->ours, false) ||
            (tec_params_find(list, piece->ours) && first && first->parts == piece->parts))
            continue;
        return tec_fail(TEC_USER_ERROR,
                        "%s: tensor `%s` (`%s` of a ViT) has no place in the model that the other tensors make: a "
                        "model that computes something else would give wrong features",
                        import->path, tec_import_tensor(import, piece)->name, piece->ours);
    }
    return TEC_OK;
}

tec_status tec_import_check_complete(const tec_import *import)
{
    enum { SHOWN = 3 };
    tec_params list = {0};
    char names[320] = "";
    int missing = 0;
    static const char *const scales[] = {".ls1", ".ls2", ".ls"};
    tec_status status = TEC_OK;
    for (int i = 0; i < 3 && status == TEC_OK; i++)
        status = check_layer_scale(import, scales[i]);
    tec_frozen_list(&import->facts.config, &list);
    for (int i = 0; i < list.count && status == TEC_OK; i++) {
        bool lacks;
        status = check_param(import, &list.param[i], &lacks);
        if (status == TEC_OK && lacks && missing++ < SHOWN) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s`%s`", used ? ", " : "", list.param[i].name);
        }
    }
    if (status == TEC_OK && missing == 0)
        status = check_used(import, &list);
    tec_params_free(&list);
    if (status != TEC_OK || missing == 0)
        return status;
    return tec_fail(TEC_USER_ERROR, "%s: %d tensor%s of the ViT %s missing (in our names): %s%s", import->path, missing,
                    missing > 1 ? "s" : "", missing > 1 ? "are" : "is", names, missing > SHOWN ? " and others" : "");
}
