/* Module model, public. A frozen ViT: a base model that yields targets, or any model whose features are evaluated.
 *
 * Forward only, all patches visible. All functions are local.
 *
 *   B  images, at most the `batch` of tec_frozen_create
 *   L  patches of an image
 *   D  width
 *   H  heads
 *   K  query patches: those with the largest logits of the class query (top-k)
 *   c  channels of an image of H x W pixels */
#ifndef TEC_FROZEN_H
#define TEC_FROZEN_H

#include "tec/error.h"
#include "tec/model_config.h"
#include "tec/params.h"

#include <stdbool.h>

/* What the features of an image are. */
typedef enum tec_pooling {
    TEC_POOL_CLASS, /* the class token */
    TEC_POOL_MEAN,  /* the mean of the patches */
    TEC_POOL_NONE   /* all patches, one after the other */
} tec_pooling;
/* Of one row per image, and all of it, in the order of tec_pooling. The one list is part of the other: a comma between its
 * words stays whole as variable arguments. */
#define TEC_POOLING_LIST(...) "cls" __VA_ARGS__ "mean"
#define TEC_TOKENS_LIST(...) TEC_POOLING_LIST(__VA_ARGS__) __VA_ARGS__ "patches"
#define TEC_POOLING_WORDS TEC_POOLING_LIST("|")
#define TEC_TOKENS_WORDS TEC_TOKENS_LIST("|")
const char *tec_pooling_name(tec_pooling pooling);

/* Where they are taken. Zeroed: the class token as the model gives it. */
typedef struct tec_tap {
    int layer; /* behind this block, 1 .. depth; 0: the last */
    bool raw;  /* as the block gives them; false: after the model's final norm */
    tec_pooling pooling;
} tec_tap;

typedef struct tec_frozen tec_frozen;

/* Builds an encoder of the given architecture (of any kind; decoders are not built) for at most `batch` images a call.
 * Next, fill the tensors of tec_frozen_params(), then call tec_frozen_ready(): it computes once what does not depend on
 * the image, such as the class-token MLP of a TEC model. TEC_USER_ERROR: the architecture is impossible; *out is then
 * NULL. */
tec_status tec_frozen_create(tec_frozen **out, const tec_model_config *config, int batch);
void tec_frozen_ready(tec_frozen *frozen);
void tec_frozen_close(tec_frozen *frozen); /* NULL is fine */

/* Registers the tensors of such an encoder in `params`, which is empty, without allocating them: for names and shapes.
 * Free with tec_params_free. */
void tec_frozen_list(const tec_model_config *config, tec_params *params);

const tec_model_config *tec_frozen_config(const tec_frozen *frozen);
tec_params *tec_frozen_params(tec_frozen *frozen); /* named as in checkpoints, position table included */
/* The hash of what the model computes with: its weights and, if it is not the exact GELU, its activation. */
uint64_t tec_frozen_hash(const tec_frozen *frozen);

size_t tec_frozen_workspace_bytes(const tec_frozen *frozen);

/* The class token as the first block gets it, but without its position: cls_token, in a TEC model behind its MLP.
 *
 *   out  [D] */
void tec_frozen_class_token(tec_frozen *frozen, real *out);

/* The class token, which must exist, or the mean of the patches, after the final norm. In a variant with fc_norm the
 * norm comes after pooling.
 *
 *   images  [B, c, H, W]  normalised
 *   out     [B, D] */
void tec_frozen_features(tec_frozen *frozen, const real *images, int B, tec_pooling pooling, real *out);

/* The same behind any block. With TEC_POOL_NONE in a variant with fc_norm patches are raw, whatever `tap` says: there is
 * no norm of tokens.
 *
 *   images  [B, c, H, W]  normalised
 *   out     [B, D], or [B, L, D] with TEC_POOL_NONE */
void tec_frozen_tap(tec_frozen *frozen, const real *images, int B, const tec_tap *tap, real *out);

/* TEC's targets (arXiv 2210.11016): the mean of the outputs of the last `last_layers` blocks, and the last block's
 * scaled logits before its softmax; the keys of all tokens before the patches are dropped. Without a class token the mean
 * of the patches' queries stands for its query.
 *
 *   images     [B, c, H, W]      normalised
 *   feature    [B, L, D]         not standardised
 *   attention  [B, 1 + K, H, L]  queries: the class token (or the mean), then the patches of topk
 *   topk       [B, K]            patches, those with the largest head-mean logit of the class query first */
void tec_frozen_targets(tec_frozen *frozen, const real *images, int B, int last_layers, int K, real *feature,
                        real *attention, int *topk);

#endif
