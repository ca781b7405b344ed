/* Module model, private. Inside a tec_model: what its kinds share, and where they differ.
 *
 * Dimensions as in tec/model.h, and
 *
 *   B  examples of a micro-batch
 *   D  width of the encoder */
#ifndef TEC_MODEL_MODEL_H
#define TEC_MODEL_MODEL_H

#include "adaptors.h"
#include "decoder.h"
#include "encoder.h"
#include "prediction.h"

#include "tec/model.h"

typedef struct model_kind {
    const char *const *loss_names;                       /* of as many sides as there can be, ends with NULL */
    void (*build)(tec_model *model);                     /* registers all tensors */
    void (*lay_out)(tec_model *model, tec_arena *arena); /* called twice (tec/arena.h) */
    void (*decode)(tec_model *model, int sides); /* forward up to the decoders of the first sides; classifier: NULL */
    void (*forward)(tec_model *model, const double *weight, double scale, double *loss);
    void (*backward)(tec_model *model);
} model_kind;

/* What predicts pixels (MAE), or the targets of one base model (TEC): everything behind the encoder. */
typedef struct model_side {
    encoder_adaptor adaptor; /* TEC */
    decoder decoder;
    patch_prediction patches;       /* pixels or features */
    attention_prediction attention; /* TEC */
    encoder_adaptor_cache adaptor_cache;
    decoder_cache decoder_cache;
    attention_prediction_cache attention_cache;
    real *pred; /* [B (L - V), outputs]  after forward its gradient */
} model_side;

extern const model_kind tec_model_kind_tec, tec_model_kind_mae, tec_model_kind_classifier;

struct tec_model {
    const model_kind *kind;
    tec_model_config config;
    tec_params params;
    tec_arena arena;
    int batch, visible, topk;   /* most examples of a micro-batch; V; K */
    const tec_example *example; /* [B] of the forward under way */
    int B;

    encoder encoder;
    int head_weight, head_bias;     /* classifier: indices of the tensors */
    class_adaptor class_adaptor;    /* TEC */
    model_side side[TEC_MAX_BASES]; /* MAE: the first alone */
    int sides;
    const char *loss_name[TEC_MAX_LOSSES + 1]; /* ends with NULL */

    encoder_cache encoder_cache;
    class_adaptor_cache class_adaptor_cache;
    scratch scratch;
    real *logits; /* [B, classes]          classifier: after forward its gradient */
    real *target; /* [L - V, outputs]      MAE: of one image */
    real *pooled; /* [B, D]                classifier: class tokens or mean patches */
    real *dz;     /* [B (1 + V), D]        gradient of what the decoders see; classifier: [B, D] of pooled */
    real *dx;     /* [B N, D]              gradient of the encoder's output */
};

/* Compares the hidden patches of every image with target(example). Returns the sum over the images of the mean squared
 * error, and overwrites the side's pred by scale times its gradient. An image without a target has no error.
 *
 *   target's result  [L, outputs]      by_patch: rows are patches in their own order
 *                    [L - V, outputs]  otherwise: rows are the hidden patches
 *                    NULL: there is none */
double tec_model_patch_loss(tec_model *model, int side, double scale,
                            const real *(*target)(tec_model *model, int side, const tec_example *example),
                            bool by_patch);

#endif
