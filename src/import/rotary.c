/* Rotary positions: which form of them a model has, by its tensors or by the name of its architecture. No tensor that a
 * public class needs tells those of EVA-02, DINOv3, a Perception Encoder (arXiv 2504.13181) or RoPE-ViT (arXiv
 * 2403.13298). */
#include "import_parts.h"

#include "tec/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct rotation {
    tec_rotary_form form;
    double base;
    int grid;
    const char *family;
} rotation;

static const rotation dinov3 = {TEC_ROTARY_HALVES, 100, 0, "DINOv3"}, eva02 = {TEC_ROTARY_PAIRS, 10000, 16, "EVA-02"},
                      registers = {TEC_ROTARY_PAIRS, 10000, 16, "timm ViT with rotary positions"},
                      perception = {TEC_ROTARY_COLUMNS, 10000, 0, "Perception Encoder"},
                      axial = {TEC_ROTARY_COLUMNS, 100, 0, "RoPE-ViT"}, mixed = {TEC_ROTARY_MIXED, 0, 0, "RoPE-ViT"};

/* timm's names of architectures, the first that fits. */
static const struct {
    const char *pattern;
    const rotation *rotation; /* NULL: none */
} architectures[] = {
    {"*dinov3*", &dinov3},
    {"eva02_enormous*", NULL},
    {"eva02_*", &eva02},
    {"vit_*_rope_reg*", &registers},
    {"vit_pe_*", &perception},
    {"vit_*_rope_mixed_*", &mixed},
    {"vit_*_patch16_rope_*", &axial},
};

static bool has(const tec_import *import, const char *ours)
{
    return tec_import_find(import, ours, 0) != NULL;
}

static bool is_named(const tec_import *import, const char *scheme)
{
    return strcmp(import->naming->name, scheme) == 0;
}

/* EVA-02 has q and v biases without that of k, SwiGLU, and positions besides; DINOv3 under timm's names has none. */
static bool is_eva02(const tec_import *import)
{
    const tec_vit_variant *v = &import->facts.config.variant;
    const import_piece *bias = tec_import_find(import, "blocks.0.attn.qkv.bias", 0);
    return is_named(import, "timm") && v->swiglu && bias && bias->parts == 3 && !v->no_pos_embed &&
           !has(import, "blocks.0.ls1");
}

static const rotation *of_tensors(const tec_import *import)
{
    if (has(import, "rope.periods") || is_named(import, "Hugging Face DINOv3"))
        return &dinov3;
    if (has(import, "rope.freqs"))
        return &mixed;
    if (is_named(import, "OpenCLIP") && import->facts.pooling)
        return &perception;
    if (!has(import, "rope.cos") && !is_eva02(import))
        return NULL;
    return import->facts.config.variant.swiglu ? &eva02 : &registers;
}

static const rotation *of_architecture(const char *architecture)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (tec_import_matches(architectures[i].pattern, architecture))
            return architectures[i].rotation;
    return NULL;
}

static tec_status check_positions(const tec_import *import, const rotation *found)
{
    const bool none = import->facts.config.variant.no_pos_embed;
    if (none && !found && !import->facts.config.variant.relative_bias)
        return tec_fail(TEC_USER_ERROR,
                        "%s has no position embedding (`pos_embed`), and nothing says which other positions it has: if "
                        "they are rotary, give base.architecture=NAME, as timm calls it",
                        import->path);
    if (!none && found == &dinov3)
        return tec_fail(TEC_USER_ERROR,
                        "%s has the rotary positions of DINOv3, which has no others, but also a position embedding "
                        "(`pos_embed`): a model that computes something else would give wrong features",
                        import->path);
    return TEC_OK;
}

/* [2, blocks, heads, width of a head / 2], or, in RoPE-ViT's own files, the last two in one. */
static tec_status check_frequencies(const tec_import *import, const rotation *found)
{
    const import_piece *piece = tec_import_find(import, "rope.freqs", 0);
    const tec_model_config *c = &import->facts.config;
    const tec_tensor *t = piece ? tec_import_tensor(import, piece) : NULL;
    if (!piece)
        return TEC_OK;
    if (found != &mixed)
        return tec_fail(TEC_USER_ERROR,
                        "%s has rotary positions that it has learnt (tensor `%.100s`), but its architecture is said to "
                        "be one without",
                        import->path, t->name);
    if (t->dims < 3 || t->dims > 4 || t->dim[0] != 2 || t->dim[1] != c->depth ||
        t->count != (int64_t)c->depth * c->width)
        return tec_fail(TEC_USER_ERROR,
                        "%s: tensor `%.100s` does not have the shape [2, %d, heads, width of a head / 2] of rotary "
                        "positions that every head has learnt",
                        import->path, t->name, c->depth);
    return TEC_OK;
}

/* timm's files have one table for each head. */
static void take_mixed_heads(const tec_import *import, import_sidecar *said)
{
    const import_piece *piece = tec_import_find(import, "rope.freqs", 0);
    if (!piece || tec_import_tensor(import, piece)->dims != 4 || said->heads)
        return;
    said->heads = (int)tec_import_tensor(import, piece)->dim[2];
    said->heads_from = "of its rotary frequencies";
}

/* DINOv3's own files have the periods of a head's planes: a quarter of its width. */
static void take_heads(const tec_import *import, import_sidecar *said)
{
    const import_piece *piece = tec_import_find(import, "rope.periods", 0);
    const int width = import->facts.config.width;
    const int64_t periods = piece ? tec_import_tensor(import, piece)->count : 0;
    if (periods < 1 || periods > width || width % (4 * periods) || said->heads)
        return;
    said->heads = (int)(width / (4 * periods));
    said->heads_from = "of its rotary periods";
}

static void set(tec_vit_variant *v, const rotation *r, double base)
{
    v->rotary = r->form;
    v->rotary_base = base > 0 ? base : r->base;
    v->rotary_grid = r->grid;
}

/* timm scales places to the grid that a Perception Encoder was trained with, which its name tells. Those for language and
 * for dense tasks have no final norm. */
static void set_perception(tec_import *import, const char *architecture)
{
    tec_vit_variant *v = &import->facts.config.variant;
    const char *sizes = strstr(architecture, "_patch");
    int patch, size;
    v->rotary_first = !v->no_class_token;
    if (sizes && sscanf(sizes, "_patch%d_%d", &patch, &size) == 2 && patch > 0)
        v->rotary_grid = size / patch;
    v->no_norm = !has(import, "norm.weight") && !v->fc_norm;
}

tec_status tec_import_choose_rotary(tec_import *import, import_sidecar *said)
{
    tec_import_facts *f = &import->facts;
    const rotation *found = of_architecture(said->architecture);
    if (import->own) {
        const rotation own = {said->rotary, said->rotary_base, said->rotary_grid, NULL};
        set(&f->config.variant, &own, 0);
        f->config.variant.rotary_first = said->rotary_first;
        return TEC_OK;
    }
    if (!found && !(said->plain_blocks && said->architecture[0]))
        found = of_tensors(import);
    if (found)
        set(&f->config.variant, found, said->rotary_base);
    if (found == &perception)
        set_perception(import, said->architecture);
    TEC_TRY(check_positions(import, found));
    TEC_TRY(check_frequencies(import, found));
    if (found && (is_named(import, "timm") || found == &perception)) {
        snprintf(f->family, sizeof f->family, "%s", found->family);
        f->family_from = NULL;
        f->family_hinted = false;
    }
    take_heads(import, said);
    take_mixed_heads(import, said);
    return TEC_OK;
}

/* -- the tables of EVA-02's own files -- */

static tec_status fail_table(const tec_import *import, const import_piece *piece)
{
    return tec_fail(
        TEC_USER_ERROR,
        "%s: its rotary positions (tensor `%.100s`) are not those of EVA-02, which is not supported: take a "
        "model without",
        import->path, tec_import_tensor(import, piece)->name);
}

static bool agrees(const tec_model_config *c, const real *table)
{
    const tec_size grid = tec_model_grid(c);
    const int quarter = c->width / c->heads / 4;
    for (int row = 0; row < grid.height; row++)
        for (int column = 0; column < grid.width; column++, table += 4 * quarter)
            for (int j = 0; j < 2 * quarter; j++) {
                const double place = j < quarter ? (double)row / grid.height : (double)column / grid.width;
                const double frequency = pow(c->variant.rotary_base, -(double)(j % quarter) / quarter);
                const double want = cos(place * c->variant.rotary_grid * frequency);
                if (!(fabs((double)table[2 * j] - want) < 1e-2)) /* of a table in half precision */
                    return false;
            }
    return true;
}

static tec_status check_mixed_heads(const tec_import *import)
{
    const import_piece *piece = tec_import_find(import, "rope.freqs", 0);
    const tec_tensor *t = piece ? tec_import_tensor(import, piece) : NULL;
    if (!t || t->dims != 4 || t->dim[2] == import->facts.config.heads)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "%s: its rotary positions (tensor `%.100s`) are of %lld heads, not %d (%s)",
                    import->path, t->name, (long long)t->dim[2], import->facts.config.heads, import->facts.heads_from);
}

tec_status tec_import_check_rotary(const tec_import *import)
{
    const tec_model_config *c = &import->facts.config;
    const import_piece *piece = tec_import_find(import, "rope.cos", 0);
    TEC_TRY(check_mixed_heads(import));
    if (!piece || c->variant.rotary != TEC_ROTARY_PAIRS)
        return TEC_OK;
    const tec_tensor *t = tec_import_tensor(import, piece);
    const int width = c->width / c->heads;
    if (width % 4 || t->dims != 2 || t->dim[0] != tec_model_patches(c) || t->dim[1] != width)
        return fail_table(import, piece);
    real *table = tec_allocate((size_t)t->count * sizeof *table);
    tec_status status = tec_tensor_file_read(import->file, piece->index, table);
    if (status == TEC_OK && !agrees(c, table))
        status = fail_table(import, piece);
    free(table);
    return status;
}
