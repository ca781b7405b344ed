/* The decoders: what the encoder saw, embedded, with a mask token in the place of every hidden patch, through a few
 * blocks.
 *
 * One (MAE) or two (TEC: feature and attention) decoders with their own embedding, mask token and norm share the
 * blocks, and go through them as one batch: the sequences of decoder 0 first, then those of decoder 1. Within a
 * sequence the tokens stand in the order class, visible patches, hidden patches (attention does not mind, positions
 * come along), so that the rows which reach a loss are the last ones of a sequence: a decoder that predicts hidden
 * patches only asks the last block for those alone. B images, N = 1 + L tokens, V visible, W decoder width. */
#ifndef TEC_MODEL_DECODER_H
#define TEC_MODEL_DECODER_H

#include "block.h"
#include "sequences.h"

#include "tec/model.h"
#include "tec/model_config.h"

enum { MAX_DECODERS = 2 };

typedef struct decoder {
    tec_params *params;
    int input, width, depth, heads, hidden, patches, count;
    struct {
        int embed_weight, embed_bias, mask_token;
        norm norm;
        bool hidden_only; /* its predictions are of the hidden patches */
    } head[MAX_DECODERS];
    int pos_embed;
    block *block; /* [depth] */
} decoder;

typedef struct decoder_cache {
    int visible;
    sequences all, last; /* queries of the first blocks, and of the last one */
    real *x;             /* [distinct, W] rows of the first block's input */
    int *of;             /* [count B N]: which of them each is */
    block_cache *block;
    norm_cache norm[MAX_DECODERS];
    real *normed[MAX_DECODERS];  /* [rows, W] what the predictions are made from; rows = B (L - V) or B N */
    real *dnormed[MAX_DECODERS]; /* gradient by it, filled by the losses */
    real *dlast;                 /* [M, W] gradient by the last block's output */
    real *dmiddle;               /* [count B N, W] gradient by the input of a last block whose output was compact */
    real *dx;                    /* [distinct, W] */
    const real *z;               /* [B (1 + V), input] borrowed */
} decoder_cache;

/* prefix[i] ("forward_fea_decoder." or "") goes before decoder i's own tensors. */
void tec_decoder_register(decoder *d, tec_params *params, const tec_model_config *config, int count,
                          const char *const *prefix, const bool *hidden_only);
void tec_decoder_fill_positions(const decoder *d);
void tec_decoder_free(decoder *d);
void tec_decoder_lay_out(const decoder *d, int B, int visible, decoder_cache *cache, tec_arena *arena);
void tec_decoder_scratch(const decoder *d, int B, int visible, scratch *s);

/* Rows of normed[i] per image. */
int tec_decoder_rows(const decoder *d, int i, int visible);

/* z [B (1 + V), input] -> cache->normed */
void tec_decoder_forward(const decoder *d, const tec_example *example, int B, const real *z, decoder_cache *cache,
                         const scratch *s);

/* From cache->dnormed; dz [B (1 + V), input] is overwritten. */
void tec_decoder_backward(const decoder *d, int B, decoder_cache *cache, const scratch *s, real *dz);

#endif
