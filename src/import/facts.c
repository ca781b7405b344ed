/* What no tensor tells: family, heads, norm eps, activation, interpolation of positions, the images' normalisation. */
#include "import_parts.h"

#include "tec/log.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- family -- */

/* The first rule decides of which everything given matches: the naming scheme, the whole name of any tensor, a word of
 * the file's name, which is a hint only. LayerScale alone shows nothing: three dozen models of timm have it. */
static const struct {
    const char *naming, *tensor, *word, *family;
} families[] = {
    {"timm", "*cls_token_mlp.*", NULL, "TEC"},
    {"timm", "*rope_embed.periods", NULL, "DINOv3"},
    {"timm", "*base_encoder.*", NULL, "MoCo v3"},
    {"timm", "*decoder_blocks.*", NULL, "MAE"},
    {"timm", "*masked_embed", NULL, "iBOT"},
    {"timm", "*register_tokens", NULL, "DINOv2"},
    {"timm", "*", "dinov2", "DINOv2"},
    {"timm", "*", "deit3", "DeiT III"},
    {"timm", "*", "deit_3", "DeiT III"},
    {"timm", "*dist_token", NULL, "DeiT, distilled"},
    {"timm", "*attn.q_bias", NULL, "BEiT, data2vec or EVA"},
    {"timm", "*target_encoder.*", NULL, "I-JEPA"},
    {"timm", "*norm_pre.*", NULL, "CLIP"},
    {"timm", "*attn_pool.latent", NULL, "SigLIP"}, /* of what else has one, blocks are asked about */
    {"timm", "*blocks.0.attn.norm.weight", NULL, "BEiT-3"},
    {"timm", "*", "ibot", "iBOT"},
    {"timm", "*teacher.*", NULL, "DINO"},
    {"timm", "*", "dino", "DINO"},
    {"timm", "*", "deit", "DeiT"},
    {"timm", "*", "mae", "MAE"},
    {"timm", "*", "moco", "MoCo v3"},
    {"timm", "*", "beit", "BEiT, data2vec or EVA"},
    {"timm", "*", NULL, "timm ViT"},
    {"Hugging Face", "*register_tokens", NULL, "Hugging Face Dinov2WithRegisters"},
    {"Hugging Face", "*layer_scale1.lambda1", NULL, "Hugging Face Dinov2"},
    {"Hugging Face", "*decoder.decoder_*", NULL, "Hugging Face ViTMAE"},
    {"Hugging Face", "*distillation_token", NULL, "Hugging Face DeiT"},
    {"Hugging Face", "deit.*", NULL, "Hugging Face DeiT"},
    {"Hugging Face", "*.lambda_1", NULL, "Hugging Face BEiT"},
    {"Hugging Face", "*", NULL, "Hugging Face ViT"},
    {"torchvision", "*", NULL, "torchvision ViT"},
    {"Hugging Face DINOv3", "*", NULL, "Hugging Face DINOv3"},
    {"Hugging Face towers", "*embeddings.class_embedding", NULL, "Hugging Face CLIP"},
    {"Hugging Face towers", "*", NULL, "Hugging Face SigLIP"},
    {"OpenCLIP", "input_resolution", NULL, "OpenAI CLIP"}, /* in the archives that OpenAI published */
    {"OpenCLIP", "*", NULL, "OpenCLIP"},
    {"Google", "*", NULL, "ViT of Google"},
};

static bool any_tensor(const tec_import *import, const char *pattern)
{
    for (int i = 0; i < tec_tensor_file_count(import->file); i++)
        if (tec_import_matches(pattern, tec_tensor_file_get(import->file, i)->name))
            return true;
    return false;
}

/* DINOv2's own files, in which a mask token and LayerScale come together; timm's copies of them have no mask token. */
static bool is_dinov2(const tec_import *import)
{
    return strcmp(import->naming->name, "timm") == 0 && any_tensor(import, "*mask_token") &&
           any_tensor(import, "*ls1.gamma");
}

/* Blocks on PyTorch's own modules, which leave open where norms stand and what the activation is. */
static const char MULTIHEAD[] = "ViT on nn.MultiheadAttention";

static const char *in_proj_of(const tec_import *import)
{
    const import_piece *qkv = tec_import_find(import, "blocks.0.attn.qkv.weight", 0);
    const char *name = qkv ? tec_import_tensor(import, qkv)->name : "";
    return tec_string_ends_with(name, ".in_proj_weight") ? name : NULL;
}

/* Families that a tensor shows which only the model's own may be, or which there is none of. */
static const char *family_of_own(const tec_import *import)
{
    if (strcmp(import->naming->name, "timm") == 0 && in_proj_of(import))
        return MULTIHEAD;
    return strcmp(import->naming->name, "Hugging Face") == 0 && import->facts.config.variant.no_class_token
               ? "Hugging Face I-JEPA"
               : NULL;
}

static void choose_family(tec_import *import)
{
    tec_import_facts *f = &import->facts;
    const char *path = tec_tensor_file_path(import->file), *family = "ViT";
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const char *word = families[i].word;
        bool known_name = word && tec_import_is_published(path, families[i].family);
        if (strcmp(families[i].naming, import->naming->name) != 0 || !any_tensor(import, families[i].tensor) ||
            (word && !known_name && !tec_import_has_word(path, word)))
            continue;
        family = families[i].family;
        f->family_from = word ? "from the file's name" : NULL;
        f->family_hinted = word && !known_name;
        break;
    }
    const char *own = family_of_own(import);
    if (own) {
        family = own;
        f->family_from = NULL;
        f->family_hinted = false;
    }
    if (is_dinov2(import) && (strcmp(family, "timm ViT") == 0 || f->family_hinted)) {
        family = "DINOv2";
        f->family_from = NULL;
        f->family_hinted = false;
    }
    snprintf(f->family, sizeof f->family, "%s", family);
}

/* -- known models -- */

typedef enum normalisation { UNKNOWN, IMAGENET, HALF, CLIP, SATELLITE } normalisation;

static const double means[][3] = {
    [IMAGENET] = {0.485, 0.456, 0.406},
    [HALF] = {0.5, 0.5, 0.5},
    [CLIP] = {0.48145466, 0.4578275, 0.40821073},
    [SATELLITE] = {0.43, 0.411, 0.296},
};
static const double deviations[][3] = {
    [IMAGENET] = {0.229, 0.224, 0.225},
    [HALF] = {0.5, 0.5, 0.5},
    [CLIP] = {0.26862954, 0.26130258, 0.27577711},
    [SATELLITE] = {0.213, 0.156, 0.143},
};

/* Tokens before the patches, for sizes that two models share. */
typedef enum tokens { ANY_TOKENS, WITH_CLASS, NO_TOKENS, SOME_TOKENS } tokens;

/* Each fact is taken from the first row that fits and has it. 0, NULL: any, or unknown. Of heads no rule is general, so
 * every size that is published has its row; those that two models share and only a file beside them tells apart have
 * none (width 768 without any token before the patches: timm's vit_base_patch16_gap has 16 heads, SigLIP 12). */
static const struct {
    const char *family, *architecture, *published; /* the last: tec_import_is_published */
    int width, depth;
    tokens tokens;
    int heads;
    double norm_eps;
    normalisation normalisation;
} known[] = {
    {.architecture = "vit_base_patch16_gap_*", .width = 768, .depth = 12, .heads = 16},
    {.architecture = "vit_base_patch*_siglip_*", .width = 768, .depth = 12, .heads = 12},
    {.family = "MoCo v3", .width = 384, .heads = 12},
    {.family = "SigLIP", .width = 768, .depth = 12, .heads = 12},
    {.family = "Hugging Face SigLIP", .width = 768, .depth = 12, .heads = 12},
    {.family = "DINOv3", .width = 1280, .heads = 20},
    {.family = "Hugging Face DINOv3", .width = 1280, .heads = 20},
    {.family = "Perception Encoder", .width = 1024, .heads = 16},
    {.family = "Perception Encoder", .width = 1536, .heads = 16},
    {.width = 4096, .depth = 40, .heads = 32}, /* DINOv3's 7B */
    {.width = 64, .depth = 6, .heads = 2},     /* timm's test_vit */
    {.width = 64, .depth = 8, .heads = 2},
    {.width = 96, .depth = 9, .heads = 3},
    {.width = 192, .depth = 12, .heads = 3}, /* tiny */
    {.width = 256, .depth = 10, .heads = 4},
    {.width = 256, .depth = 14, .heads = 4},
    {.width = 320, .depth = 14, .heads = 5},
    {.width = 384, .depth = 12, .heads = 6}, /* small */
    {.width = 384, .depth = 36, .heads = 6},
    {.width = 512, .depth = 12, .heads = 8}, /* medium */
    {.width = 512, .depth = 20, .heads = 8},
    {.width = 640, .depth = 12, .heads = 10},
    {.width = 768, .depth = 8, .heads = 8},                          /* timm's first vit_small */
    {.width = 768, .depth = 12, .tokens = SOME_TOKENS, .heads = 12}, /* base */
    {.width = 832, .depth = 21, .heads = 13},
    {.width = 896, .depth = 12, .heads = 14},
    {.width = 896, .depth = 18, .heads = 14},
    {.width = 1024, .depth = 24, .heads = 16},                       /* large */
    {.width = 1152, .depth = 27, .heads = 16},                       /* so400m */
    {.width = 1280, .depth = 32, .heads = 16},                       /* huge */
    {.width = 1408, .depth = 40, .heads = 16},                       /* giant, but DINOv2's, which is wider */
    {.width = 1536, .depth = 40, .tokens = WITH_CLASS, .heads = 24}, /* DINOv2's giant */
    {.width = 1536, .depth = 40, .tokens = NO_TOKENS, .heads = 16},  /* SigLIP's giant */
    {.width = 1664, .depth = 48, .heads = 16},                       /* gigantic */
    {.width = 1792, .depth = 64, .heads = 16},                       /* EVA-02's enormous */
    {.width = 256, .depth = 16, .heads = 4},                         /* timm's vit_pwee */
    {.published = "augreg", .normalisation = HALF},
    {.published = "DINOv3 lvd1689m", .normalisation = IMAGENET},
    {.published = "DINOv3 sat493m", .normalisation = SATELLITE},
    {.published = "siglip", .normalisation = HALF},
    {.architecture = "vit_*_siglip_*", .normalisation = HALF},
    {.architecture = "beit_*", .normalisation = HALF},
    {.architecture = "beitv2_*", .normalisation = IMAGENET},
    {.family = "timm ViT", .norm_eps = 1e-6, .normalisation = UNKNOWN},
    {.family = "DINOv3", .norm_eps = 1e-5, .normalisation = UNKNOWN}, /* ImageNet's, or those of satellites */
    {.family = "Hugging Face DINOv3", .norm_eps = 1e-5, .normalisation = UNKNOWN},
    {.family = "EVA-02", .norm_eps = 1e-6, .normalisation = CLIP},
    {.family = "timm ViT with rotary positions", .norm_eps = 1e-6, .normalisation = UNKNOWN},
    {.family = "BEiT-3", .norm_eps = 1e-5, .normalisation = UNKNOWN},
    {.family = "RoPE-ViT", .norm_eps = 1e-6, .normalisation = IMAGENET},
    {.family = "Perception Encoder", .norm_eps = 1e-5, .normalisation = HALF},
    {.family = "CLIP", .norm_eps = 1e-5, .normalisation = UNKNOWN}, /* OpenAI's numbers or 0.5 */
    {.family = MULTIHEAD, .norm_eps = 1e-5, .normalisation = UNKNOWN},
    {.family = "ViT of Google", .norm_eps = 1e-6, .normalisation = HALF},
    {.family = "OpenAI CLIP", .norm_eps = 1e-5, .normalisation = CLIP},
    {.family = "OpenCLIP", .norm_eps = 1e-5, .normalisation = UNKNOWN},
    {.family = "Hugging Face CLIP", .norm_eps = 1e-5, .normalisation = UNKNOWN},
    {.family = "SigLIP", .norm_eps = 1e-6, .normalisation = HALF},
    {.family = "Hugging Face SigLIP", .norm_eps = 1e-6, .normalisation = HALF},
    {.family = "BEiT, data2vec or EVA", .norm_eps = 1e-6, .normalisation = UNKNOWN},
    {.family = "Hugging Face ViT", .norm_eps = 1e-12, .normalisation = UNKNOWN}, /* 0.5, or ImageNet's in DINO, MSN */
    {.family = "Hugging Face BEiT", .norm_eps = 1e-12, .normalisation = HALF},
    {.family = "Hugging Face ViTMAE", .norm_eps = 1e-12, .normalisation = IMAGENET},
    {.family = "Hugging Face DeiT", .norm_eps = 1e-12, .normalisation = IMAGENET},
    {.norm_eps = 1e-6,
     .normalisation = IMAGENET}, /* MAE, iBOT, DINO, DINOv2, DeiT, MoCo v3, I-JEPA, TEC, torchvision */
};
enum { KNOWN = sizeof known / sizeof *known };

static bool fits_tokens(tokens wanted, const tec_vit_variant *v)
{
    bool some = !v->no_class_token || v->registers > 0;
    return wanted == ANY_TOKENS || (wanted == WITH_CLASS && !v->no_class_token) || (wanted == NO_TOKENS && !some) ||
           (wanted == SOME_TOKENS && some);
}

static bool fits(size_t row, const tec_import *import, const import_sidecar *said)
{
    const tec_import_facts *f = &import->facts;
    return (!known[row].family || strcmp(known[row].family, f->family) == 0) &&
           (!known[row].architecture || tec_import_matches(known[row].architecture, said->architecture)) &&
           (!known[row].published ||
            tec_import_is_published(tec_tensor_file_path(import->file), known[row].published)) &&
           (!known[row].width || known[row].width == f->config.width) &&
           (!known[row].depth || known[row].depth == f->config.depth) &&
           fits_tokens(known[row].tokens, &f->config.variant);
}

static void take_known_normalisation(const tec_import *import, size_t row, import_sidecar *said)
{
    normalisation n = known[row].normalisation;
    bool hint = known[row].architecture ? !said->plain_blocks : import->facts.family_hinted && !known[row].published;
    if (said->normalised || n == UNKNOWN || hint || import->own || import->facts.config.channels != 3)
        return;
    said->normalised = true;
    memcpy(said->mean, means[n], sizeof means[n]);
    memcpy(said->std, deviations[n], sizeof deviations[n]);
    said->mean_from = known[row].published        ? "known of this model, from the file's name"
                      : known[row].architecture   ? "known of this architecture"
                      : import->facts.family_from ? "known of this family, from the file's name"
                                                  : "known of this family";
}

/* The first row with a norm eps closes the list: it is the family's. Of a family that only a word of the file's name
 * hints at, a size that has other heads there leaves them open. */
static void consult_table(const tec_import *import, import_sidecar *said)
{
    bool open = false;
    for (size_t i = 0; i < KNOWN; i++) {
        if (!fits(i, import, said))
            continue;
        open = open || (known[i].heads && known[i].family && import->facts.family_hinted);
        if (!said->heads && known[i].heads && !open) {
            said->heads = known[i].heads;
            said->heads_from = "known of this size";
        }
        take_known_normalisation(import, i, said);
        if (!(known[i].norm_eps > 0))
            continue;
        if (!(said->norm_eps > 0)) {
            said->norm_eps = known[i].norm_eps;
            said->norm_eps_from = known[i].family ? "known of this family" : "as usual";
        }
        return;
    }
}

/* -- activation -- */

/* Of timm's architectures, the first that fits; the others have the exact GELU. */
static const struct {
    const char *architecture;
    tec_activation activation;
} activations[] = {
    {"*quickgelu*", TEC_ACTIVATION_QUICK_GELU},
    {"vit_base_patch32_siglip_*", TEC_ACTIVATION_GELU_TANH},
    {"vit_large_patch16_siglip_512*", TEC_ACTIVATION_GELU_TANH},
    {"vit_large_patch16_siglip_gap_512*", TEC_ACTIVATION_GELU_TANH},
    {"vit_so400m_patch16_siglip_*", TEC_ACTIVATION_GELU_TANH},
    {"vit_giantopt_patch16_siglip_*", TEC_ACTIVATION_GELU_TANH},
};

static void take_architecture_activation(import_sidecar *said)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (tec_import_matches(activations[i].architecture, said->architecture)) {
            said->activation = 1 + (int)activations[i].activation;
            said->activation_from = "known of this architecture";
            return;
        }
    /* A name of a file may leave out what it does not distinguish: a CLIP's says nothing of QuickGELU. */
    if (!said->plain_blocks || strcmp(said->architecture, "vit") == 0 || !said->architecture[0])
        return;
    said->activation = 1 + TEC_ACTIVATION_GELU;
    said->activation_from = "known of this architecture";
}

/* Of families whose own code has one that is not the exact GELU. */
static const struct {
    const char *family;
    tec_activation activation;
} family_activations[] = {
    {"OpenAI CLIP", TEC_ACTIVATION_QUICK_GELU},
    {"ViT of Google", TEC_ACTIVATION_GELU_TANH}, /* JAX's gelu; copies for PyTorch are run with the exact one */
    {"Hugging Face SigLIP", TEC_ACTIVATION_GELU_TANH},
};

static void take_family_activation(const tec_import *import, import_sidecar *said)
{
    for (size_t i = 0; i < sizeof family_activations / sizeof *family_activations; i++)
        if (strcmp(family_activations[i].family, import->facts.family) == 0) {
            said->activation = 1 + (int)family_activations[i].activation;
            said->activation_from = "known of this family";
        }
}

/* Those whose files have one or another, which nothing in them tells. */
static const char *const open_activations[] = {"CLIP", "Hugging Face CLIP", "OpenCLIP", "SigLIP", MULTIHEAD, NULL};

/* CLIP's towers have the GELU or QuickGELU; ViTs without any token before the patches, the GELU or (SigLIP) its tanh. */
static bool has_usual_activation(const tec_import *import)
{
    const tec_import_facts *f = &import->facts;
    bool ls = tec_import_find(import, "blocks.0.ls1", 0) || tec_import_find(import, "blocks.0.ls", 0);
    bool bare = f->config.variant.no_class_token && !f->config.variant.registers && !ls && !f->config.variant.fc_norm;
    return tec_string_find(open_activations, f->family) < 0 && !(bare && strcmp(f->family, "timm ViT") == 0);
}

static void choose_activation(tec_import *import, import_sidecar *said)
{
    tec_import_facts *f = &import->facts;
    if (!said->activation && !f->config.variant.swiglu)
        take_architecture_activation(said);
    if (!said->activation && !f->config.variant.swiglu)
        take_family_activation(import, said);
    f->activation_known = said->activation || f->config.variant.swiglu || has_usual_activation(import);
    f->activation_from = said->activation ? said->activation_from : f->activation_known ? "as usual" : "a guess";
    f->config.variant.activation =
        said->activation && !f->config.variant.swiglu ? (tec_activation)(said->activation - 1) : TEC_ACTIVATION_GELU;
}

/* -- interpolation of positions -- */

/* How the code of each family does it; the first row that fits. */
static const struct {
    const char *family;
    bool registers; /* only with them */
    tec_interpolation interpolation;
} interpolations[] = {
    {"DINOv2", true, TEC_INTERPOLATION_ANTIALIAS},
    {"DINO*", false, TEC_INTERPOLATION_OFFSET},
    {"iBOT", false, TEC_INTERPOLATION_OFFSET},
    {"MAE", false, TEC_INTERPOLATION_PLAIN},
    {"TEC", false, TEC_INTERPOLATION_PLAIN},
    {"DeiT*", false, TEC_INTERPOLATION_PLAIN},
    {"RoPE-ViT", false, TEC_INTERPOLATION_PLAIN},
    {"Hugging Face Dinov2WithRegisters", false, TEC_INTERPOLATION_ANTIALIAS},
    {"Hugging Face*", false, TEC_INTERPOLATION_PLAIN},
    {"torchvision*", false, TEC_INTERPOLATION_CORNERS},
    {"*", false, TEC_INTERPOLATION_ANTIALIAS},
};

/* A file whose config.json or own name is timm's name of an architecture is loaded by timm, whatever the family. */
static void choose_interpolation(tec_import *import, const import_sidecar *said)
{
    tec_import_facts *f = &import->facts;
    bool of_timm = said->architecture[0] && strcmp(said->architecture_from, "base.architecture") != 0;
    if (said->interpolation || of_timm) {
        f->interpolation =
            said->interpolation ? (tec_interpolation)(said->interpolation - 1) : TEC_INTERPOLATION_ANTIALIAS;
        f->interpolation_from = said->interpolation ? said->interpolation_from : "as timm";
        return;
    }
    int row = 0;
    while (!tec_import_matches(interpolations[row].family, f->family) ||
           (interpolations[row].registers && f->config.variant.registers == 0))
        row++;
    f->interpolation = interpolations[row].interpolation;
    f->interpolation_from = f->family_hinted ? "a guess, as the file's name suggests" : "as the family's own code";
}

/* -- what the blocks compute -- */

/* DINOv3's own files have their periods; EVA-02 and a Perception Encoder have been recognised by what no other model has,
 * BEiT by its bias, parallel blocks by their first linear, and those with norms behind their branches by their name. */
static bool shows_its_blocks(const tec_import *import)
{
    static const char *const shown[] = {"EVA-02", "Perception Encoder", "RoPE-ViT", NULL};
    const tec_import_facts *f = &import->facts;
    return tec_import_find(import, "rope.periods", 0) || f->config.variant.relative_bias || f->config.variant.block ||
           tec_string_find(shown, f->family) >= 0;
}

/* A tower of CLIP has its text tower beside it, and no LayerScale. What has its names without that may be a Perception
 * Encoder, whose rotary positions are in no file. */
static void check_tower(tec_import *import)
{
    const import_piece *scale = tec_import_find(import, "blocks.0.ls1", 0);
    const import_piece *open = scale ? scale : tec_import_find(import, "norm_pre.weight", 0);
    if (scale || !import->facts.text)
        import->facts.blocks_unknown = tec_import_tensor(import, open)->name;
}

/* SigLIP pools by attention for want of a class token. What has one besides, or more than SigLIP, may be of another kind,
 * such as a Perception Encoder, whose rotary positions are in no file. Returns what shows that; NULL: nothing does. */
static const char *more_than_siglip(const tec_import *import)
{
    static const char *const more[] = {"cls_token", "reg_token", "norm_pre.weight"};
    for (size_t i = 0; i < sizeof more / sizeof *more && import->facts.pooling; i++) {
        const import_piece *piece = tec_import_find(import, more[i], 0);
        if (piece)
            return tec_import_tensor(import, piece)->name;
    }
    return NULL;
}

/* Tensors that timm's EVA and BEiT classes share with blocks of another kind, whose difference no tensor shows. */
static void check_blocks(tec_import *import, const import_sidecar *said)
{
    tec_import_facts *f = &import->facts;
    bool timm = strcmp(import->naming->name, "timm") == 0;
    if (!said->plain_blocks && strcmp(import->naming->name, "OpenCLIP") == 0 && !shows_its_blocks(import))
        check_tower(import);
    if (import->own || said->plain_blocks || !timm || shows_its_blocks(import))
        return;
    f->blocks_unknown = more_than_siglip(import);
    for (int i = 0; i < import->pieces && !f->blocks_unknown; i++) {
        const char *name = tec_import_tensor(import, &import->piece[i])->name;
        if (tec_import_matches("*blocks.*attn.q_bias", name) || tec_string_ends_with(name, "in_proj_weight") ||
            (tec_import_matches("*blocks.*gamma_1", name) && (f->family_hinted || strcmp(f->family, "DeiT III") != 0)))
            f->blocks_unknown = name;
    }
    /* Those of res-post-norm ViTs are called as a plain ViT's. */
    const import_piece *qkv = tec_import_find(import, "blocks.0.attn.qkv.weight", 0);
    if (!f->blocks_unknown && qkv && f->config.variant.no_class_token && f->config.variant.registers == 0 &&
        !tec_import_find(import, "blocks.0.attn.qkv.bias", 0) && !tec_import_find(import, "blocks.0.ls1", 0))
        f->blocks_unknown = tec_import_tensor(import, qkv)->name;
}

/* -- together -- */

/* Our own files say themselves what they are. What base.* says of a base model is not about the new model that is
 * evaluated with the same settings; said of this file, it has to be true. */
static tec_status check_own(const tec_import *import, const tec_import_options *options, const import_sidecar *said)
{
    if (options->heads && options->heads != said->heads)
        return tec_fail(TEC_USER_ERROR, "%s: base.heads is %d, but its own configuration says %d: leave base.heads out",
                        import->path, options->heads, said->heads);
    char given[TEC_SIZE_TEXT], own[TEC_SIZE_TEXT];
    if (options->image_size.width && !tec_size_equal(options->image_size, said->image_size))
        return tec_fail(TEC_USER_ERROR,
                        "%s: base.image_size is %s, but its own configuration says %s: leave base.image_size out",
                        import->path, tec_size_list(options->image_size, given), tec_size_list(said->image_size, own));
    if (options->activation > 1 + TEC_ACTIVATION_GELU)
        return tec_fail(TEC_USER_ERROR, "%s: base.activation is %s, but models of tec have the gelu: leave it out",
                        import->path, tec_activation_name((tec_activation)(options->activation - 1)));
    return TEC_OK;
}

static bool is_about_another(const tec_import *import, const tec_import_options *options)
{
    bool any = options->image_size.width || options->heads || options->norm_eps > 0 || options->activation ||
               options->interpolation || options->std[0] > 0;
    bool another = import->own && options->about && options->about[0] && strcmp(options->about, import->path) != 0;
    if (another && any)
        tec_log("%s: what base.* says is about base.model (%s), and not used for this one", import->path,
                options->about);
    return another;
}

static void take_options(const tec_import_options *options, import_sidecar *said)
{
    if (options->heads) {
        said->heads = options->heads;
        said->heads_from = "base.heads";
    }
    if (options->image_size.width) {
        said->image_size = options->image_size;
        said->image_size_from = "base.image_size";
    }
    if (options->norm_eps > 0) {
        said->norm_eps = options->norm_eps;
        said->norm_eps_from = "base.norm_eps";
    }
    if (options->activation) {
        said->activation = options->activation;
        said->activation_from = "base.activation";
    }
    if (options->interpolation) {
        said->interpolation = options->interpolation;
        said->interpolation_from = "base.interpolation";
    }
    if (options->std[0] > 0) {
        said->normalised = true;
        said->mean_from = "base.mean, base.std";
        memcpy(said->mean, options->mean, sizeof said->mean);
        memcpy(said->std, options->std, sizeof said->std);
    }
}

/* InternViT's blocks are a plain ViT's, but behind the last of them there is no norm. */
static void take_missing_norm(tec_import *import, const import_sidecar *said)
{
    tec_vit_variant *v = &import->facts.config.variant;
    if (tec_import_matches("vit_intern*", said->architecture) && !v->fc_norm &&
        !tec_import_find(import, "norm.weight", 0))
        v->no_norm = true;
}

/* Whoever names an architecture of a plain ViT, by the key or in config.json, says what its blocks compute. The name of a
 * file or directory does not: it refuses, and tells what nothing else does where tensors agree, which is the place of
 * norms, the form of rotary positions and that there is no final norm. */
static tec_status take_architecture(tec_import *import, const tec_import_options *options, import_sidecar *said)
{
    if (!import->own && options->architecture && options->architecture[0]) {
        snprintf(said->architecture, sizeof said->architecture, "%s", options->architecture);
        said->architecture_from = "base.architecture";
    }
    bool stated = said->architecture[0];
    if (!stated && !import->own && !said->plain_blocks &&
        tec_import_architecture_of_path(import->path, said->architecture, sizeof said->architecture))
        said->architecture_from = "the name of the file or its directory";
    if (!said->architecture[0])
        return TEC_OK;
    TEC_TRY(tec_import_check_architecture(import, said->architecture, said->architecture_from));
    take_missing_norm(import, said);
    TEC_TRY(tec_import_choose_blocks(import, said->architecture, said->architecture_from));
    said->plain_blocks = said->plain_blocks || stated;
    snprintf(import->facts.architecture, sizeof import->facts.architecture, "%s", said->architecture);
    return TEC_OK;
}

/* JAX keeps the heads of queries apart: [D, H, D / H]. */
static void take_kernel_heads(const tec_import *import, import_sidecar *said)
{
    const import_piece *query = tec_import_find(import, "blocks.0.attn.qkv.weight", 0);
    const tec_tensor *stored = query ? tec_tensor_file_get(import->file, query->index) : NULL;
    if (!import->naming->kernels || !stored || stored->dims != 3 || stored->dim[1] > stored->dim[0])
        return;
    said->heads = (int)stored->dim[1];
    said->heads_from = "its queries";
}

/* The remedy names numbers that are possible. */
static tec_status check_heads(const tec_import *import)
{
    const tec_import_facts *f = &import->facts;
    int width = f->config.width, heads = f->config.heads, fewer = heads < width ? heads : width, more = heads;
    if (width % heads == 0)
        return TEC_OK;
    while (width % fewer)
        fewer--;
    while (more < width && width % more)
        more++;
    char *possible = more < width ? tec_string_format("%d or %d", fewer, more) : tec_string_format("%d", fewer);
    tec_status status = tec_fail(TEC_USER_ERROR,
                                 "%s: %d attention heads (%s) do not divide the width %d: base.heads has to be a "
                                 "divisor of it, such as %s, the number that the model was made with",
                                 import->path, heads, f->heads_from, width, possible);
    free(possible);
    return status;
}

static tec_status choose_heads(tec_import *import, const import_sidecar *said)
{
    enum { USUAL = 64 };
    tec_import_facts *f = &import->facts;
    f->config.heads = said->heads;
    f->heads_from = said->heads_from;
    if (import->relative_heads && !import->own) {
        f->config.heads = import->relative_heads;
        f->heads_from = "of its relative position bias";
    }
    f->heads_known = f->config.heads > 0;
    if (!f->heads_known && f->config.width % USUAL == 0) {
        f->config.heads = f->config.width / USUAL;
        f->heads_from = "a guess: width / 64";
    }
    if (f->config.heads == 0)
        return tec_fail(
            TEC_USER_ERROR,
            "%s: no tensor says how many attention heads there are, and the width %d is not a multiple of 64: "
            "give base.heads",
            import->path, f->config.width);
    return check_heads(import);
}

tec_status tec_import_gather_facts(tec_import *import, const tec_import_options *options)
{
    tec_import_facts *f = &import->facts;
    import_sidecar said = {0};
    if (import->own)
        snprintf(f->family, sizeof f->family, "ViT of tec");
    else
        choose_family(import);
    TEC_TRY(tec_import_read_sidecar(import, options, &said));
    bool size_given = import->own;
    take_kernel_heads(import, &said);
    TEC_TRY(take_architecture(import, options, &said));
    TEC_TRY(tec_import_choose_rotary(import, &said));
    check_blocks(import, &said);
    if (!is_about_another(import, options)) {
        if (import->own)
            TEC_TRY(check_own(import, options, &said));
        take_options(options, &said);
        size_given = size_given || options->image_size.width;
    }
    TEC_TRY(tec_import_place_patches(import, &said, size_given));
    consult_table(import, &said);
    TEC_TRY(choose_heads(import, &said));
    choose_activation(import, &said);
    choose_interpolation(import, &said);
    f->config.variant.norm_eps = said.norm_eps;
    f->norm_eps_from = said.norm_eps_from;
    f->preprocessing = said.preprocessing;
    f->preprocessing_from = said.preprocessing_from;
    f->upright = said.upright;
    f->bands = said.bands;
    f->normalised = said.normalised;
    f->mean_from = said.mean_from;
    memcpy(f->mean, said.mean, sizeof f->mean);
    memcpy(f->std, said.std, sizeof f->std);
    return TEC_OK;
}
