/* Module model, private. From a decoder's normed output to a loss and to the gradient that backward starts from: values
 * of the hidden patches (MAE's pixels, TEC's features), and TEC's attention maps.
 *
 *   B  images
 *   L  patches of an image, V of them visible
 *   W  width of the decoder
 *   C  width of the base model
 *   K  query patches besides the class token */
#ifndef TEC_MODEL_PREDICTION_H
#define TEC_MODEL_PREDICTION_H

#include "tec/arena.h"
#include "tec/model.h"
#include "tec/model_config.h"
#include "tec/params.h"

/* ---- values of the hidden patches: a linear from a token to `outputs` values, mean squared error ---- */

typedef struct patch_prediction {
    tec_params *params;
    int width, outputs, weight, bias; /* width: W; weight, bias: indices of the tensors */
} patch_prediction;

/* Registers NAME.weight and NAME.bias. */
patch_prediction tec_patch_prediction_register(tec_params *params, int width, int outputs, const char *name);

/*   normed  [rows, W]  rows = B (L - V)
 *   pred    [rows, outputs] */
void tec_patch_prediction_forward(const patch_prediction *p, const real *normed, int rows, real *pred);

/*   dpred    [rows, outputs]
 *   normed   [rows, W]
 *   dnormed  [rows, W] */
void tec_patch_prediction_backward(const patch_prediction *p, const real *dpred, const real *normed, int rows,
                                   real *dnormed);

/* ---- attention: queries and keys of the base model's attention from decoder tokens ----
 *
 * Logits are scaled by C^-0.5 (the whole width, not that of a head). Softmax over the patches, cross-entropy with
 * softmax(base logits / tau), for the class query and the K query patches (arXiv 2210.11016, section 3.2). */

typedef struct attention_prediction {
    tec_params *params;
    int width, base_width, base_heads, patches, topk; /* W, C, H, L, K */
    int base;                                         /* whose attention: of tec_example_targets */
    int weight, bias;                                 /* indices of the tensors */
    real tau;
} attention_prediction;

typedef struct attention_prediction_cache {
    int *query;       /* [B (1 + K)]     which rows of normed are queries */
    real *query_row;  /* [B (1 + K), W]  those rows */
    real *dquery_row; /* [B (1 + K), W] */
    real *q, *dq;     /* [B (1 + K), C] */
    real *k, *dk;     /* [B (1 + L), C]  the class token's rows of dk are never written: they stay zero */
    real *logit;      /* [1 + K, L]      of one image and head */
    real *softmax;    /* [L] */
    int *place;       /* [L]             place of a patch in the shuffled order */
} attention_prediction_cache;

/* Registers NAME.weight and NAME.bias: queries in the first C rows, keys in the others. */
attention_prediction tec_attention_prediction_register(tec_params *params, const tec_model_config *config, int base,
                                                       int topk, const char *name);
void tec_attention_prediction_lay_out(const attention_prediction *a, int B, attention_prediction_cache *cache,
                                      tec_arena *arena);

/* Returns the sum over the images of the mean cross-entropy over queries and heads, and leaves scale times its gradient
 * by q and k in the cache. An image without targets of this base model has no error.
 *
 *   example  [B]
 *   normed   [B (1 + L), W]  tokens in shuffled order */
double tec_attention_prediction_forward(const attention_prediction *a, const tec_example *example, int B,
                                        const real *normed, double scale, attention_prediction_cache *cache);

/* What is predicted alone: logits, not divided by tau. Of the examples, shuffle and topk are used.
 *
 *   example  [B]
 *   normed   [B (1 + L), W]  tokens in shuffled order
 *   out      [B, 1 + K, H, L]  patches in their own order */
void tec_attention_prediction_infer(const attention_prediction *a, const tec_example *example, int B,
                                    const real *normed, attention_prediction_cache *cache, real *out);

/*   normed   [B (1 + L), W]
 *   dnormed  [B (1 + L), W] */
void tec_attention_prediction_backward(const attention_prediction *a, int B, const real *normed,
                                       attention_prediction_cache *cache, real *dnormed);

#endif
