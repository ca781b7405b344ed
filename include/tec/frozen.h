/* A frozen ViT: a base model that yields targets, or any model whose features are evaluated. Forward only, all patches.
 * Local. B images, L patches, D width, H heads, K top-k. */
#ifndef TEC_FROZEN_H
#define TEC_FROZEN_H

#include "tec/error.h"
#include "tec/model_config.h"
#include "tec/params.h"
#include "tec/settings.h"

typedef struct tec_frozen tec_frozen;

/* Lays out an encoder of the given architecture (any kind; decoders are not built) for at most `batch` images a call.
 * Fill the tensors of tec_frozen_params() next, then call tec_frozen_ready(): it folds the class-token MLP of a TEC
 * model into its class token. */
tec_status tec_frozen_create(tec_frozen **out, const tec_model_config *config, int batch);
void tec_frozen_ready(tec_frozen *frozen);
void tec_frozen_close(tec_frozen *frozen); /* NULL is fine */

/* Registers the tensors of such an encoder in empty `params` without memory for them: their names and shapes. */
void tec_frozen_list(const tec_model_config *config, tec_params *params);

const tec_model_config *tec_frozen_config(const tec_frozen *frozen);
tec_params *tec_frozen_params(tec_frozen *frozen); /* under public checkpoint names, position tables included */
size_t tec_frozen_workspace_bytes(const tec_frozen *frozen);

/* out [D]: the class token that the model works with: cls_token, in a TEC model behind its MLP; before its position. */
void tec_frozen_class_token(tec_frozen *frozen, real *out);

/* Features after the final norm (before pooling, or after it where the variant has fc_norm).
 *   images [B, c, S, S] normalised      out [B, D]: the class token (there must be one), or the mean of the patches */
void tec_frozen_features(tec_frozen *frozen, const real *images, int B, tec_pooling pooling, real *out);

/* TEC targets (arXiv 2210.11016; DESIGN: mean of the last blocks' outputs, last block's scaled logits before softmax).
 *   images    [B, c, S, S]
 *   feature   [B, L, D] raw (not standardised)
 *   attention [B, 1+K, H, L], class query first, then the top-k patch queries; class key dropped
 *   topk      [B, K], largest head-mean logit of the class query first
 * There must be a class token; the keys of all tokens before the patches are dropped. */
void tec_frozen_targets(tec_frozen *frozen, const real *images, int B, int last_layers, int K, real *feature,
                        real *attention, int *topk);

#endif
