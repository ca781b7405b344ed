/* Module model, public. A model in training: forward and backward of a micro-batch.
 *
 * Three kinds behind one interface: TEC (arXiv 2210.11016: MAE's encoder, input and encoder adaptors, feature and
 * attention decoders), MAE (arXiv 2111.06377: pixels) and a classifier (a whole ViT with a linear head). All functions are local; nothing here knows of MPI or files.
 *
 *   L  patches of an image
 *   V  patches that stay visible
 *   C  width of the base model
 *   H  heads of the base model
 *   K  query patches: those whose attention is predicted besides the class token's (top-k)
 *   c  channels of an image of H x W pixels */
#ifndef TEC_MODEL_H
#define TEC_MODEL_H

#include "tec/error.h"
#include "tec/frozen.h"
#include "tec/model_config.h"
#include "tec/params.h"

#include <stddef.h>

/* What a base model says of an image. NULL all: nothing is known of this image, and no loss compares with it. */
typedef struct tec_base_targets {
    const real *feature;   /* [L, C] standardised over the patches */
    const real *attention; /* [1 + K, H, L] logits, patches in their own order */
    const int *topk;       /* [K] the query patches */
} tec_base_targets;

/* One input of the model. All pointers are borrowed, from a forward until its backward. */
typedef struct tec_example {
    const real *image;   /* [c, H, W] normalised */
    const int *shuffle;  /* [L] a permutation of the patches; the first V stay visible. Classifier: not used */
    const real *feature; /* TEC: these three are the targets of the first base model */
    const real *attention;
    const int *topk;
    tec_base_targets more[TEC_MAX_BASES - 1]; /* TEC: the targets of the further ones */
    const real *wanted;                       /* classifier: [classes] probabilities */
    const real *keep; /* classifier: [depth, 2] what the attention and the MLP branch of each block are multiplied
                            * by (stochastic depth, drawn and scaled). NULL: 1; then it is for all examples */
} tec_example;

static inline tec_base_targets tec_example_targets(const tec_example *example, int base)
{
    return base == 0 ? (tec_base_targets){example->feature, example->attention, example->topk}
                     : example->more[base - 1];
}

typedef struct tec_model tec_model;

/* Registers and allocates everything for micro-batches of at most `batch` examples, `visible` = V (a classifier: L) and
 * `topk` = K (a classifier: 0).
 * Position tables are filled; all other weights are zero until tec_params_initialize or a checkpoint fills them.
 * TEC_USER_ERROR: the architecture (tec_model_config_check), `visible` or `topk` is impossible; *out is then NULL. */
tec_status tec_model_create(tec_model **out, const tec_model_config *config, int batch, int visible, int topk);
void tec_model_free(tec_model *model); /* NULL is fine */

/* The default micro-batch for `inputs` masked images per step: large enough for efficient matrix products, small enough
 * for a small workspace, and such that all parts of the inputs have nearly the same size. */
int tec_model_micro_batch(const tec_model_config *config, int inputs);

tec_params *tec_model_params(tec_model *model);
const tec_model_config *tec_model_get_config(const tec_model *model);
size_t tec_model_workspace_bytes(const tec_model *model);

/* Names of the losses, NULL-terminated: { "loss_fea", "loss_att", NULL } or { "loss", NULL }; a further base model has two
 * more, "loss_fea2" and "loss_att2". */
const char *const *tec_model_loss_names(const tec_model *model);

double tec_loss_total(const double *loss); /* [TEC_MAX_LOSSES] */

/* Adds scale * (sum of loss i over the examples) to loss[i]. The backward that follows computes the gradient of
 * sum over i of weight[i] * loss[i], with the same scale.
 *
 *   example       [count]  count <= batch
 *   weight, loss  [number of losses] */
void tec_model_forward(tec_model *model, const tec_example *example, int count, const double *weight, double scale,
                       double *loss);

/* Adds the gradient of the last forward to tec_model_params()->grad. Once per forward. */
void tec_model_backward(tec_model *model);

/* MAE and TEC: what is predicted of the hidden patches; no backward may follow. Only image and shuffle of the examples
 * are used. TEC: for the first base model.
 *
 *   example  [count]  count <= batch
 *   out      [count, L - V, outputs]  patches in the order of `shuffle`; outputs: p * p * c pixels as of
 *                                     tec_pixel_target, or C features, standardised over the patches */
void tec_model_predict(tec_model *model, const tec_example *example, int count, real *out);

/* TEC, if its architecture predicts attention: the predicted logits of the class query and of the K query patches, of the
 * first base model; no backward may follow. Only image, shuffle and topk of the examples are used.
 *
 *   example  [count]  count <= batch
 *   out      [count, 1 + K, H, L]  patches in their own order; the loss compares their softmax with that of the base's
 *                                  logits / attention_tau */
void tec_model_predict_attention(tec_model *model, const tec_example *example, int count, real *out);

/* Classifier: the logits of the examples, of which `wanted` is not used; no backward may follow.
 *
 *   example  [count]  count <= batch
 *   logits   [count, classes] */
void tec_model_classify(tec_model *model, const tec_example *example, int count, real *logits);

/* Classifier: gives every tensor the rate decay^(depth + 1 - layer) (tec_param), where patch embedding, tokens and
 * positions are layer 0, block i is layer i + 1, and norm and head are layer depth + 1, as MAE and BEiT fine-tune. */
void tec_model_decay_layers(tec_model *model, double decay);

/* Classifier: begins with the weights of a frozen model of the same architecture: every tensor that both have. The class
 * token of a TEC model is what its MLP makes of it. Head and fc_norm stay as they are, unless the model has fc_norm. */
void tec_model_begin_with(tec_model *model, tec_frozen *frozen);

#endif
