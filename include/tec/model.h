/* A model in training: forward and backward of a micro-batch. Two kinds behind one interface: TEC (arXiv 2210.11016:
 * MAE encoder, input and encoder adaptors, feature and attention decoders) and MAE (arXiv 2111.06377: pixels).
 * Local; includes neither MPI nor files. L patches, V visible, C base width, H base heads, K top-k, S image size. */
#ifndef TEC_MODEL_H
#define TEC_MODEL_H

#include "tec/error.h"
#include "tec/model_config.h"
#include "tec/params.h"

#include <stddef.h>

/* One model input. Pointers are borrowed for the duration of a forward and its backward. */
typedef struct tec_example {
    const real *image;     /* [c, S, S] normalised */
    const int *shuffle;    /* [L] a permutation of the patches; the first V stay visible */
    const real *feature;   /* TEC: [L, C] standardised over the patches */
    const real *attention; /* TEC: [1+K, H, L] logits, patches in their own order */
    const int *topk;       /* TEC: [K] patches of the further queries */
} tec_example;

typedef struct tec_model tec_model;

/* Registers and allocates everything for micro-batches of at most `batch` examples with `visible` of the patches
 * visible and `topk` further attention queries. Weights are zero until tec_params_initialize or a checkpoint fills
 * them; position tables are filled. TEC_USER_ERROR when the architecture is impossible (tec_model_config_check) or
 * visible is. */
tec_status tec_model_create(tec_model **out, const tec_model_config *config, int batch, int visible, int topk);
void tec_model_free(tec_model *model); /* NULL is fine */

/* The micro-batch that training takes unless told otherwise, for `inputs` masked images a step: it keeps the matrix
 * products large and the workspace small, and cuts the inputs into parts of nearly the same size. */
int tec_model_micro_batch(const tec_model_config *config, int inputs);

tec_params *tec_model_params(tec_model *model);
const tec_model_config *tec_model_get_config(const tec_model *model);
size_t tec_model_workspace_bytes(const tec_model *model);

/* Names of the losses, NULL-terminated: { "loss_fea", "loss_att", NULL } or { "loss", NULL }. */
#define TEC_MAX_LOSSES 2
const char *const *tec_model_loss_names(const tec_model *model);

/* Adds to loss[i] scale * sum over the examples of loss i. The gradients that a following backward yields are those of
 * sum_i weight[i] * loss[i] (with the same scale). */
void tec_model_forward(tec_model *model, const tec_example *example, int count, const double weight[TEC_MAX_LOSSES],
                       double scale, double loss[TEC_MAX_LOSSES]);

/* Adds the gradients of the last forward to tec_model_params()->grad. Once per forward. */
void tec_model_backward(tec_model *model);

#endif
