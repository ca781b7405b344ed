/* TEC's two adaptors (arXiv 2210.11016, section 3.3): the class token goes through an MLP before the encoder (input
 * adaptor); the outputs of all blocks are fused into what the decoders see (encoder adaptor): LayerNorm over their
 * concatenation, a linear per group of blocks, a residual MLP each, their sum, LayerNorm. R rows, D width. */
#ifndef TEC_MODEL_ADAPTORS_H
#define TEC_MODEL_ADAPTORS_H

#include "block.h"

#include "tec/model_config.h"

typedef struct encoder_adaptor {
    tec_params *params;
    int width, depth, groups;
    int before_weight, before_bias;
    struct {
        int weight, bias;
        mlp mlp;
    } * group;
    norm after;
} encoder_adaptor;

typedef struct encoder_adaptor_cache {
    const real **x; /* [depth] -> [R, D], borrowed */
    norm_cache before, after;
    real *normed; /* [R, depth D] */
    struct {
        real *fused; /* [R, D] */
        mlp_cache mlp;
    } * group;
    real *dnormed; /* [R, depth D] */
    real *dfused;  /* [R, D] */
    real *sum;     /* [R, D] */
    real *out;     /* [R, D] */
} encoder_adaptor_cache;

void tec_encoder_adaptor_register(encoder_adaptor *a, tec_params *params, const tec_model_config *config);
void tec_encoder_adaptor_free(encoder_adaptor *a);
void tec_encoder_adaptor_lay_out(const encoder_adaptor *a, int R, encoder_adaptor_cache *cache, tec_arena *arena);
void tec_encoder_adaptor_scratch(const encoder_adaptor *a, int R, scratch *s);

/* cache->x is set by the caller. -> cache->out */
void tec_encoder_adaptor_forward(const encoder_adaptor *a, int R, encoder_adaptor_cache *cache);

/* dout [R, D] -> cache->dnormed [R, depth D]: gradients by the blocks' outputs. */
void tec_encoder_adaptor_backward(const encoder_adaptor *a, const real *dout, int R, encoder_adaptor_cache *cache,
                                  const scratch *s);

/* The class-token MLP on its one row. */
typedef struct class_adaptor {
    tec_params *params;
    int token;
    mlp mlp;
} class_adaptor;

typedef struct class_adaptor_cache {
    mlp_cache mlp;
    real *out, *dout; /* [D] */
} class_adaptor_cache;

void tec_class_adaptor_register(class_adaptor *a, tec_params *params, int cls_token, int width);
void tec_class_adaptor_lay_out(const class_adaptor *a, class_adaptor_cache *cache, tec_arena *arena);
void tec_class_adaptor_forward(const class_adaptor *a, class_adaptor_cache *cache); /* -> cache->out */
void tec_class_adaptor_scratch(const class_adaptor *a, scratch *s);
void tec_class_adaptor_backward(const class_adaptor *a, const class_adaptor_cache *cache,
                                const scratch *s); /* from cache->dout */

#endif
