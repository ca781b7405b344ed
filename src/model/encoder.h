/* The Vision Transformer encoder on the visible patches of each image (MAE, arXiv 2111.06377): patch embedding, class
 * token, fixed positions, blocks, final norm. All patches visible: an ordinary ViT, or one of its variants
 * (tec_vit_variant, inference only). B images, V visible patches, P tokens before them (1: the class token), N = P + V.
 */
#ifndef TEC_MODEL_ENCODER_H
#define TEC_MODEL_ENCODER_H

#include "block.h"
#include "sequences.h"

#include "tec/model.h"
#include "tec/model_config.h"

typedef struct encoder {
    tec_params *params;
    tec_model_config config;
    int prefix;                                         /* P */
    int patch_weight, patch_bias, cls_token, pos_embed; /* tensors; of a variant without it, cls_token is -1 */
    int dist_token, reg_token;                          /* -1 where there is none */
    norm norm_pre;                                      /* of a variant with pre_norm */
    block *block;                                       /* [depth] */
    norm norm;                                          /* of the tokens, or of what they are pooled to (fc_norm) */
} encoder;

typedef struct encoder_cache {
    int visible; /* V */
    sequences seq;
    real *patches;      /* [B V, c p p] */
    real *embedded;     /* [B V, D] */
    real *x;            /* [B N, D] input of the first block */
    block_cache *block; /* [depth]; inference: the first serves all */
    norm_cache norm;
    real *normed; /* [B N, D] */
} encoder_cache;

/* Registers every tensor; the tensors of the position table are filled by tec_encoder_fill_positions once allocated. */
void tec_encoder_register(encoder *e, tec_params *params, const tec_model_config *config);
void tec_encoder_fill_positions(const encoder *e);
void tec_encoder_free(encoder *e); /* what tec_encoder_register allocated, not the parameters */

void tec_encoder_lay_out(const encoder *e, int B, int visible, encoder_cache *cache, tec_arena *arena);
void tec_encoder_lay_out_inference(const encoder *e, int B, encoder_cache *cache, tec_arena *arena);
void tec_encoder_scratch(const encoder *e, int B, int visible, scratch *s);

/* Patch embedding with positions into the rows of cache->x behind the first P of every image. */
void tec_encoder_embed_patches(const encoder *e, const tec_example *example, int B, encoder_cache *cache);

/* That and the class token (class_row [D], before its position). */
void tec_encoder_embed(const encoder *e, const tec_example *example, int B, const real *class_row,
                       encoder_cache *cache);

/* tec_encoder_embed and all blocks, then the final norm. The output of block i stays in cache->block[i].out. */
void tec_encoder_forward(const encoder *e, const tec_example *example, int B, const real *class_row,
                         encoder_cache *cache, const scratch *s);

/* d [B N, D]: gradient by the last block's output; overwritten. extra [B N, depth D], unless NULL: columns i D ... hold
 * what the output of block i < depth - 1 gets from elsewhere. dclass [D] is added to. */
void tec_encoder_backward(const encoder *e, int B, real *d, const real *extra, real *dclass, const encoder_cache *cache,
                          const scratch *s);

#endif
