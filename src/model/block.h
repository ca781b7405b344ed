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

typedef struct block {
    const tec_params *params;
    int width, heads;
    norm norm1, norm2;
    int qkv_weight, qkv_bias, proj_weight, proj_bias;
    mlp mlp;
} block;

/* What forward leaves for backward; R rows of input, M of output. */
typedef struct block_cache {
    const real *x;  /* [R, D] the block's input, borrowed */
    real *h1;       /* [R, D] norm1(x) */
    real *h1_query; /* [M, D] its rows with a query; only where not all have one */
    real *qkv;      /* [R, 3 D], or [M, D] queries and behind them [R, 2 D] keys and values */
    real *prob;     /* attention weights; NULL: inference */
    real *mixed;    /* [M, D] attention's output before the projection */
    real *middle;   /* [M, D] after the attention's residual */
    real *h2;       /* [M, D] norm2(middle) */
    norm_cache norm1, norm2;
    mlp_cache mlp;
    real *out; /* [M, D] */
} block_cache;

/* Scratch that all blocks of a model share; the largest need of any of them. */
typedef struct scratch {
    size_t hidden_size, qkv_size, row_size, attention_size; /* in reals */
    real *hidden;                                           /* [R, hidden] */
    real *qkv;                                              /* [R, 3 D] */
    real *row;                                              /* [R, D] */
    real *query_row;                                        /* [R, D] */
    real *attention;                                        /* [threads, N, N] */
} scratch;

void scratch_need(scratch *s, int R, int width, int hidden, int N);
void scratch_lay_out(scratch *s, tec_arena *arena);

/* Registers PREFIX.norm1.weight ... */
block block_register(tec_params *params, const block_shape *shape, const char *prefix);

/* R rows of input and M of output at most; N tokens a sequence. */
void block_lay_out(const block *b, int R, int M, int N, block_cache *cache, tec_arena *arena);

/* Inference: one cache serves all blocks, and out may be x (all queries only). */
void block_lay_out_inference(const block *b, int R, block_cache *cache, tec_arena *arena);

void block_forward(const block *b, const tec_sequences *seq, const real *x, block_cache *cache, const scratch *s);

/* In: d [M, D] the gradient by the output; it is overwritten. Out: dx [R, D] that by the input: d itself where every
 * row has a query, another buffer otherwise. */
void block_backward(const block *b, const tec_sequences *seq, real *d, const block_cache *cache, const scratch *s,
                    real *dx);

#endif
