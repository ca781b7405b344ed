/* Two linears with a GELU between them, as in a transformer block and in both adaptors; or, forward only, SwiGLU: the
 * first linear has two halves, and silu of the one gates the other (arXiv 2002.05202). */
#ifndef TEC_MODEL_MLP_H
#define TEC_MODEL_MLP_H

#include "tec/arena.h"
#include "tec/params.h"

#include <stdbool.h>

typedef struct mlp {
    const tec_params *params;
    int width, hidden;
    bool swiglu;
    int fc1_weight, fc1_bias, fc2_weight, fc2_bias;
} mlp;

/* What forward leaves for backward. derivative NULL: inference. */
typedef struct mlp_cache {
    real *gelu, *derivative; /* [R, hidden] */
    real *halves;            /* [R, 2 hidden], SwiGLU */
} mlp_cache;

/* Registers PREFIX.fc1.weight ... */
mlp tec_mlp_register(tec_params *params, int width, int hidden, bool swiglu, const char *prefix);
void tec_mlp_lay_out(const mlp *m, int R, bool backward, mlp_cache *cache, tec_arena *arena);

/* y [R, width] = residual [R, width] + fc2(gelu(fc1(x [R, width]))); y may be residual; NULL: no residual. */
void tec_mlp_forward(const mlp *m, const real *x, const real *residual, int R, mlp_cache *cache, real *y);

/* dx = (beta 0) or += (beta 1) the gradient by x; that by the residual is dy itself. hidden [R, hidden] is scratch. */
void tec_mlp_backward(const mlp *m, const real *dy, const real *x, int R, const mlp_cache *cache, real *hidden,
                      real *dx, real beta);

#endif
