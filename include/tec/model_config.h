/* The architecture of a model: everything that fixes the shapes of its tensors and the mathematics done with them. */
#ifndef TEC_MODEL_CONFIG_H
#define TEC_MODEL_CONFIG_H

#include "tec/error.h"

#include <stdbool.h>

typedef enum tec_model_kind {
    TEC_MODEL_VIT, /* a plain encoder (a base model) */
    TEC_MODEL_MAE, /* encoder and pixel decoder */
    TEC_MODEL_TEC  /* encoder, adaptors and two conditional decoders */
} tec_model_kind;

typedef struct tec_model_config {
    tec_model_kind kind;
    int image_size, patch, channels;
    int width, depth, heads;
    double mlp_ratio;
    int decoder_width, decoder_depth, decoder_heads; /* MAE and TEC */
    bool norm_pix;                                   /* MAE: standardise each patch's pixels */
    int groups;                                      /* TEC: groups of blocks fused by the encoder adaptor */
    int base_width, base_heads;                      /* TEC: of the model whose targets are predicted */
    double attention_tau;
    bool predict_attention;
} tec_model_config;

/* L = (image_size / patch)^2 */
static inline int tec_model_patches(const tec_model_config *config)
{
    return (config->image_size / config->patch) * (config->image_size / config->patch);
}

/* Divisibility and ranges: TEC_USER_ERROR names the member at fault and what would be right. */
tec_status tec_model_config_check(const tec_model_config *config);

/* The first member in which two architectures differ (an English name), or NULL. */
const char *tec_model_config_difference(const tec_model_config *a, const tec_model_config *b);

#endif
