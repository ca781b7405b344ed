/* Module model, public. A model in training: forward and backward of a micro-batch.
 *
 * Two kinds behind one interface: TEC (arXiv 2210.11016: MAE's encoder, input and encoder adaptors, feature and
 * attention decoders) and MAE (arXiv 2111.06377: pixels). All functions are local; nothing here knows of MPI or files.
 *
 *   L  patches of an image
 *   V  patches that stay visible
 *   C  width of the base model
 *   H  heads of the base model
 *   K  query patches: those whose attention is predicted besides the class token's (top-k)
 *   S  side of an image in pixels, c its channels */
#ifndef TEC_MODEL_H
#define TEC_MODEL_H

#include "tec/error.h"
#include "tec/model_config.h"
#include "tec/params.h"

#include <stddef.h>

/* One input of the model. All pointers are borrowed, from a forward until its backward. */
typedef struct tec_example {
    const real *image;     /* [c, S, S] normalised */
    const int *shuffle;    /* [L] a permutation of the patches; the first V stay visible */
    const real *feature;   /* TEC: [L, C] standardised over the patches */
    const real *attention; /* TEC: [1 + K, H, L] logits, patches in their own order */
    const int *topk;       /* TEC: [K] the query patches */
} tec_example;

typedef struct tec_model tec_model;

/* Registers and allocates everything for micro-batches of at most `batch` examples, `visible` = V and `topk` = K.
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

/* Names of the losses, NULL-terminated: { "loss_fea", "loss_att", NULL } or { "loss", NULL }. */
#define TEC_MAX_LOSSES 2
const char *const *tec_model_loss_names(const tec_model *model);

/* Adds scale * (sum of loss i over the examples) to loss[i]. The backward that follows computes the gradient of
 * sum over i of weight[i] * loss[i], with the same scale.
 *
 *   example       [count]  count <= batch
 *   weight, loss  [number of losses] */
void tec_model_forward(tec_model *model, const tec_example *example, int count, const double weight[TEC_MAX_LOSSES],
                       double scale, double loss[TEC_MAX_LOSSES]);

/* Adds the gradient of the last forward to tec_model_params()->grad. Once per forward. */
void tec_model_backward(tec_model *model);

#endif
