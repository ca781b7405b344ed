/* Which architectures are possible, and where two of them differ. */
#include "tec/model_config.h"

#include <stddef.h>

const char *tec_activation_name(tec_activation activation)
{
    static const char *const name[] = {"gelu", "gelu_tanh", "quick_gelu"};
    return name[activation];
}

const char *tec_block_form_words(tec_block_form form)
{
    static const char *const words[] = {"norms before their branches", "norms behind their branches (post-norm)",
                                        "attention and MLP side by side (parallel)"};
    return words[form];
}

static tec_status divides(const char *part_name, int part, const char *whole_name, int whole)
{
    if (part <= 0 || whole <= 0)
        return tec_fail(TEC_USER_ERROR, "model: %s (%d) and %s (%d) must be positive", part_name, part, whole_name,
                        whole);
    if (whole % part)
        return tec_fail(TEC_USER_ERROR, "model: %s (%d) must divide %s (%d)", part_name, part, whole_name, whole);
    return TEC_OK;
}

static tec_status check_decoder(const tec_model_config *c)
{
    if (c->decoder_depth < 1)
        return tec_fail(TEC_USER_ERROR, "model: decoder_depth is %d; it must be at least 1", c->decoder_depth);
    TEC_TRY(divides("decoder_heads", c->decoder_heads, "decoder_width", c->decoder_width));
    TEC_TRY(divides("4 (sin-cos positions)", 4, "decoder_width", c->decoder_width));
    if (c->kind == TEC_MODEL_MAE && c->norm_pix && c->patch * c->patch * c->channels < 2)
        return tec_fail(TEC_USER_ERROR,
                        "model: norm_pix needs patches of at least two values; patch is %d, channels %d", c->patch,
                        c->channels);
    if (c->kind != TEC_MODEL_TEC)
        return TEC_OK;
    if (c->groups != 0)
        TEC_TRY(divides("adaptor_groups", c->groups, "depth", c->depth));
    TEC_TRY(divides("the base model's heads", c->base_heads, "the base model's width", c->base_width));
    for (int i = 1; i < tec_model_bases(c); i++)
        TEC_TRY(divides("a base model's heads", tec_model_base(c, i).heads, "that base model's width",
                        tec_model_base(c, i).width));
    if (!(c->attention_tau > 0))
        return tec_fail(TEC_USER_ERROR, "model: attention_tau is %g; it must be positive", c->attention_tau);
    return TEC_OK;
}

static tec_status check_rotary(const tec_model_config *c)
{
    const tec_vit_variant *v = &c->variant;
    if (v->rotary < TEC_ROTARY_NONE || v->rotary > TEC_ROTARY_MIXED || v->rotary_grid < 0)
        return tec_fail(TEC_USER_ERROR, "model: there are no rotary positions of form %d on a grid of %d",
                        (int)v->rotary, v->rotary_grid);
    if (v->rotary == TEC_ROTARY_NONE)
        return TEC_OK;
    if (v->rotary_first < 0 || v->rotary_first > 1)
        return tec_fail(TEC_USER_ERROR, "model: rotary positions begin at %d; it must be 0 or 1", v->rotary_first);
    if (v->rotary != TEC_ROTARY_MIXED && !(v->rotary_base > 0))
        return tec_fail(TEC_USER_ERROR, "model: the base of rotary positions is %g; it must be positive",
                        v->rotary_base);
    return divides("4 (rotary positions)", 4, "the width of a head", c->width / c->heads);
}

static tec_status check_relative(const tec_model_config *c)
{
    if (c->variant.relative_bias && (tec_model_prefix(c) != 1 || c->variant.no_class_token))
        return tec_fail(TEC_USER_ERROR, "model: a relative position bias needs a class token, and no others before the "
                                        "patches");
    return TEC_OK;
}

/* Is there anything that only a base model or a classifier can have? */
static bool is_variant(const tec_model_config *c)
{
    const tec_vit_variant *v = &c->variant;
    return v->unplaced || tec_model_prefix(c) != 1 || v->pre_norm || v->fc_norm || v->no_norm || v->swiglu ||
           v->activation || v->no_pos_embed || v->attn_norm || v->mlp_norm || v->relative_bias || v->block || v->rotary;
}

static tec_status check_classifier(const tec_model_config *c)
{
    if (c->classes < 2)
        return tec_fail(TEC_USER_ERROR, "model: a classifier needs at least 2 classes; it has %d", c->classes);
    if (c->variant.no_class_token && !c->variant.fc_norm)
        return tec_fail(TEC_USER_ERROR, "model: there is no class token to classify by; pool the patches");
    if (c->variant.activation)
        return tec_fail(TEC_USER_ERROR, "model: MLPs with %s cannot be trained, only those with gelu or SwiGLU",
                        tec_activation_name(c->variant.activation));
    if (c->variant.block)
        return tec_fail(TEC_USER_ERROR,
                        "model: blocks with %s cannot be trained, only those with a norm before each branch",
                        tec_block_form_words(c->variant.block));
    return TEC_OK;
}

tec_status tec_model_config_check(const tec_model_config *c)
{
    const bool square = tec_size_is_square(c->image_size);
    TEC_TRY(divides("patch", c->patch, square ? "image_size" : "the height of image_size", c->image_size.height));
    TEC_TRY(divides("patch", c->patch, "the width of image_size", c->image_size.width));
    TEC_TRY(divides("heads", c->heads, "width", c->width));
    TEC_TRY(divides("4 (sin-cos positions)", 4, "width", c->width));
    if (c->channels < 1 || c->depth < 1)
        return tec_fail(TEC_USER_ERROR, "model: channels (%d) and depth (%d) must be at least 1", c->channels,
                        c->depth);
    if (tec_model_hidden(c) < 1)
        return tec_fail(TEC_USER_ERROR, "model: mlp_ratio is %g; the hidden layer would be empty", c->mlp_ratio);
    if (tec_model_patches(c) < 2)
        return tec_fail(TEC_USER_ERROR,
                        "model: patch (%d) makes a single patch of an image of %d pixels; at least 2 x 2 are needed",
                        c->patch, c->image_size.height);
    TEC_TRY(check_rotary(c));
    TEC_TRY(check_relative(c));
    if (c->variant.block == TEC_BLOCK_PARALLEL && c->variant.attn_norm)
        return tec_fail(TEC_USER_ERROR, "model: parallel blocks cannot have a norm inside the attention");
    if (c->kind == TEC_MODEL_VIT)
        return TEC_OK;
    if (c->kind == TEC_MODEL_CLASSIFIER)
        return check_classifier(c);
    if (is_variant(c))
        return tec_fail(
            TEC_USER_ERROR,
            "model: a variant of the plain ViT can be a base model and be fine-tuned, but not be pretrained");
    return check_decoder(c);
}

#define DIFFER(member, name)                                                                                           \
    if (a->member != b->member)                                                                                        \
        return name;

static const char *difference_of_classifiers(const tec_model_config *a, const tec_model_config *b)
{
    DIFFER(classes, "the number of classes")
    DIFFER(variant.fc_norm, "the pooling")
    DIFFER(variant.no_class_token, "the class token")
    DIFFER(variant.distillation_token, "the distillation token")
    DIFFER(variant.registers, "the number of registers")
    DIFFER(variant.unplaced, "the number of tokens without a position")
    DIFFER(variant.pre_norm, "the norm before the blocks")
    DIFFER(variant.swiglu, "the activation of the MLPs")
    DIFFER(variant.norm_eps, "the eps of the norms")
    DIFFER(variant.no_pos_embed, "the position embedding")
    DIFFER(variant.attn_norm, "the norm in the attention")
    DIFFER(variant.mlp_norm, "the norm in the MLPs")
    DIFFER(variant.relative_bias, "the relative position bias")
    DIFFER(variant.rotary, "the form of its rotary positions")
    DIFFER(variant.rotary_base, "the base of its rotary positions")
    DIFFER(variant.rotary_grid, "the grid of its rotary positions")
    DIFFER(variant.rotary_first, "the first place of its rotary positions")
    return NULL;
}

const char *tec_model_config_difference(const tec_model_config *a, const tec_model_config *b)
{
    DIFFER(kind, "the objective")
    DIFFER(image_size.height, "the image size")
    DIFFER(image_size.width, "the image size")
    DIFFER(patch, "the patch size")
    DIFFER(channels, "the number of channels")
    DIFFER(width, "the width")
    DIFFER(depth, "the depth")
    DIFFER(heads, "the number of heads")
    DIFFER(mlp_ratio, "mlp_ratio")
    if (a->kind == TEC_MODEL_VIT)
        return NULL;
    if (a->kind == TEC_MODEL_CLASSIFIER)
        return difference_of_classifiers(a, b);
    DIFFER(decoder_width, "the decoder's width")
    DIFFER(decoder_depth, "the decoder's depth")
    DIFFER(decoder_heads, "the decoder's number of heads")
    if (a->kind == TEC_MODEL_MAE) {
        DIFFER(norm_pix, "norm_pix")
        return NULL;
    }
    DIFFER(groups, "the number of adaptor groups")
    DIFFER(base_width, "the base model's width")
    DIFFER(base_heads, "the base model's number of heads")
    if (tec_model_bases(a) != tec_model_bases(b))
        return "the number of base models";
    for (int i = 0; i + 1 < tec_model_bases(a); i++) {
        DIFFER(more_base[i].width, "the width of a further base model")
        DIFFER(more_base[i].heads, "the number of heads of a further base model")
    }
    DIFFER(attention_tau, "attention_tau")
    DIFFER(predict_attention, "whether attention is predicted")
    return NULL;
}
#undef DIFFER
