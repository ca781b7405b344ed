/* The attributes of /config and /run in our model files, by table. */
#include "tec/checkpoint_h5.h"

#include <stddef.h>

#define VIT (1u << TEC_MODEL_VIT)
#define MAE (1u << TEC_MODEL_MAE)
#define TEC (1u << TEC_MODEL_TEC)

const char *const tec_checkpoint_kinds[] = {"vit", "mae", "tec", NULL};

#define CONFIG(name_, member, kind_, use_)                                                                             \
    .name = name_, .offset = offsetof(tec_model_config, member), .kind = kind_, .count = 1, .use = use_

const tec_h5_field tec_checkpoint_config_fields[] = {
    {CONFIG("img", image_size, TEC_H5_INT, VIT | MAE | TEC)},
    {CONFIG("patch", patch, TEC_H5_INT, VIT | MAE | TEC)},
    {CONFIG("chans", channels, TEC_H5_INT, VIT | MAE | TEC)},
    {CONFIG("dim", width, TEC_H5_INT, VIT | MAE | TEC)},
    {CONFIG("depth", depth, TEC_H5_INT, VIT | MAE | TEC)},
    {CONFIG("heads", heads, TEC_H5_INT, VIT | MAE | TEC)},
    {CONFIG("mlp_ratio", mlp_ratio, TEC_H5_DOUBLE, VIT | MAE | TEC)},
    {CONFIG("dec_dim", decoder_width, TEC_H5_INT, MAE | TEC)},
    {CONFIG("dec_depth", decoder_depth, TEC_H5_INT, MAE | TEC)},
    {CONFIG("dec_heads", decoder_heads, TEC_H5_INT, MAE | TEC)},
    {CONFIG("norm_pix", norm_pix, TEC_H5_BOOL, MAE)},
    {CONFIG("groups", groups, TEC_H5_INT, TEC)},
    {CONFIG("base_dim", base_width, TEC_H5_INT, TEC)},
    {CONFIG("base_heads", base_heads, TEC_H5_INT, TEC)},
    {CONFIG("att_tau", attention_tau, TEC_H5_DOUBLE, TEC)},
    {CONFIG("pred_att", predict_attention, TEC_H5_BOOL, TEC)},
    {0},
};

#define RUN(member, kind_, count_)                                                                                     \
    .name = #member, .offset = offsetof(tec_run_state, member), .kind = kind_, .count = count_
#define LATER(member, kind_) RUN(member, kind_, 1), .use = TEC_CHECKPOINT_OPTIONAL

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
    {RUN(images, TEC_H5_INT64, 1)},
    {LATER(base, TEC_H5_UINT64)},
    {LATER(store, TEC_H5_UINT64)},
    {LATER(finish_from, TEC_H5_INT64)},
    {LATER(finish_steps, TEC_H5_INT64)},
    {LATER(finish_lr, TEC_H5_DOUBLE)},
    {0},
};
