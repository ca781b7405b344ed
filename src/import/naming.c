/* The naming schemes of other projects as tables, and translating names by them. */
#include "naming.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const name_rule timm[] = {
    {"cls_token", "cls_token", 0, 0},
    {"dist_token", "dist_token", 0, 0},
    {"reg_token", "reg_token", 0, 0},
    {"register_tokens", "reg_token", 0, 0},
    {"storage_tokens", "reg_token", 0, 0},
    {"rope.periods", "rope.periods", 0, 0},
    {"rope_embed.periods", "rope.periods", 0, 0},
    {"rope.freqs", "rope.freqs", 0, 0},
    {"freqs", "rope.freqs", 0, 0}, /* RoPE-ViT's own */
    {"rope.freqs_cos", "rope.cos", 0, 0},
    {"rope.freqs_sin", "rope.sin", 0, 0},
    {"blocks.#.attn.rope.freqs_cos", "blocks.#.rope.cos", 0, 0},
    {"blocks.#.attn.rope.freqs_sin", "blocks.#.rope.sin", 0, 0},
    {"pos_embed", "pos_embed", 0, 0},
    {"patch_embed.proj.*", "patch_embed.proj.*", 0, 0},
    {"norm_pre.*", "norm_pre.*", 0, 0},
    {"blocks.#.norm1.*", "blocks.#.norm1.*", 0, 0},
    {"blocks.#.attn.qkv.*", "blocks.#.attn.qkv.*", 0, 0},
    {"blocks.#.attn.qkv.bias_mask", "blocks.#.attn.qkv.bias_mask", 0, 0},
    {"blocks.#.attn.q_proj.*", "blocks.#.attn.qkv.*", 0, 3},
    {"blocks.#.attn.k_proj.*", "blocks.#.attn.qkv.*", 1, 3},
    {"blocks.#.attn.v_proj.*", "blocks.#.attn.qkv.*", 2, 3},
    {"blocks.#.attn.q_bias", "blocks.#.attn.qkv.bias", 0, 3},
    {"blocks.#.attn.k_bias", "blocks.#.attn.qkv.bias", 1, 3},
    {"blocks.#.attn.v_bias", "blocks.#.attn.qkv.bias", 2, 3},
    {"blocks.#.attn.relative_position_bias_table", "blocks.#.attn.relative_position_bias_table", 0, 0},
    {"rel_pos_bias.relative_position_bias_table", SHARED_BIAS, 0, 0},
    {"blocks.#.attn.norm.*", "blocks.#.attn.norm.*", 0, 0},
    {"blocks.#.attn.inner_attn_ln.*", "blocks.#.attn.norm.*", 0, 0},
    {"blocks.#.attn.proj.*", "blocks.#.attn.proj.*", 0, 0},
    {"blocks.#.ls1.gamma", "blocks.#.ls1", 0, 0},
    {"blocks.#.gamma_1", "blocks.#.ls1", 0, 0},
    {"blocks.#.norm2.*", "blocks.#.norm2.*", 0, 0},
    {"blocks.#.mlp.fc1.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"blocks.#.mlp.w12.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"blocks.#.mlp.fc1_g.*", "blocks.#.mlp.fc1.*", 0, 2},
    {"blocks.#.mlp.fc1_x.*", "blocks.#.mlp.fc1.*", 1, 2},
    {"blocks.#.mlp.w1.*", "blocks.#.mlp.fc1.*", 0, 2},
    {"blocks.#.mlp.w2.*", "blocks.#.mlp.fc1.*", 1, 2},
    {"blocks.#.mlp.norm.*", "blocks.#.mlp.norm.*", 0, 0},
    {"blocks.#.mlp.ffn_ln.*", "blocks.#.mlp.norm.*", 0, 0},
    {"blocks.#.mlp.fc2.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"blocks.#.mlp.w3.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"blocks.#.ls2.gamma", "blocks.#.ls2", 0, 0},
    {"blocks.#.gamma_2", "blocks.#.ls2", 0, 0},
    {"norm.*", "norm.*", 0, 0},
    {"fc_norm.*", "fc_norm.*", 0, 0},
    {"cls_token_mlp.fc1.*", "cls_token_mlp.fc1.*", 0, 0},
    {"cls_token_mlp.fc2.*", "cls_token_mlp.fc2.*", 0, 0},
    /* parallel blocks */
    {"blocks.#.in_norm.*", "blocks.#.norm1.*", 0, 0},
    {"blocks.#.in_proj.*", "blocks.#." IN_PROJ ".*", 0, 0},
    {"blocks.#.mlp_bias", "blocks.#.mlp.fc1.bias", 0, 0},
    {"blocks.#.attn_out_proj.*", "blocks.#.attn.proj.*", 0, 0},
    {"blocks.#.mlp_out_proj.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"blocks.#.ls.gamma", "blocks.#.ls", 0, 0},
    /* blocks on nn.MultiheadAttention, and those of nn.TransformerEncoder */
    {"blocks.#.attn.in_proj_weight", "blocks.#.attn.qkv.weight", 0, 0},
    {"blocks.#.attn.in_proj_bias", "blocks.#.attn.qkv.bias", 0, 0},
    {"blocks.#.attn.out_proj.*", "blocks.#.attn.proj.*", 0, 0},
    {"encoder.layers.#.norm1.*", "blocks.#.norm1.*", 0, 0},
    {"encoder.layers.#.self_attn.in_proj_weight", "blocks.#.attn.qkv.weight", 0, 0},
    {"encoder.layers.#.self_attn.in_proj_bias", "blocks.#.attn.qkv.bias", 0, 0},
    {"encoder.layers.#.self_attn.out_proj.*", "blocks.#.attn.proj.*", 0, 0},
    {"encoder.layers.#.norm2.*", "blocks.#.norm2.*", 0, 0},
    {"encoder.layers.#.linear1.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"encoder.layers.#.linear2.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"encoder.norm.*", "norm.*", 0, 0},
    {0}};

static const name_rule hugging_face[] = {
    {"embeddings.cls_token", "cls_token", 0, 0},
    {"embeddings.distillation_token", "dist_token", 0, 0},
    {"embeddings.register_tokens", "reg_token", 0, 0},
    {"embeddings.position_embeddings", "pos_embed", 0, 0},
    {"embeddings.patch_embeddings.projection.*", "patch_embed.proj.*", 0, 0},
    {"encoder.layer.#.layernorm_before.*", "blocks.#.norm1.*", 0, 0},
    {"encoder.layer.#.norm1.*", "blocks.#.norm1.*", 0, 0},
    {"encoder.layer.#.attention.attention.query.*", "blocks.#.attn.qkv.*", 0, 3},
    {"encoder.layer.#.attention.attention.key.*", "blocks.#.attn.qkv.*", 1, 3},
    {"encoder.layer.#.attention.attention.value.*", "blocks.#.attn.qkv.*", 2, 3},
    {"encoder.layer.#.attention.attention.relative_position_bias.relative_position_bias_table",
     "blocks.#.attn.relative_position_bias_table", 0, 0},
    {"encoder.relative_position_bias.relative_position_bias_table", SHARED_BIAS, 0, 0},
    {"encoder.layer.#.attention.output.dense.*", "blocks.#.attn.proj.*", 0, 0},
    {"encoder.layer.#.layer_scale1.lambda1", "blocks.#.ls1", 0, 0},
    {"encoder.layer.#.lambda_1", "blocks.#.ls1", 0, 0},
    {"encoder.layer.#.layernorm_after.*", "blocks.#.norm2.*", 0, 0},
    {"encoder.layer.#.norm2.*", "blocks.#.norm2.*", 0, 0},
    {"encoder.layer.#.intermediate.dense.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"encoder.layer.#.mlp.fc1.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"encoder.layer.#.mlp.weights_in.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"encoder.layer.#.output.dense.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"encoder.layer.#.mlp.fc2.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"encoder.layer.#.mlp.weights_out.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"encoder.layer.#.layer_scale2.lambda1", "blocks.#.ls2", 0, 0},
    {"encoder.layer.#.lambda_2", "blocks.#.ls2", 0, 0},
    {"layernorm.*", "norm.*", 0, 0},
    {"pooler.layernorm.*", "fc_norm.*", 0, 0},
    {0}};

static const name_rule torchvision[] = {
    {"class_token", "cls_token", 0, 0},
    {"encoder.pos_embedding", "pos_embed", 0, 0},
    {"conv_proj.*", "patch_embed.proj.*", 0, 0},
    {"encoder.layers.encoder_layer_#.ln_1.*", "blocks.#.norm1.*", 0, 0},
    {"encoder.layers.encoder_layer_#.self_attention.in_proj_weight", "blocks.#.attn.qkv.weight", 0, 0},
    {"encoder.layers.encoder_layer_#.self_attention.in_proj_bias", "blocks.#.attn.qkv.bias", 0, 0},
    {"encoder.layers.encoder_layer_#.self_attention.out_proj.*", "blocks.#.attn.proj.*", 0, 0},
    {"encoder.layers.encoder_layer_#.ln_2.*", "blocks.#.norm2.*", 0, 0},
    {"encoder.layers.encoder_layer_#.mlp.linear_1.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"encoder.layers.encoder_layer_#.mlp.0.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"encoder.layers.encoder_layer_#.mlp.linear_2.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"encoder.layers.encoder_layer_#.mlp.3.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"encoder.ln.*", "norm.*", 0, 0},
    {0}};

/* The up_proj of an MLP without a gate is all of it (select.c). */
static const name_rule hugging_face_dinov3[] = {
    {"embeddings.cls_token", "cls_token", 0, 0},
    {"embeddings.register_tokens", "reg_token", 0, 0},
    {"embeddings.patch_embeddings.*", "patch_embed.proj.*", 0, 0},
    {"layer.#.norm1.*", "blocks.#.norm1.*", 0, 0},
    {"layer.#.attention.q_proj.*", "blocks.#.attn.qkv.*", 0, 3},
    {"layer.#.attention.k_proj.*", "blocks.#.attn.qkv.*", 1, 3},
    {"layer.#.attention.v_proj.*", "blocks.#.attn.qkv.*", 2, 3},
    {"layer.#.attention.o_proj.*", "blocks.#.attn.proj.*", 0, 0},
    {"layer.#.layer_scale1.lambda1", "blocks.#.ls1", 0, 0},
    {"layer.#.norm2.*", "blocks.#.norm2.*", 0, 0},
    {"layer.#.mlp.gate_proj.*", "blocks.#.mlp.fc1.*", 0, 2},
    {"layer.#.mlp.up_proj.*", "blocks.#.mlp.fc1.*", 1, 2},
    {"layer.#.mlp.down_proj.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"layer.#.layer_scale2.lambda1", "blocks.#.ls2", 0, 0},
    {"norm.*", "norm.*", 0, 0},
    {0}};

/* CLIP's and SigLIP's vision towers. */
static const name_rule hugging_face_towers[] = {
    {"embeddings.class_embedding", "cls_token", 0, 0},
    {"embeddings.position_embedding.weight", "pos_embed", 0, 0},
    {"embeddings.patch_embedding.*", "patch_embed.proj.*", 0, 0},
    {"pre_layrnorm.*", "norm_pre.*", 0, 0},
    {"encoder.layers.#.layer_norm1.*", "blocks.#.norm1.*", 0, 0},
    {"encoder.layers.#.self_attn.q_proj.*", "blocks.#.attn.qkv.*", 0, 3},
    {"encoder.layers.#.self_attn.k_proj.*", "blocks.#.attn.qkv.*", 1, 3},
    {"encoder.layers.#.self_attn.v_proj.*", "blocks.#.attn.qkv.*", 2, 3},
    {"encoder.layers.#.self_attn.out_proj.*", "blocks.#.attn.proj.*", 0, 0},
    {"encoder.layers.#.layer_norm2.*", "blocks.#.norm2.*", 0, 0},
    {"encoder.layers.#.mlp.fc1.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"encoder.layers.#.mlp.fc2.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"post_layernorm.*", "norm.*", 0, 0},
    {0}};

/* OpenAI's and OpenCLIP's, on nn.MultiheadAttention. */
static const name_rule open_clip[] = {
    {"class_embedding", "cls_token", 0, 0},
    {"positional_embedding", "pos_embed", 0, 0},
    {"conv1.*", "patch_embed.proj.*", 0, 0},
    {"ln_pre.*", "norm_pre.*", 0, 0},
    {"transformer.resblocks.#.ln_1.*", "blocks.#.norm1.*", 0, 0},
    {"transformer.resblocks.#.attn.in_proj_weight", "blocks.#.attn.qkv.weight", 0, 0},
    {"transformer.resblocks.#.attn.in_proj_bias", "blocks.#.attn.qkv.bias", 0, 0},
    {"transformer.resblocks.#.attn.out_proj.*", "blocks.#.attn.proj.*", 0, 0},
    {"transformer.resblocks.#.ls_1.gamma", "blocks.#.ls1", 0, 0},
    {"transformer.resblocks.#.ln_2.*", "blocks.#.norm2.*", 0, 0},
    {"transformer.resblocks.#.mlp.c_fc.*", "blocks.#.mlp.fc1.*", 0, 0},
    {"transformer.resblocks.#.mlp.c_proj.*", "blocks.#.mlp.fc2.*", 0, 0},
    {"transformer.resblocks.#.ls_2.gamma", "blocks.#.ls2", 0, 0},
    {"ln_post.*", "norm.*", 0, 0},
    {0}};

/* Google's, of JAX; a slash in their names is a dot here. */
static const name_rule google[] = {
    {"cls", "cls_token", 0, 0},
    {"Transformer.posembed_input.pos_embedding", "pos_embed", 0, 0},
    {"embedding.kernel", "patch_embed.proj.weight", 0, 0},
    {"embedding.bias", "patch_embed.proj.bias", 0, 0},
    {"Transformer.encoderblock_#.LayerNorm_0.scale", "blocks.#.norm1.weight", 0, 0},
    {"Transformer.encoderblock_#.LayerNorm_0.bias", "blocks.#.norm1.bias", 0, 0},
    {"Transformer.encoderblock_#.MultiHeadDotProductAttention_1.query.kernel", "blocks.#.attn.qkv.weight", 0, 3},
    {"Transformer.encoderblock_#.MultiHeadDotProductAttention_1.key.kernel", "blocks.#.attn.qkv.weight", 1, 3},
    {"Transformer.encoderblock_#.MultiHeadDotProductAttention_1.value.kernel", "blocks.#.attn.qkv.weight", 2, 3},
    {"Transformer.encoderblock_#.MultiHeadDotProductAttention_1.query.bias", "blocks.#.attn.qkv.bias", 0, 3},
    {"Transformer.encoderblock_#.MultiHeadDotProductAttention_1.key.bias", "blocks.#.attn.qkv.bias", 1, 3},
    {"Transformer.encoderblock_#.MultiHeadDotProductAttention_1.value.bias", "blocks.#.attn.qkv.bias", 2, 3},
    {"Transformer.encoderblock_#.MultiHeadDotProductAttention_1.out.kernel", "blocks.#.attn.proj.weight", 0, 0},
    {"Transformer.encoderblock_#.MultiHeadDotProductAttention_1.out.bias", "blocks.#.attn.proj.bias", 0, 0},
    {"Transformer.encoderblock_#.LayerNorm_2.scale", "blocks.#.norm2.weight", 0, 0},
    {"Transformer.encoderblock_#.LayerNorm_2.bias", "blocks.#.norm2.bias", 0, 0},
    {"Transformer.encoderblock_#.MlpBlock_3.Dense_0.kernel", "blocks.#.mlp.fc1.weight", 0, 0},
    {"Transformer.encoderblock_#.MlpBlock_3.Dense_0.bias", "blocks.#.mlp.fc1.bias", 0, 0},
    {"Transformer.encoderblock_#.MlpBlock_3.Dense_1.kernel", "blocks.#.mlp.fc2.weight", 0, 0},
    {"Transformer.encoderblock_#.MlpBlock_3.Dense_1.bias", "blocks.#.mlp.fc2.bias", 0, 0},
    {"Transformer.encoder_norm.scale", "norm.weight", 0, 0},
    {"Transformer.encoder_norm.bias", "norm.bias", 0, 0},
    {0}};

const naming tec_import_namings[] = {
    {.name = "timm", .anchor = "patch_embed.proj.weight", .rule = timm, .pooling = "attn_pool.*"},
    {.name = "Hugging Face", .anchor = "embeddings.patch_embeddings.projection.weight", .rule = hugging_face},
    {.name = "torchvision", .anchor = "conv_proj.weight", .rule = torchvision},
    {.name = "Hugging Face towers", .anchor = "embeddings.patch_embedding.weight", .rule = hugging_face_towers,
     .pooling = "head.*"},
    {.name = "OpenCLIP", .anchor = "ln_pre.weight", .rule = open_clip, /* ResNets have a conv1.weight, too */
     .pooling = "attn_pool.[plam]*"}, /* a Perception Encoder's; CoCa's, which has a `query` and norms behind it, is refused */
    {.name = "Google", .anchor = "embedding.kernel", .rule = google, .kernels = true},
    {.name = "Hugging Face DINOv3", .anchor = "embeddings.patch_embeddings.weight", .rule = hugging_face_dinov3},
    {0}};

const char *const tec_import_unused[] = {
    /* classifiers and what leads to them */
    "head.*", "heads.*", "head_dist.*", "fc.*", "pre_logits.*", "classifier.*", "cls_classifier.*",
    "distillation_classifier.*", "pooler.*", "lm_head.*",
    /* heads of self-supervised training */
    "dino_head.*", "ibot_head.*", "predictor.*", "projector.*", "projection_head.*", "prototypes.*", "proj",
    /* the places of the patches, of RoPE-ViT's own files */
    "freqs_t_[xy]",
    /* masking and decoders of masked autoencoders and of TEC */
    "local_cls_norm.*", "mask_token", "masked_embed", "embeddings.mask_token", "decoder.*", "decoder_*", "encoder_adaptor.*",
    "forward_fea_decoder.*", "forward_att_decoder.*",
    /* those of further base models */
    "base2.encoder_adaptor.*", "base2.forward_*", "base2.decoder_*", "base3.encoder_adaptor.*", "base3.forward_*",
    "base3.decoder_*", "base4.encoder_adaptor.*", "base4.forward_*", "base4.decoder_*", NULL};

const char *const tec_import_unused_beside[] = {
    "optim*", "opt.*", "lr_scheduler*", "scheduler*", "*scaler*", "amp*", "criterion*", "*loss*", "queue*", "center",
    "args*", "momentum_encoder.*", "predictor_momentum.*", NULL};

const char *const tec_import_text[] = {
    "text.*", "text_*", "*language_model.*", "lm_head.*", "token_embedding.*", "*embed_tokens.*", "*word_embeddings.*",
    "transformer.resblocks.*", "positional_embedding", "ln_final.*", "logit_scale", "logit_bias", NULL};

const unsupported tec_import_unsupported[] = {
    {"*relative_position_bias_table", "a relative position bias"},
    {"*rel_pos_bias*", "a relative position bias"},
    {"*rel_pos.mlp.*", "a relative position bias"},
    {"*rel_pos_h", "relative positions (SAM)"},
    {"*rope.*", "rotary positions"},
    {"*rope_*", "rotary positions"},
    {"*rotary*", "rotary positions"},
    {"*freqs_cis*", "rotary positions"},
    {"*inv_freq", "rotary positions"},
    {"*blocks.*.attns.*", "several branches side by side (parallel blocks)"},
    {"*lambda_q1", "differential attention"},
    {"*q_norm.*", "normalised queries and keys"},
    {"*k_norm.*", "normalised queries and keys"},
    {"*attn.norm.*", "a norm inside the attention"},
    {"*inner_attn_ln.*", "a norm inside the attention"},
    {"*mlp.norm.*", "a norm inside the MLP"},
    {"*ffn_ln.*", "a norm inside the MLP"},
    {"*attn_pool.*", "attention pooling"},
    {"*embeds.proj.*", "positions for images of any shape (NaFlex)"},
    {"*patch_embed.norm.*", "a norm of its patches (AIMv2)"},
    {"*patchifier.*", "RMS norms, one of them of its patches (AIMv2)"},
    {"*rms_norm[12].*", "RMS norms (AIMv2)"},
    {"*patch_embed.backbone.*", "a convolutional backbone (a hybrid)"},
    {"*patch_embed.proj.0.*", "a convolutional stem"},
    {"*patch_embed.stem*", "a convolutional stem"},
    {"*patch_embed.conv*", "a convolutional stem"},
    {"*conv_stem*", "a convolutional stem"},
    {"*conv_root.*", "a convolutional backbone (a hybrid)"},
    {"*modality_encoders.*", "norms behind the branches of its blocks (data2vec 2.0)"},
    {"*downsample.*", "a hierarchy of resolutions (as Swin)"},
    {"*text_model.*", "a text tower"},
    {"*token_embedding*", "a text tower"},
    {"*embed_tokens.*", "a language model"},
    {"*word_embeddings*", "a language model"},
    {0}};
/* clang-format on */

/* The last of one or two numbers, 12 of "12." and 5 of "0.5."; returns what follows. NULL: there is no number. */
static const char *block_number(const char *text, int *number)
{
    enum { DIGITS = 6 };
    for (int i = 0; i < 2; i++) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > DIGITS)
            return i ? text - 1 : NULL;
        *number = atoi(text);
        text += digits;
        if (*text != '.')
            break;
        text++;
        if (i == 1 || !isdigit((unsigned char)*text))
            return text - 1;
    }
    return text;
}

static const char *const suffixes[] = {"weight", "bias"};

/* Does the name match, and what do `#` and `*` stand for in it? */
static bool fits(const char *pattern, const char *name, int *number, const char **suffix)
{
    for (; *pattern && *pattern != '*'; pattern++) {
        if (*pattern == '#') {
            name = block_number(name, number);
            if (!name)
                return false;
        } else if (*pattern != *name++) {
            return false;
        }
    }
    if (!*pattern)
        return !*name;
    for (int i = 0; i < 2; i++)
        if (strcmp(name, suffixes[i]) == 0) {
            *suffix = suffixes[i];
            return true;
        }
    return false;
}

/* The pattern with `#` and `*` replaced. */
static void fill_in(const char *pattern, int number, const char *suffix, char *out, size_t size)
{
    size_t used = 0;
    for (; *pattern && used < size; pattern++)
        if (*pattern == '#')
            used += (size_t)snprintf(out + used, size - used, "%d", number);
        else if (*pattern == '*')
            used += (size_t)snprintf(out + used, size - used, "%s", suffix);
        else
            used += (size_t)snprintf(out + used, size - used, "%c", *pattern);
}

bool tec_import_translate(const naming *scheme, const char *theirs, char ours[OUR_NAME], int *part, int *parts)
{
    for (const name_rule *r = scheme->rule; r->theirs; r++) {
        int number = 0;
        const char *suffix = "";
        if (!fits(r->theirs, theirs, &number, &suffix))
            continue;
        fill_in(r->ours, number, suffix, ours, OUR_NAME);
        *part = r->part;
        *parts = r->parts ? r->parts : 1;
        return true;
    }
    return false;
}

int tec_import_translate_back(const naming *scheme, const char *ours, int part, char theirs[THEIR_NAME])
{
    int parts = 0;
    for (const name_rule *r = scheme->rule; r->theirs; r++) {
        int number = 0;
        const char *suffix = "";
        if ((parts && r->parts != parts) || !fits(r->ours, ours, &number, &suffix))
            continue;
        parts = r->parts ? r->parts : 1;
        if (r->part == part)
            fill_in(r->theirs, number, suffix, theirs, THEIR_NAME);
        if (parts == 1)
            break;
    }
    return parts;
}

bool tec_import_matches(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, FNM_CASEFOLD) == 0;
}

bool tec_import_matches_any(const char *const *pattern, const char *name, bool anywhere)
{
    for (; *pattern; pattern++) {
        const char *from = name;
        do {
            if (tec_import_matches(*pattern, from))
                return true;
            from = strchr(from, '.');
        } while (anywhere && from && *++from);
    }
    return false;
}
