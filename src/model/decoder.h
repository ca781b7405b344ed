/* Module model, private. The decoders: what the encoder saw, embedded, with a mask token in place of every hidden
 * patch, through a few blocks.
 *
 * One decoder (MAE) or two (TEC: feature and attention), each with its own embedding, mask token and norm, share the
 * blocks and pass through them as one batch: first the sequences of decoder 0, then those of decoder 1. The tokens of a
 * sequence are in the order class, visible patches, hidden patches. (Attention does not depend on the order, and each
 * token carries its position.) The rows that reach a loss are thus the last ones of a sequence, and the last block of a
 * decoder that predicts hidden patches only computes no others.
 *
 *   B  images
 *   L  patches of an image, V of them visible
 *   N  tokens of a sequence: 1 + L
 *   W  width of the decoders
 *   D  width of the encoder
 *   R  rows of all sequences: decoders * B * N
 *   U  distinct rows among them: decoders * (B (1 + V) + L), as mask tokens of one position are the same in all images
 *   M  rows that reach a loss */
#ifndef TEC_MODEL_DECODER_H
#define TEC_MODEL_DECODER_H

#include "block.h"
#include "sequences.h"

#include "tec/model.h"
#include "tec/model_config.h"

enum { MAX_DECODERS = 2 };

typedef struct decoder {
    tec_params *params;
    int input, width, depth, heads, hidden, patches, count; /* input: D, width: W, patches: L, count: of decoders */
    struct {
        int embed_weight, embed_bias, mask_token; /* indices of the tensors */
        norm norm;
        bool hidden_only; /* its predictions are of the hidden patches */
    } head[MAX_DECODERS];
    tec_size grid; /* of the patches */
    int pos_embed;
    block *block; /* [depth] */
} decoder;

typedef struct decoder_cache {
    int visible;         /* V */
    sequences all, last; /* queries of the first blocks, and of the last one */
    real *x;             /* [U, W]  input of the first block */
    int *of;             /* [R]     which row of x each row of the sequences is */
    block_cache *block;  /* [depth] */
    norm_cache norm[MAX_DECODERS];
    real *normed[MAX_DECODERS];  /* [B (L - V) or B N, W]  what predictions are made from */
    real *dnormed[MAX_DECODERS]; /* the same shape; its gradient, filled by the losses */
    real *dlast;                 /* [M, W]  gradient of the last block's output */
    real *dmiddle;               /* [R, W]  gradient of the last block's input where M < R */
    real *dx;                    /* [U, W]  gradient of the first block's input */
    const real *z;               /* [B (1 + V), D]  borrowed */
} decoder_cache;

/* prefix[i] ("forward_fea_decoder." or "") precedes the names of the tensors that only decoder i has.
 *
 *   prefix, hidden_only  [count] */
void tec_decoder_register(decoder *d, tec_params *params, const tec_model_config *config, int count,
                          const char *const *prefix, const bool *hidden_only);
void tec_decoder_fill_positions(const decoder *d);
void tec_decoder_free(decoder *d); /* what tec_decoder_register allocated, not the parameters */
void tec_decoder_lay_out(const decoder *d, int B, int visible, decoder_cache *cache, tec_arena *arena);
void tec_decoder_scratch(const decoder *d, int B, int visible, scratch *s);

/* Rows of normed[i] per image. */
int tec_decoder_rows(const decoder *d, int i, int visible);

/* z -> cache->normed
 *
 *   example  [B]
 *   z        [B (1 + V), D]  borrowed until backward */
void tec_decoder_forward(const decoder *d, const tec_example *example, int B, const real *z, decoder_cache *cache,
                         const scratch *s);

/* From cache->dnormed to the gradients of all tensors and of z.
 *
 *   dz  [B (1 + V), D]  overwritten */
void tec_decoder_backward(const decoder *d, int B, decoder_cache *cache, const scratch *s, real *dz);

#endif
