/* What the name of a model file tells: files that were published under a name of their own, and words in other names,
 * which are hints and no more. */
#include "import_parts.h"

#include "tec/error.h"
#include "tec/files.h"
#include "tec/text.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Whole names without their ending, as POSIX extended regular expressions: the projects' own downloads and timm's.
 * Whoever keeps such a name says which model it is; a name that goes on is somebody's own model. */
static const struct {
    const char *family, *name;
} published[] = {
    {"MAE", "mae_(pretrain|finetuned|visualize)_vit_(base|large|huge)(_full|_ganloss)?"},
    {"MAE", "vit_(base|large)_patch16_224[._]mae|vit_huge_patch14_224[._]mae"},
    {"DINO", "dino_(deitsmall|vitbase)(8|16)_pretrain(_full_checkpoint)?"},
    {"DINO", "vit_(small|base)_patch(8|16)_224[._]dino"},
    {"DINOv2", "dinov2_vit[sblg]14(_reg4)?_pretrain"},
    {"DINOv2", "vit_(small|base|large|giant)_patch14(_reg4)?_dinov2([._]lvd142m)?"},
    {"DeiT", "deit_(tiny|small|base)_patch16_(224|384)([._]fb_in1k|-[0-9a-f]{8})?"},
    {"DeiT", "deit_(tiny|small|base)_distilled_patch16_(224|384)([._]fb_in1k|-[0-9a-f]{8})?"},
    {"DeiT III", "deit_3_(small|medium|base|large|huge)_(224|384)_(1k|21k)"},
    {"DeiT III", "deit3_(small|medium|base|large|huge)_patch1[46]_(224|384)([._]fb_in1k|[._]fb_in22k_ft_in1k)?"},
    {"augreg", "vit_(tiny|small|base|large)_patch(8|16|32)_(224|384)[._]augreg2?(_in1k|_in21k|_in21k_ft_in1k)?"},
    {"augreg", "jx_vit_(base|large)_p(atch)?(16|32)_(224|384)(_in21k)?(-[0-9a-f]{8})?"},
    {"DINOv3 lvd1689m", "dinov3[_-]vit[a-z0-9]+[_-]pretrain[_-]lvd1689m(-[0-9a-f]{8})?"},
    {"DINOv3 lvd1689m", "vit_[a-z0-9_]+_patch16_dinov3(_qkvb)?[._]lvd1689m"},
    {"DINOv3 sat493m", "dinov3[_-]vit[a-z0-9]+[_-]pretrain[_-]sat493m(-[0-9a-f]{8})?"},
    {"DINOv3 sat493m", "vit_[a-z0-9_]+_patch16_dinov3(_qkvb)?[._]sat493m"},
    {"siglip", "vit_(base|large|so400m|giantopt)_patch(14|16|32)_siglip(_gap)?(_[0-9]+)?([._](v2_)?webli(_i18n)?)?"},
};

/* -- the name -- */

/* Under these every model of a hub lies: it is its directory that has a name. */
static bool is_nameless(const char *name)
{
    return tec_string_starts_with(name, "model.safetensors") || tec_string_starts_with(name, "pytorch_model.");
}

/* Without its ending; the caller frees it. */
static char *stem_of(const char *name)
{
    static const char *const endings[] = {".safetensors.index.json", ".safetensors", ".pth.tar", ".pth", ".pt", ".bin"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t end = strlen(endings[i]);
        if (length > end && strcasecmp(name + length - end, endings[i]) == 0)
            return tec_string_format("%.*s", (int)(length - end), name);
    }
    return tec_string_copy(name);
}

static char *name_of(const char *path)
{
    const char *name = tec_path_name(path);
    if (!is_nameless(name))
        return stem_of(name);
    char last[256], *directory = tec_path_directory(path);
    tec_path_last(directory, last, sizeof last);
    free(directory);
    return tec_string_copy(last);
}

/* -- what it tells -- */

static bool is_called(const char *name, const char *expression)
{
    regex_t compiled;
    char *whole = tec_string_format("^(%s)$", expression);
    if (regcomp(&compiled, whole, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "regcomp: %s", whole));
    bool found = regexec(&compiled, name, 0, NULL, 0) == 0;
    regfree(&compiled);
    free(whole);
    return found;
}

bool tec_import_is_published(const char *path, const char *family)
{
    char *name = name_of(path);
    bool found = false;
    for (size_t i = 0; i < sizeof published / sizeof *published && !found; i++)
        found = strcmp(published[i].family, family) == 0 && is_called(name, published[i].name);
    free(name);
    return found;
}

bool tec_import_has_word(const char *path, const char *word)
{
    const char *name = tec_path_name(path);
    size_t length = strlen(word);
    bool numbered = isdigit((unsigned char)word[length - 1]);
    for (const char *at = name; *at; at++) {
        if (strncasecmp(at, word, length) != 0 || (at > name && isalpha((unsigned char)at[-1])))
            continue;
        unsigned char next = (unsigned char)at[length];
        if (!isalpha(next) && !(numbered && isdigit(next)))
            return true;
    }
    return false;
}
