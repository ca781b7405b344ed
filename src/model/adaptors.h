/* Module model, private. TEC's two adaptors (arXiv 2210.11016, section 3.3).
 *
 * Input adaptor: the class token goes through an MLP before the encoder. Encoder adaptor: the outputs of all blocks are
 * fused into what the decoders see: LayerNorm over their concatenation, a linear per group of blocks, a residual MLP
 * each, their sum, LayerNorm.
 *
 *   R  rows: tokens of all images
 *   D  width */
#ifndef TEC_MODEL_ADAPTORS_H
#define TEC_MODEL_ADAPTORS_H

#include "block.h"

#include "tec/model_config.h"

/* Members named weight or bias are indices of tensors. */
typedef struct encoder_adaptor {
    tec_params *params;
    int width, depth, groups;
    int before_weight, before_bias; /* the first LayerNorm */
    struct {
        int weight, bias;
        mlp mlp;
    } * group; /* [groups] */
    norm after;
} encoder_adaptor;

typedef struct encoder_adaptor_cache {
    const real **x; /* [depth] -> [R, D]  outputs of the blocks, borrowed */
    norm_cache before, after;
    real *normed; /* [R, depth D] */
    struct {
        real *fused; /* [R, D] */
        mlp_cache mlp;
    } * group;     /* [groups] */
    real *dnormed; /* [R, depth D] */
    real *dfused;  /* [R, D] */
    real *sum;     /* [R, D] */
    real *out;     /* [R, D] */
} encoder_adaptor_cache;

void tec_encoder_adaptor_register(encoder_adaptor *a, tec_params *params, const tec_model_config *config);
void tec_encoder_adaptor_free(encoder_adaptor *a); /* what registering allocated, not the parameters */
void tec_encoder_adaptor_lay_out(const encoder_adaptor *a, int R, encoder_adaptor_cache *cache, tec_arena *arena);
void tec_encoder_adaptor_scratch(const encoder_adaptor *a, int R, scratch *s);

/* cache->x, which the caller sets, -> cache->out [R, D] */
void tec_encoder_adaptor_forward(const encoder_adaptor *a, int R, encoder_adaptor_cache *cache);

/* From the gradient of cache->out to those of all tensors and of the blocks' outputs: cache->dnormed [R, depth D].
 *
 *   dout  [R, D] */
void tec_encoder_adaptor_backward(const encoder_adaptor *a, const real *dout, int R, encoder_adaptor_cache *cache,
                                  const scratch *s);

/* The MLP of the class token, on its one row. */
typedef struct class_adaptor {
    tec_params *params;
    int token; /* index of the class token's tensor */
    mlp mlp;
} class_adaptor;

typedef struct class_adaptor_cache {
    mlp_cache mlp;
    real *out;  /* [D] */
    real *dout; /* [D] its gradient */
} class_adaptor_cache;

void tec_class_adaptor_register(class_adaptor *a, tec_params *params, int cls_token, int width);
void tec_class_adaptor_lay_out(const class_adaptor *a, class_adaptor_cache *cache, tec_arena *arena);
void tec_class_adaptor_scratch(const class_adaptor *a, scratch *s);

/* -> cache->out */
void tec_class_adaptor_forward(const class_adaptor *a, class_adaptor_cache *cache);

/* From cache->dout to the gradients of all tensors. */
void tec_class_adaptor_backward(const class_adaptor *a, const class_adaptor_cache *cache, const scratch *s);

#endif
