/* A pre-norm transformer block: x + attention(norm1(x)), then + mlp(norm2(.)).
 *
 * Its input always has all tokens of all sequences; its output may be wanted for a part of them only (tec_sequences),
 * and then queries, projection and MLP are computed for that part alone. */
#ifndef TEC_MODEL_BLOCK_H
#define TEC_MODEL_BLOCK_H

#include "mlp.h"
#include "norm.h"

typedef struct block_shape {
    int width, heads, hidden;
    bool swiglu;
    real norm_eps;
} block_shape;

/* The input. Rows of it that are the same, such as the mask tokens of one position in all images, may be there once:
 * norm1 and the products behind it are then computed for the distinct rows alone, and their gradients summed up. */
typedef struct block_input {
    const real *x; /* [distinct, D] */
    int distinct;
    const int *of; /* [R]: the row of x that row r of the sequences is; NULL: row r */
} block_input;

typedef struct block {
    const tec_params *params;
    int width, heads;
    norm norm1, norm2;
    int qkv_weight, qkv_bias, proj_weight, proj_bias;
    mlp mlp;
} block;

/* What forward leaves for backward; R rows of sequences, U distinct ones, M of output. */
typedef struct block_cache {
    block_input input; /* borrowed */
    real *h1;          /* [U, D] norm1(x) */
    real *h1_query;    /* [M, D] its rows with a query; only where not all have one, and all are distinct */
    real *qkv;         /* [R, 3 D], or [M, D] queries and behind them [R, 2 D] keys and values */
    real *prob;        /* attention weights; NULL: inference */
    real *mixed;       /* [M, D] attention's output before the projection */
    real *middle;      /* [M, D] after the attention's residual */
    real *h2;          /* [M, D] norm2(middle) */
    norm_cache norm1, norm2;
    mlp_cache mlp;
    real *out; /* [M, D] */
} block_cache;

/* Scratch that all blocks of a model share; the largest need of any of them. */
typedef struct scratch {
    size_t hidden_size, qkv_size, distinct_size, row_size, attention_size; /* in reals */
    real *hidden;                                                          /* [R, hidden] */
    real *qkv;                                                             /* [R, 3 D] */
    real *distinct;  /* [U, 3 D], of a block whose rows are not all distinct */
    real *row;       /* [R, D] or [U, D] */
    real *query_row; /* the same */
    real *attention; /* [threads, N, N] */
} scratch;

/* U: 0 where all rows are distinct. */
void tec_scratch_need(scratch *s, int R, int U, int width, int hidden, int N);
void tec_scratch_lay_out(scratch *s, tec_arena *arena);

/* Registers PREFIX.norm1.weight ... */
block tec_block_register(tec_params *params, const block_shape *shape, const char *prefix);

/* R rows of sequences, U distinct ones and M of output at most; N tokens a sequence. */
void tec_block_lay_out(const block *b, int R, int U, int M, int N, block_cache *cache, tec_arena *arena);

/* Inference: one cache serves all blocks, and out may be x (all rows distinct, all with a query). */
void tec_block_lay_out_inference(const block *b, int R, block_cache *cache, tec_arena *arena);

void tec_block_forward(const block *b, const tec_sequences *seq, block_input input, block_cache *cache,
                       const scratch *s);

/* In: d [M, D] the gradient by the output; it is overwritten. Out: dx [U, D] that by the input: d itself where all rows
 * are distinct and have a query, another buffer otherwise. */
void tec_block_backward(const block *b, const tec_sequences *seq, real *d, const block_cache *cache, const scratch *s,
                        real *dx);

#endif
