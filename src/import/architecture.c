/* timm's names of architectures: which of them compute what a plain ViT does, although their tensors are called alike. */
#include "import_parts.h"

#include "tec/text.h"

#include <stdio.h>
#include <string.h>

/* The first row that fits decides; `what` NULL: a plain ViT, or a variant that its tensors and its name show. */
static const struct {
    const char *pattern, *what;
} architectures[] = {
    {"eva02*", NULL}, /* rotary.c */
    {"vit_*_rope_reg*", NULL},
    {"vit_*_rope_mixed_*", NULL},
    {"vit_*_patch16_rope_ape_*", NULL},
    {"vit_*_patch16_rope_[0-9]*", NULL},
    {"*_rope*", "rotary positions of a form of its own (that are in no file)"},
    {"*dinov3*", NULL},
    {"*relpos*_rpn_*", "a relative position bias, and norms behind the branches of its blocks"},
    {"vit_*_rpn_*", NULL},
    {"*naflex*", "positions for images of any shape"},
    {"*relpos*", "a relative position bias"},
    {"aimv2*", "RMS norms"},
    {"*_xp_*", "RMS norms, and normalised queries and keys"},
    {"*_18x2_*", "several branches side by side (parallel blocks)"},
    {"vit_dpwee*", "differential attention"},
    {"vit_dwee*", "differential attention"},
    {"vit_dlittle*", "differential attention"},
    {"samvit*", "relative positions (SAM)"},
    {"test_vit4*", "RMS norms"},
    {"vit", NULL},
    {"vit_*", NULL},
    {"deit*", NULL},
    {"eva_*", NULL},
    {"beit_*", NULL},
    {"beitv2_*", NULL},
    {"beit3_*", NULL},
    {"flexivit_*", NULL},
    {"test_vit*", NULL},
};

enum { ARCHITECTURES = sizeof architectures / sizeof *architectures };

/* What tensors show of an architecture. */
typedef enum trait { TIMM_NAMES, CLASS_TOKEN, QKV_BIAS, SWIGLU, RELATIVE_BIAS, PARALLEL, TRAITS } trait;
static const char *const trait_words[TRAITS] = {
    [TIMM_NAMES] = "tensors under timm's names",       [CLASS_TOKEN] = "a class token",
    [QKV_BIAS] = "biases of queries, keys and values", [SWIGLU] = "SwiGLU",
    [RELATIVE_BIAS] = "a relative position bias",      [PARALLEL] = "parallel blocks (`in_proj`)",
};

#define BIT(trait) (1u << (trait))

/* Where the norms of blocks stand, which no tensor shows, and what the tensors of such a model have and lack: a name alone
 * would turn any model into one. The first row that fits; what has none is not looked at. */
static const struct {
    const char *pattern;
    tec_block_form block; /* PRE_NORM: as the tensors show */
    unsigned has, lacks;
} blocks[] = {
    {"eva02_enormous*", TEC_BLOCK_POST_NORM, BIT(CLASS_TOKEN) | BIT(QKV_BIAS) | BIT(TIMM_NAMES),
     BIT(SWIGLU) | BIT(RELATIVE_BIAS) | BIT(PARALLEL)},
    {"eva02_*", TEC_BLOCK_PRE_NORM, BIT(SWIGLU), 0},
    {"vit_*_rpn_*", TEC_BLOCK_POST_NORM, BIT(TIMM_NAMES),
     BIT(CLASS_TOKEN) | BIT(QKV_BIAS) | BIT(SWIGLU) | BIT(RELATIVE_BIAS) | BIT(PARALLEL)},
    {"vit_pwee_*", TEC_BLOCK_PRE_NORM, BIT(PARALLEL), 0},
};

static int find(const char *architecture)
{
    for (int i = 0; i < ARCHITECTURES; i++)
        if (tec_import_matches(architectures[i].pattern, architecture))
            return i;
    return -1;
}

tec_status tec_import_check_architecture(const tec_import *import, const char *architecture, const char *from)
{
    int row = find(architecture);
    if (row >= 0 && !architectures[row].what)
        return TEC_OK;
    if (row >= 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s: the model has %s, which is not supported (%s says so: architecture = %.80s): take a model "
                        "without",
                        import->path, architectures[row].what, from, architecture);
    return tec_fail(TEC_USER_ERROR,
                    "%s: %s says architecture = %.80s, which is not known here, and a model that computes something "
                    "else would give wrong features; if it is a plain ViT (norm, attention, norm, MLP), give "
                    "base.architecture=vit",
                    import->path, from, architecture);
}

static bool shows(const tec_import *import, trait t)
{
    const tec_vit_variant *v = &import->facts.config.variant;
    const bool shown[TRAITS] = {
        [TIMM_NAMES] = strcmp(import->naming->name, "timm") == 0,
        [CLASS_TOKEN] = !v->no_class_token,
        [QKV_BIAS] = tec_import_find(import, "blocks.0.attn.qkv.bias", 0) != NULL,
        [SWIGLU] = v->swiglu,
        [RELATIVE_BIAS] = v->relative_bias,
        [PARALLEL] = v->block == TEC_BLOCK_PARALLEL,
    };
    return shown[t];
}

tec_status tec_import_choose_blocks(tec_import *import, const char *architecture, const char *from)
{
    size_t row = 0, count = sizeof blocks / sizeof *blocks;
    while (row < count && !tec_import_matches(blocks[row].pattern, architecture))
        row++;
    if (row == count)
        return TEC_OK;
    for (int t = 0; t < TRAITS; t++) {
        const bool shown = shows(import, (trait)t);
        if ((shown ? blocks[row].lacks : blocks[row].has) & BIT(t))
            return tec_fail(
                TEC_USER_ERROR,
                "%s: %s says architecture = %.80s, which is a model with%s %s, but its tensors are those of "
                "one with%s: a model that computes something else would give wrong features; give "
                "base.architecture=NAME, as timm calls the one in this file (vit: a plain ViT)",
                import->path, from, architecture, shown ? "out" : "", trait_words[t], shown ? "" : "out");
    }
    if (blocks[row].block)
        import->facts.config.variant.block = blocks[row].block;
    return TEC_OK;
}

/* "vit_tiny_patch16_224" of "vit_tiny_patch16_224.augreg_in21k": no name of timm's has a dot. */
static bool take_name(const char *begin, const char *end, char *out, size_t size)
{
    const char *dot = memchr(begin, '.', (size_t)(end - begin));
    snprintf(out, size, "%.*s", (int)((dot ? dot : end) - begin), begin);
    int row = find(out);
    /* Only what looks like one of timm's own: a file may be called vit.pth, or after the rope in its pictures. */
    return row >= 0 && (strstr(out, "_patch") || tec_string_starts_with(out, "test_vit"));
}

bool tec_import_architecture_of_path(const char *path, char *out, size_t size)
{
    const char *end = path + strlen(path), *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (take_name(name, end, out, size))
        return true;
    if (name == path)
        return out[0] = 0, false;
    const char *directory = end = name - 1;
    while (directory > path && directory[-1] != '/')
        directory--;
    if (take_name(directory, end, out, size))
        return true;
    out[0] = 0;
    return false;
}
