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
/* Those with norms behind the branches of their blocks, which no tensor shows. */
static const char *const post_norm[] = {"eva02_enormous*", "vit_*_rpn_*", NULL};

enum { ARCHITECTURES = sizeof architectures / sizeof *architectures };

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

tec_block_form tec_import_architecture_blocks(const char *architecture)
{
    return tec_import_matches_any(post_norm, architecture, false) ? TEC_BLOCK_POST_NORM : TEC_BLOCK_PRE_NORM;
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
