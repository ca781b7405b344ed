/* Module model, private. The Vision Transformer encoder on the visible patches of each image (MAE, arXiv 2111.06377):
 * patch embedding, class token, positions, blocks, final norm.
 *
 * With all patches visible it is an ordinary ViT or, for inference and in classifiers, one of its variants
 * (tec_vit_variant). Positions are trained in a classifier, and fixed otherwise.
 *
 *   B  images
 *   V  visible patches of an image
 *   P  tokens before them; 1, the class token, unless a variant says otherwise
 *   N  tokens of an image: P + V
 *   D  width
 *   c  channels, p side of a patch in pixels */
#ifndef TEC_MODEL_ENCODER_H
#define TEC_MODEL_ENCODER_H

#include "block.h"
#include "sequences.h"

#include "tec/model.h"
#include "tec/model_config.h"

/* Members named after a tensor are its index; -1: a variant without it. */
typedef struct encoder {
    tec_params *params;
    tec_model_config config;
    int prefix; /* P */
    int patch_weight, patch_bias, cls_token, pos_embed;
    int dist_token, reg_token;
    int rotary_table; /* of periods, or, where they are learnt, of frequencies */
    norm norm_pre;    /* of a variant with pre_norm */
    block *block;     /* [depth] */
    norm norm;        /* of the tokens, or of what they are pooled to (fc_norm); of a variant without no_norm */
} encoder;

typedef struct encoder_cache {
    int visible; /* V */
    sequences seq;
    int *relative;       /* [N, N]  of a relative position bias; NULL: there is none */
    tec_rotary *rotary;  /* [depth]  NULL: there are none */
    real *cosine, *sine; /* [L, D / H / 2]  of rotary positions; MIXED: [depth, L, H, D / H / 2] */
    real *turned_by;     /* the table of periods or frequencies that these two are of, once there is one (is_turned) */
    bool is_turned;
    real *patches;  /* [B V, c p p] */
    real *embedded; /* [B V, D] */
    real *x;        /* [B N, D]  input of the first block, or of norm_pre */
    real *pre;      /* [B N, D]  output of norm_pre; only with pre_norm, in training */
    norm_cache pre_norm;
    real *keep;         /* [depth, 2, B]  classifier: stochastic depth */
    block_cache *block; /* [depth]   inference: the first serves all */
    norm_cache norm;
    real *normed; /* [B N, D] */
} encoder_cache;

/* Registers all tensors. tec_encoder_fill_positions fills the position table, and tec_encoder_fill_periods those of rotary
 * positions, once they are allocated. */
void tec_encoder_register(encoder *e, tec_params *params, const tec_model_config *config);
void tec_encoder_fill_positions(const encoder *e);
void tec_encoder_fill_periods(const encoder *e);
void tec_encoder_free(encoder *e); /* what tec_encoder_register allocated, not the parameters */

void tec_encoder_lay_out(const encoder *e, int B, int visible, encoder_cache *cache, tec_arena *arena);
void tec_encoder_lay_out_inference(const encoder *e, int B, encoder_cache *cache, tec_arena *arena);
void tec_encoder_scratch(const encoder *e, int B, int visible, scratch *s);

/* The rows of the tables of the relative position bias; NULL: there is none. They stay in the cache. */
const int *tec_encoder_relative(const encoder *e, encoder_cache *cache);

/* The angles of rotary positions, from their table: [depth], of each block; NULL: there are none. They stay in the
 * cache, and are computed anew where the table has changed. */
const tec_rotary *tec_encoder_rotary(const encoder *e, encoder_cache *cache);

/* Embeds the visible patches, with their positions, into the rows of cache->x behind the first P of every image.
 *
 *   example  [B] */
void tec_encoder_embed_patches(const encoder *e, const tec_example *example, int B, encoder_cache *cache);

/* The same, the tokens before the patches and all blocks: the outputs are in cache->block[i].out. Returns the last.
 *
 *   example    [B]
 *   class_row  [D]  without its position; NULL: a variant without
 *   result     [B N, D] */
const real *tec_encoder_blocks_forward(const encoder *e, const tec_example *example, int B, const real *class_row,
                                       encoder_cache *cache, const scratch *s);

/* The same and the final norm of all tokens -> cache->normed. */
void tec_encoder_forward(const encoder *e, const tec_example *example, int B, const real *class_row,
                         encoder_cache *cache, const scratch *s);

/* What a classifier, or an evaluation, takes of an image: the mean of the L patches, or the class token.
 *
 *   tokens  [P + L, D]
 *   out     [D] */
void tec_encoder_pool(const encoder *e, const real *tokens, int L, bool mean, real *out);

/* From the gradient of the last block's output to those of all tensors and of the class token.
 *
 *   d       [B N, D]        in: gradient of the last block's output; overwritten
 *   extra   [B N, depth D]  columns i D .. (i + 1) D - 1: what else to add to the gradient of the output of block i,
 *                           i < depth - 1; NULL: nothing
 *   dclass  [D]             gradient of class_row, added to; NULL: there is none */
void tec_encoder_backward(const encoder *e, int B, real *d, const real *extra, real *dclass, const encoder_cache *cache,
                          const scratch *s);

#endif
