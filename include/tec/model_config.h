/* Module model, public. The architecture of a model: everything that determines the shapes of its tensors and what is
 * computed with them. Local. */
#ifndef TEC_MODEL_CONFIG_H
#define TEC_MODEL_CONFIG_H

#include "tec/error.h"
#include "tec/size.h"

#include <stdbool.h>

enum { TEC_MAX_BASES = 4, TEC_MAX_LOSSES = 2 * TEC_MAX_BASES }; /* base models of one new model; two losses each */

typedef enum tec_model_kind {
    TEC_MODEL_VIT,       /* a plain encoder (a base model) */
    TEC_MODEL_MAE,       /* encoder and pixel decoder */
    TEC_MODEL_TEC,       /* encoder, adaptors and two conditional decoders */
    TEC_MODEL_CLASSIFIER /* encoder and a linear head for classes, which sees all patches */
} tec_model_kind;

/* The nonlinearity of the MLPs; the approximations are those of tec/ops.h. */
typedef enum tec_activation { TEC_ACTIVATION_GELU, TEC_ACTIVATION_GELU_TANH, TEC_ACTIVATION_QUICK_GELU } tec_activation;
#define TEC_ACTIVATION_WORDS "gelu|gelu_tanh|quick_gelu" /* in the order of tec_activation */
const char *tec_activation_name(tec_activation activation);

/* Rotary positions: queries and keys of the patches are turned by angles of 2 pi * place / period, half of the planes of
 * a head by the patch's row, the others by its column. */
typedef enum tec_rotary_form {
    TEC_ROTARY_NONE,
    TEC_ROTARY_HALVES, /* DINOv3: planes are columns j and j + half; places are those of the patches' centres in an image
                        * from -1 to 1 */
    TEC_ROTARY_PAIRS, /* EVA-02: planes are neighbouring columns; places are counted in patches of a grid of rotary_grid
                        * a side, to which every other is scaled (0: in those of the image itself) */
    TEC_ROTARY_COLUMNS, /* Perception Encoder, RoPE-ViT: the same, but the first half of the planes by the column, and
                         * places are counted from rotary_first */
    TEC_ROTARY_MIXED    /* RoPE-ViT, mixed: planes are neighbouring columns, each turned by row and column at once, at
                      * frequencies that every head of every block has learnt; places are counted in patches of the image */
} tec_rotary_form;

/* What a transformer block computes of x. */
typedef enum tec_block_form {
    TEC_BLOCK_PRE_NORM,  /* x + attention(norm1(x)), then + mlp(norm2(.)) */
    TEC_BLOCK_POST_NORM, /* x + norm1(attention(x)), then + norm2(mlp(.)): timm's res-post-norm (Swin v2, arXiv
                          * 2111.09883) */
    TEC_BLOCK_PARALLEL   /* x + attention(norm1(x)) + mlp(norm1(x)) (ViT-22B, arXiv 2302.05442) */
} tec_block_form;

/* "norms behind their branches (post-norm)" */
const char *tec_block_form_words(tec_block_form form);

/* How a ViT from elsewhere differs from ours; all zeros is our own ViT. Variants are base models (tec_frozen), and can be
 * trained as classifiers. LayerScale is missing here because it is folded into attn.proj and mlp.fc2 when a file is read. */
typedef struct tec_vit_variant {
    bool no_class_token;
    bool distillation_token; /* DeiT's, behind the class token */
    int registers;           /* further tokens behind those (DINOv2) */
    int unplaced;            /* how many of the tokens before the patches, counted from the last, have no position */
    bool pre_norm;           /* norm_pre, before the first block (CLIP) */
    bool fc_norm;            /* no final norm of the tokens, but one after pooling; a classifier with it pools the
                              * patches, one without it takes the class token */
    bool no_norm;            /* neither of these: tokens are what the last block gives; no classifier */
    bool swiglu;             /* MLPs are fc2(silu(a) * b), (a, b) = the two halves of fc1, which has 2 * hidden rows */
    tec_activation activation; /* of MLPs without SwiGLU */
    double norm_eps;           /* 0: 1e-6 */
    bool no_pos_embed;         /* no position is added to any token */
    bool attn_norm, mlp_norm;  /* a norm before attn.proj, before mlp.fc2 */
    bool relative_bias;        /* each block adds one to its logits, by how two patches lie to each other (BEiT) */
    tec_block_form block;      /* of another form than PRE_NORM: no classifier */
    tec_rotary_form rotary;
    double rotary_base; /* but of MIXED: the longest period is nearly this times the shortest */
    int rotary_grid;    /* PAIRS, COLUMNS */
    int rotary_first;   /* COLUMNS: 0, or 1 where the class token, which is not turned, has place 0 */
} tec_vit_variant;

/* A base model, as one that learns from it sees it. */
typedef struct tec_base_shape {
    int width, heads;
} tec_base_shape;

typedef struct tec_model_config {
    tec_model_kind kind;
    tec_size image_size;
    int patch, channels;
    int width, depth, heads;
    double mlp_ratio;
    int decoder_width, decoder_depth, decoder_heads; /* MAE and TEC */
    bool norm_pix;                                   /* MAE: standardise the pixels of each patch */
    int groups;                                      /* TEC: groups of blocks fused by the encoder adaptor; 0: neither
                                                      * it nor the class token's MLP (the paper's ablation) */
    int base_width, base_heads;                      /* TEC: of the model whose targets are predicted */
    tec_base_shape more_base[TEC_MAX_BASES - 1];     /* TEC: of further ones, each of which has an encoder adaptor and
                                                      * decoders of its own; width 0: there are no more */
    double attention_tau;                            /* TEC: temperature of the attention targets' softmax */
    bool predict_attention;                          /* TEC: false leaves the attention decoder out */
    int classes;                                     /* CLASSIFIER */
    tec_vit_variant variant;
} tec_model_config;

/* Rows and columns of patches. */
static inline tec_size tec_model_grid(const tec_model_config *config)
{
    return (tec_size){config->image_size.height / config->patch, config->image_size.width / config->patch};
}

/* L, all of them */
static inline int tec_model_patches(const tec_model_config *config)
{
    return tec_model_grid(config).height * tec_model_grid(config).width;
}

/* Numbers of an image: c * H * W. */
static inline size_t tec_model_pixels(const tec_model_config *config)
{
    return (size_t)config->channels * tec_size_area(config->image_size);
}

/* Tokens before the patches: class token, distillation token, registers. */
static inline int tec_model_prefix(const tec_model_config *config)
{
    const tec_vit_variant *v = &config->variant;
    return !v->no_class_token + v->distillation_token + v->registers;
}

/* TEC: how many base models it learns from. */
static inline int tec_model_bases(const tec_model_config *config)
{
    int bases = 1;
    while (bases < TEC_MAX_BASES && config->more_base[bases - 1].width)
        bases++;
    return bases;
}

static inline tec_base_shape tec_model_base(const tec_model_config *config, int base)
{
    return base == 0 ? (tec_base_shape){config->base_width, config->base_heads} : config->more_base[base - 1];
}

/* Does it have TEC's input and encoder adaptors? */
static inline bool tec_model_has_adaptors(const tec_model_config *config)
{
    return config->kind == TEC_MODEL_TEC && config->groups > 0;
}

/* Hidden width of an MLP: truncated, as timm does, unless only the rounding of a ratio such as 4304 / 1152 keeps it from
 * being whole. */
static inline int tec_mlp_hidden(int width, double mlp_ratio)
{
    return (int)(width * mlp_ratio + 1e-3);
}

/* That of the encoder's MLPs. */
static inline int tec_model_hidden(const tec_model_config *config)
{
    return tec_mlp_hidden(config->width, config->mlp_ratio);
}

/* Checks ranges and divisibility. TEC_USER_ERROR names the member at fault and what would be right. */
tec_status tec_model_config_check(const tec_model_config *config);

/* The first thing in which two architectures differ, in words ("the patch size"), or NULL. */
const char *tec_model_config_difference(const tec_model_config *a, const tec_model_config *b);

#endif
