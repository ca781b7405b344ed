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
    const char *const *loss_names;
    void (*build)(tec_model *model);                     /* registers all tensors */
    void (*lay_out)(tec_model *model, tec_arena *arena); /* called twice (tec/arena.h) */
    void (*decode)(tec_model *model);                    /* forward up to the decoders; classifier: NULL */
    void (*forward)(tec_model *model, const double *weight, double scale, double *loss);
    void (*backward)(tec_model *model);
} model_kind;

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
    int head_weight, head_bias;  /* classifier: indices of the tensors */
    decoder decoder;             /* MAE and TEC, from here on */
    patch_prediction patches;    /* pixels or features */
    class_adaptor class_adaptor; /* TEC only, from here on */
    encoder_adaptor encoder_adaptor;
    attention_prediction attention;

    encoder_cache encoder_cache;
    decoder_cache decoder_cache;
    class_adaptor_cache class_adaptor_cache;
    encoder_adaptor_cache encoder_adaptor_cache;
    attention_prediction_cache attention_cache;
    scratch scratch;
    real *pred;   /* [B (L - V), outputs]  after forward its gradient; classifier: [B, classes] */
    real *target; /* [L - V, outputs]      MAE: of one image */
    real *pooled; /* [B, D]                classifier: class tokens or mean patches */
    real *dz;     /* [B (1 + V), D]        gradient of what the decoders see; classifier: [B, D] of pooled */
    real *dx;     /* [B N, D]              gradient of the encoder's output */
};

/* Compares the hidden patches of every image with target(example). Returns the sum over the images of the mean squared
 * error, and overwrites model->pred by scale times its gradient.
 *
 *   target's result  [L, outputs]      by_patch: rows are patches in their own order
 *                    [L - V, outputs]  otherwise: rows are the hidden patches */
double tec_model_patch_loss(tec_model *model, double scale,
                            const real *(*target)(tec_model *model, const tec_example *example), bool by_patch);

#endif
