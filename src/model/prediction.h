/* From a decoder's normed output to a loss and the gradient that starts backward: values of the hidden patches (MAE's
 * pixels, TEC's features) and TEC's attention maps. B images, V visible, L patches, W decoder width. */
#ifndef TEC_MODEL_PREDICTION_H
#define TEC_MODEL_PREDICTION_H

#include "tec/arena.h"
#include "tec/model.h"
#include "tec/model_config.h"
#include "tec/params.h"

/* A linear from decoder tokens to `outputs` values per hidden patch, mean squared error. */
typedef struct patch_prediction {
    tec_params *params;
    int width, outputs, weight, bias;
} patch_prediction;

/* Registers NAME.weight, NAME.bias. */
patch_prediction tec_patch_prediction_register(tec_params *params, int width, int outputs, const char *name);

/* normed [B n, W], n = L - V -> pred [B n, outputs] */
void tec_patch_prediction_forward(const patch_prediction *p, const real *normed, int rows, real *pred);

/* dpred [rows, outputs] -> dnormed [rows, W] */
void tec_patch_prediction_backward(const patch_prediction *p, const real *dpred, const real *normed, int rows,
                                   real *dnormed);

/* Queries and keys of the base model's attention from decoder tokens; logits scaled by base_width^-0.5 (the whole
 * width, not the head's), softmax over the patches, cross-entropy with softmax(base logits / tau) on the class query
 * and the top-k patch queries (arXiv 2210.11016, section 3.2). */
typedef struct attention_prediction {
    tec_params *params;
    int width, base_width, base_heads, patches, topk, weight, bias;
    real tau;
} attention_prediction;

typedef struct attention_prediction_cache {
    int *query;    /* [B (1 + K)] rows of normed that ask */
    real *asking;  /* [B (1 + K), W] those rows */
    real *q, *dq;  /* [B (1 + K), C] */
    real *k, *dk;  /* [B (1 + L), C] with class rows: nothing writes their gradient, it stays zero */
    real *logit;   /* [1 + K, L] one image and head */
    real *softmax; /* [L] */
    real *dasking; /* [B (1 + K), W] */
    int *place;    /* [L] place of a patch in the shuffled order */
} attention_prediction_cache;

attention_prediction tec_attention_prediction_register(tec_params *params, const tec_model_config *config, int topk,
                                                       const char *name);
void tec_attention_prediction_lay_out(const attention_prediction *a, int B, attention_prediction_cache *cache,
                                      tec_arena *arena);

/* normed [B (1 + L), W], tokens in shuffled order. Returns the sum over images of the mean over queries and heads; the
 * cache holds the gradient of scale times that by q and k afterwards. */
double tec_attention_prediction_forward(const attention_prediction *a, const tec_example *example, int B,
                                        const real *normed, double scale, attention_prediction_cache *cache);

/* -> dnormed [B (1 + L), W] */
void tec_attention_prediction_backward(const attention_prediction *a, int B, const real *normed,
                                       attention_prediction_cache *cache, real *dnormed);

#endif
