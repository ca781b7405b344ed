/* The attributes of /config and /run in our model files, by table. */
#include "tec/checkpoint_h5.h"

#include <stddef.h>

#define VIT (1u << TEC_MODEL_VIT)
#define MAE (1u << TEC_MODEL_MAE)
#define TEC (1u << TEC_MODEL_TEC)
#define CLASSIFIER (1u << TEC_MODEL_CLASSIFIER)
#define ALL (VIT | MAE | TEC | CLASSIFIER)
#define VARIANT (CLASSIFIER | TEC_CHECKPOINT_OPTIONAL)

const char *const tec_checkpoint_kinds[] = {"vit", "mae", "tec", "classifier", NULL};

#define CONFIG_ARRAY(name_, member, kind_, count_, use_)                                                               \
    .name = name_, .offset = offsetof(tec_model_config, member), .kind = kind_, .count = count_, .use = use_
#define CONFIG(name_, member, kind_, use_) CONFIG_ARRAY(name_, member, kind_, 1, use_)
#define OF_SEVERAL (TEC_CHECKPOINT_OPTIONAL | TEC_CHECKPOINT_OF_SEVERAL)

_Static_assert(sizeof(tec_base_shape) == 2 * sizeof(int), "more_base is written as pairs of numbers");

const tec_h5_field tec_checkpoint_config_fields[] = {
    {CONFIG("img", image_size, TEC_H5_SIZE, ALL)},
    {CONFIG("patch", patch, TEC_H5_INT, ALL)},
    {CONFIG("chans", channels, TEC_H5_INT, ALL)},
    {CONFIG("dim", width, TEC_H5_INT, ALL)},
    {CONFIG("depth", depth, TEC_H5_INT, ALL)},
    {CONFIG("heads", heads, TEC_H5_INT, ALL)},
    {CONFIG("mlp_ratio", mlp_ratio, TEC_H5_DOUBLE, ALL)},
    {CONFIG("dec_dim", decoder_width, TEC_H5_INT, MAE | TEC)},
    {CONFIG("dec_depth", decoder_depth, TEC_H5_INT, MAE | TEC)},
    {CONFIG("dec_heads", decoder_heads, TEC_H5_INT, MAE | TEC)},
    {CONFIG("norm_pix", norm_pix, TEC_H5_BOOL, MAE)},
    {CONFIG("groups", groups, TEC_H5_INT, TEC)},
    {CONFIG("base_dim", base_width, TEC_H5_INT, TEC)},
    {CONFIG("base_heads", base_heads, TEC_H5_INT, TEC)},
    {CONFIG_ARRAY("more_bases", more_base, TEC_H5_INT, 2 * (TEC_MAX_BASES - 1), TEC | OF_SEVERAL)},
    {CONFIG("att_tau", attention_tau, TEC_H5_DOUBLE, TEC)},
    {CONFIG("pred_att", predict_attention, TEC_H5_BOOL, TEC)},
    {CONFIG("classes", classes, TEC_H5_INT, CLASSIFIER)},
    {CONFIG("pool_mean", variant.fc_norm, TEC_H5_BOOL, CLASSIFIER)},
    {CONFIG("no_class_token", variant.no_class_token, TEC_H5_BOOL, VARIANT)},
    {CONFIG("distillation_token", variant.distillation_token, TEC_H5_BOOL, VARIANT)},
    {CONFIG("registers", variant.registers, TEC_H5_INT, VARIANT)},
    {CONFIG("unplaced", variant.unplaced, TEC_H5_INT, VARIANT)},
    {CONFIG("pre_norm", variant.pre_norm, TEC_H5_BOOL, VARIANT)},
    {CONFIG("swiglu", variant.swiglu, TEC_H5_BOOL, VARIANT)},
    {CONFIG("norm_eps", variant.norm_eps, TEC_H5_DOUBLE, VARIANT)},
    {CONFIG("no_pos_embed", variant.no_pos_embed, TEC_H5_BOOL, VARIANT)},
    {CONFIG("attn_norm", variant.attn_norm, TEC_H5_BOOL, VARIANT)},
    {CONFIG("mlp_norm", variant.mlp_norm, TEC_H5_BOOL, VARIANT)},
    {CONFIG("relative_bias", variant.relative_bias, TEC_H5_BOOL, VARIANT)},
    {CONFIG("rotary", variant.rotary, TEC_H5_INT, VARIANT)},
    {CONFIG("rotary_base", variant.rotary_base, TEC_H5_DOUBLE, VARIANT)},
    {CONFIG("rotary_grid", variant.rotary_grid, TEC_H5_INT, VARIANT)},
    {CONFIG("rotary_first", variant.rotary_first, TEC_H5_INT, VARIANT)},
    {0},
};

#define RUN(member, kind_, count_)                                                                                     \
    .name = #member, .offset = offsetof(tec_run_state, member), .kind = kind_, .count = count_
#define LATER(member, kind_) RUN(member, kind_, 1), .use = TEC_CHECKPOINT_OPTIONAL

/* clang-format off */
const tec_h5_field tec_checkpoint_run_fields[] = {
    {RUN(step, TEC_H5_INT64, 1)},
    {RUN(epoch, TEC_H5_INT64, 1)},
    {RUN(epoch_step, TEC_H5_INT64, 1)},
    {RUN(seconds, TEC_H5_DOUBLE, 1)},
    {RUN(ranks, TEC_H5_INT, 1)},
    {RUN(threads, TEC_H5_INT, 1)},
    {RUN(batch, TEC_H5_INT, 1)},
    {RUN(dataset, TEC_H5_UINT64, 1)},
    {RUN(seed, TEC_H5_UINT64, 1)},
    {RUN(loss_sum, TEC_H5_DOUBLE, 2)},
    {.name = "more_loss_sum", .offset = offsetof(tec_run_state, loss_sum[2]), .kind = TEC_H5_DOUBLE,
     .count = TEC_MAX_LOSSES - 2, .use = OF_SEVERAL},
    {RUN(images, TEC_H5_INT64, 1)},
    {LATER(base, TEC_H5_UINT64)},
    {LATER(store, TEC_H5_UINT64)},
    {LATER(finish_from, TEC_H5_INT64)},
    {LATER(finish_steps, TEC_H5_INT64)},
    {LATER(finish_lr, TEC_H5_DOUBLE)},
    {LATER(validated, TEC_H5_INT64)},
    {LATER(unclipped, TEC_H5_DOUBLE)},
    {0},
};
/* clang-format on */
