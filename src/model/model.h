/* Inside a tec_model: what the two kinds share, and how they differ. */
#ifndef TEC_MODEL_MODEL_H
#define TEC_MODEL_MODEL_H

#include "adaptors.h"
#include "decoder.h"
#include "encoder.h"
#include "prediction.h"

#include "tec/model.h"

typedef struct model_kind {
    const char *const *loss_names;
    void (*build)(tec_model *model);                     /* registers every tensor */
    void (*lay_out)(tec_model *model, tec_arena *arena); /* called twice (tec/arena.h) */
    void (*forward)(tec_model *model, const double *weight, double scale, double *loss);
    void (*backward)(tec_model *model);
} model_kind;

extern const model_kind tec_model_kind_tec, tec_model_kind_mae;

struct tec_model {
    const model_kind *kind;
    tec_model_config config;
    tec_params params;
    tec_arena arena;
    int batch, visible, topk;   /* most examples in a micro-batch; visible patches; further queries */
    const tec_example *example; /* of the forward under way */
    int B;                      /* how many */

    encoder encoder;
    decoder decoder;
    patch_prediction patches;    /* pixels, or features */
    class_adaptor class_adaptor; /* TEC from here */
    encoder_adaptor encoder_adaptor;
    attention_prediction attention;

    encoder_cache encoder_cache;
    decoder_cache decoder_cache;
    class_adaptor_cache class_adaptor_cache;
    encoder_adaptor_cache encoder_adaptor_cache;
    attention_prediction_cache attention_cache;
    scratch scratch;
    real *pred;   /* [B (L - V), outputs]; after forward the gradient by it */
    real *target; /* MAE: [L - V, outputs] of one image */
    real *dz;     /* [B (1 + V), D] gradient by what the decoders see */
    real *dx;     /* [B (1 + V), D] gradient by the encoder's output */
};

/* Mean squared error of `pred` on the hidden patches of every image against target(example), summed over images. */
double tec_model_patch_loss(tec_model *model, double scale,
                            const real *(*target)(tec_model *model, const tec_example *example), bool by_patch);

#endif
