/* What no tensor tells: family, heads, norm eps, the images' normalisation. */
#include "import_parts.h"

#include <stdio.h>
#include <string.h>

/* -- family -- */

/* The first rule decides of which everything given matches: the naming scheme, the whole name of any tensor, the end of
 * the path (directory and file name). */
static const struct {
    const char *naming, *tensor, *file, *family;
} families[] = {
    {"timm", "*cls_token_mlp.*", NULL, "TEC"},
    {"timm", "*base_encoder.*", NULL, "MoCo v3"},
    {"timm", "*decoder_blocks.*", NULL, "MAE"},
    {"timm", "*masked_embed", NULL, "iBOT"},
    {"timm", "*register_tokens", NULL, "DINOv2"},
    {"timm", "*", "*dinov2*", "DINOv2"},
    {"timm", "*", "*deit3*", "DeiT III"},
    {"timm", "*ls1.gamma", NULL, "DINOv2"},
    {"timm", "*dist_token", NULL, "DeiT, distilled"},
    {"timm", "*", "*deit*distilled*", "DeiT, distilled"},
    {"timm", "*attn.q_bias", NULL, "BEiT or data2vec"},
    {"timm", "*norm_pre.*", NULL, "CLIP"},
    {"timm", "*", "*ibot*", "iBOT"},
    {"timm", "*", "*dino*", "DINO"},
    {"timm", "*teacher.*", NULL, "DINO"},
    {"timm", "*", "*deit*", "DeiT"},
    {"timm", "*", "*mae*", "MAE"},
    {"timm", "*", "*moco*", "MoCo v3"},
    {"timm", "*", "*beit*", "BEiT or data2vec"},
    {"timm", "*", NULL, "timm ViT"},
    {"Hugging Face", "*register_tokens", NULL, "Hugging Face Dinov2WithRegisters"},
    {"Hugging Face", "*layer_scale1.lambda1", NULL, "Hugging Face Dinov2"},
    {"Hugging Face", "*decoder.decoder_*", NULL, "Hugging Face ViTMAE"},
    {"Hugging Face", "*distillation_token", NULL, "Hugging Face DeiT"},
    {"Hugging Face", "deit.*", NULL, "Hugging Face DeiT"},
    {"Hugging Face", "*.lambda_1", NULL, "Hugging Face BEiT"},
    {"Hugging Face", "*", NULL, "Hugging Face ViT"},
    {"torchvision", "*", NULL, "torchvision ViT"},
};

static bool any_tensor(const tec_import *import, const char *pattern)
{
    for (int i = 0; i < tec_tensor_file_count(import->file); i++)
        if (tec_import_matches(pattern, tec_tensor_file_get(import->file, i)->name))
            return true;
    return false;
}

/* The last two components of the path: a file name says much, directories further up nothing. */
static const char *end_of_path(const char *path)
{
    const char *end = path + strlen(path);
    for (int slashes = 0; end > path; end--)
        if (end[-1] == '/' && ++slashes == 2)
            break;
    return end;
}

static const char *family_of(const tec_import *import)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].naming, import->naming->name) == 0 &&
            (!families[i].file || tec_import_matches(families[i].file, end_of_path(import->path))) &&
            any_tensor(import, families[i].tensor))
            return families[i].family;
    return "ViT";
}

/* -- known models -- */

typedef enum normalisation { UNKNOWN, IMAGENET, HALF, CLIP } normalisation;

static const double means[][3] = {
    [IMAGENET] = {0.485, 0.456, 0.406},
    [HALF] = {0.5, 0.5, 0.5},
    [CLIP] = {0.48145466, 0.4578275, 0.40821073},
};
static const double deviations[][3] = {
    [IMAGENET] = {0.229, 0.224, 0.225},
    [HALF] = {0.5, 0.5, 0.5},
    [CLIP] = {0.26862954, 0.26130258, 0.27577711},
};

/* Each fact is taken from the first row that fits and has it. 0, NULL: any, or unknown. */
static const struct {
    const char *family, *file;
    int width, depth;
    int heads;
    double norm_eps;
    normalisation normalisation;
} known[] = {
    {.family = "MoCo v3", .width = 384, .heads = 12},
    {.width = 768, .depth = 8, .heads = 8},    /* timm's first vit_small */
    {.width = 1152, .depth = 27, .heads = 16}, /* so400m */
    {.width = 1280, .depth = 32, .heads = 16}, /* huge */
    {.width = 1408, .heads = 16},              /* giant, but DINOv2's, which is wider */
    {.width = 1664, .heads = 16},              /* gigantic */
    {.file = "*augreg*", .normalisation = HALF},
    {.file = "*jx_vit*", .normalisation = HALF},
    {.file = "*siglip*", .normalisation = HALF},
    {.family = "BEiT or data2vec", .normalisation = HALF},
    {.family = "CLIP", .norm_eps = 1e-5, .normalisation = CLIP},
    {.family = "Hugging Face ViT", .norm_eps = 1e-12, .normalisation = HALF},
    {.family = "Hugging Face BEiT", .norm_eps = 1e-12, .normalisation = HALF},
    {.family = "Hugging Face ViTMAE", .norm_eps = 1e-12},
    {.family = "Hugging Face DeiT", .norm_eps = 1e-12},
    {.norm_eps = 1e-6},
};

static bool fits(size_t row, const tec_import *import)
{
    const tec_import_facts *f = &import->facts;
    return (!known[row].family || strcmp(known[row].family, f->family) == 0) &&
           (!known[row].file || tec_import_matches(known[row].file, end_of_path(import->path))) &&
           (!known[row].width || known[row].width == f->config.width) &&
           (!known[row].depth || known[row].depth == f->config.depth);
}

static void consult_table(const tec_import *import, import_sidecar *said)
{
    /* Unless the table says otherwise, every model of a known family was trained with ImageNet's normalisation. */
    normalisation n = strcmp(import->facts.family, "timm ViT") == 0 ? UNKNOWN : IMAGENET;
    const char *from = "known of this family";
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!fits(i, import))
            continue;
        if (!said->heads && known[i].heads) {
            said->heads = known[i].heads;
            said->heads_from = "known of this model";
        }
        if (!(said->norm_eps > 0) && known[i].norm_eps > 0) {
            said->norm_eps = known[i].norm_eps;
            said->norm_eps_from = known[i].family ? "known of this family" : "as usual";
        }
        if (!found && known[i].normalisation != UNKNOWN) {
            n = known[i].normalisation;
            found = true;
            from = known[i].file ? "known of this model" : from;
        }
    }
    if (said->normalised || n == UNKNOWN || import->own || import->facts.config.channels != 3)
        return;
    said->normalised = true;
    memcpy(said->mean, means[n], sizeof said->mean);
    memcpy(said->std, deviations[n], sizeof said->std);
    said->mean_from = from;
}

/* -- together -- */

static void take_options(const tec_import_options *options, import_sidecar *said)
{
    if (options->heads) {
        said->heads = options->heads;
        said->heads_from = "base.heads";
    }
    if (options->norm_eps > 0) {
        said->norm_eps = options->norm_eps;
        said->norm_eps_from = "base.norm_eps";
    }
    if (options->std[0] > 0) {
        said->normalised = true;
        said->mean_from = "base.mean, base.std";
        memcpy(said->mean, options->mean, sizeof said->mean);
        memcpy(said->std, options->std, sizeof said->std);
    }
}

static tec_status choose_heads(tec_import *import, const import_sidecar *said)
{
    enum { USUAL = 64 };
    tec_import_facts *f = &import->facts;
    f->config.heads = said->heads;
    f->heads_from = said->heads_from;
    if (!said->heads && f->config.width % USUAL == 0) {
        f->config.heads = f->config.width / USUAL;
        f->heads_from = "width / 64";
    }
    if (f->config.heads == 0)
        return tec_fail(
            TEC_USER_ERROR,
            "%s: no tensor says how many attention heads there are, and the width %d is not a multiple of 64: "
            "give base.heads",
            import->path, f->config.width);
    if (f->config.width % f->config.heads)
        return tec_fail(TEC_USER_ERROR, "%s: %d attention heads (%s) do not divide the width %d: give base.heads",
                        import->path, f->config.heads, f->heads_from, f->config.width);
    return TEC_OK;
}

tec_status tec_import_gather_facts(tec_import *import, const tec_import_options *options)
{
    tec_import_facts *f = &import->facts;
    import_sidecar said = {0};
    snprintf(f->family, sizeof f->family, "%s", import->own ? "ViT of tec" : family_of(import));
    TEC_TRY(tec_import_read_sidecar(import, options, &said));
    take_options(options, &said);
    consult_table(import, &said);
    TEC_TRY(choose_heads(import, &said));
    f->config.variant.norm_eps = said.norm_eps;
    f->norm_eps_from = said.norm_eps_from;
    f->normalised = said.normalised;
    f->mean_from = said.mean_from;
    memcpy(f->mean, said.mean, sizeof f->mean);
    memcpy(f->std, said.std, sizeof f->std);
    return TEC_OK;
}
