/* Module model, private. A transformer block: x + attention(norm1(x)), then + mlp(norm2(.)). Or, in inference only, one
 * whose norms stand elsewhere (tec_block_form).
 *
 * Its input always has all tokens of all sequences. Its output may be needed for some of the tokens only (those with a
 * query, see tec_sequences); queries, projection and MLP are then computed for these alone.
 *
 *   N  tokens of a sequence
 *   R  rows of all sequences: sequences * N
 *   U  distinct rows among them (block_input); R where no two are the same
 *   M  rows with a query, which are those of the output
 *   D  width
 *   H  heads */
#ifndef TEC_MODEL_BLOCK_H
#define TEC_MODEL_BLOCK_H

#include "mlp.h"
#include "norm.h"

typedef struct block_shape {
    int width, heads, hidden;
    bool swiglu;
    tec_activation activation;
    tec_block_form form;
    real norm_eps;
    bool attn_norm, mlp_norm; /* tec_vit_variant */
    int relative_rows;        /* of the table of a relative position bias; 0: there is none */
} block_shape;

/* The input. Rows that are the same, such as the mask tokens of one position in all images, may be stored once: norm1
 * and the linear behind it are then computed for the distinct rows only, and their gradients are summed up. */
typedef struct block_input {
    const real *x;            /* [U, D] */
    int distinct;             /* U */
    const int *of;            /* [R] the row of x for each row of the sequences; NULL: row r for row r */
    const real *keep;         /* [2, R / N] stochastic depth: what the attention and the MLP branch of each sequence are
                       * multiplied by; NULL: 1. Not NULL only if all rows are distinct and have a query. A branch
                       * is not computed where it is 0 */
    const tec_rotary *rotary; /* NULL: none; not NULL only if all rows have a query */
    const int *relative;      /* [N, N] rows of the table of the relative position bias; likewise */
} block_input;

typedef struct block {
    const tec_params *params;
    int width, heads;
    tec_block_form form;
    norm norm1, norm2, attn_norm; /* the last before the projection; width 0: there is none, and no norm2 where branches
                                   * are parallel */
    int qkv_weight, qkv_bias, proj_weight, proj_bias; /* indices of the tensors */
    int relative;                                     /* likewise; only with a relative position bias */
    mlp mlp;
} block;

/* What forward leaves for backward. Where the input says what is kept, h1 to mixed are of the sequences of which the
 * attention branch is, on end, and h2 and mlp of those of which the MLP branch is. */
typedef struct block_cache {
    block_input input; /* borrowed */
    real *h1;          /* [U, D]       norm1(x) */
    real *h1_query;    /* [M, D]       its rows with a query; only where M < R and all rows are distinct */
    real *qkv;         /* [R, 3 D]     M = R: queries, keys and values side by side */
                       /* [M, D]       M < R: queries, and behind them in memory */
                       /* [R, 2 D]            keys and values side by side */
                       /* queries and keys as they are multiplied: turned by rotary positions */
    real *prob;        /* [M, H, N]    attention weights, as tec_attention_forward keeps them; NULL: inference */
    real *mixed;       /* [M, D]       attention's output before the projection */
    real *mixed_norm;  /* [M, D]       attn_norm(mixed); NULL: there is no such norm */
    real *middle;      /* [M, D]       after the residual of attention */
    real *h2;          /* [M, D]       norm2(middle) */
    norm_cache norm1;  /* of U rows */
    norm_cache norm2;  /* of M rows */
    norm_cache attn_norm;
    mlp_cache mlp; /* of M rows */
    real *out;     /* [M, D] */
} block_cache;

/* Scratch memory that all blocks of a model share: the largest need of any of them. Sizes are in reals. */
typedef struct scratch {
    size_t hidden_size, qkv_size, distinct_size, row_size, attention_size;
    real *hidden;    /* [R, hidden] */
    real *qkv;       /* [R, 3 D] */
    real *distinct;  /* [U, 3 D]  of a block whose rows are not all distinct */
    real *row;       /* [R, D] or [U, D] */
    real *query_row; /* the same */
    real *attention; /* [threads, N, N] */
} scratch;

/* Enlarges the sizes for a block of these dimensions. U: 0 where all rows are distinct. */
void tec_scratch_need(scratch *s, int R, int U, int width, int hidden, int N);
void tec_scratch_lay_out(scratch *s, tec_arena *arena);

/* Registers PREFIX.norm1.weight and the other tensors of a block, named as timm does. */
block tec_block_register(tec_params *params, const block_shape *shape, const char *prefix);

/* R, U and M are the most there will be. */
void tec_block_lay_out(const block *b, int R, int U, int M, int N, block_cache *cache, tec_arena *arena);

/* Inference: one cache serves all blocks, and out may be x. All rows are distinct and have a query. */
void tec_block_lay_out_inference(const block *b, int R, block_cache *cache, tec_arena *arena);

/* input [U, D] -> cache->out [M, D] */
void tec_block_forward(const block *b, const tec_sequences *seq, block_input input, block_cache *cache,
                       const scratch *s);

/* From the gradient of the output to that of the input.
 *
 *   d   [M, D]  in: gradient of the output; overwritten
 *   dx  [U, D]  out: d itself where all rows are distinct and have a query, another buffer otherwise */
void tec_block_backward(const block *b, const tec_sequences *seq, real *d, const block_cache *cache, const scratch *s,
                        real *dx);

#endif
