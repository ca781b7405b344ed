/* Module model, private. The MLP of transformer blocks and adaptors: two linears with a GELU between them.
 *
 * Or SwiGLU (arXiv 2002.05202), in which the first linear yields two halves, and silu of one gates the other. Or an
 * approximation of the GELU, forward only. With a norm of the hidden layer before the second linear, or without. */
#ifndef TEC_MODEL_MLP_H
#define TEC_MODEL_MLP_H

#include "norm.h"

#include "tec/arena.h"
#include "tec/model_config.h"
#include "tec/params.h"

#include <stdbool.h>

typedef struct mlp {
    const tec_params *params;
    int width, hidden;
    bool swiglu;
    tec_activation activation;                      /* without SwiGLU; only the GELU has a backward */
    int fc1_weight, fc1_bias, fc2_weight, fc2_bias; /* indices of the tensors */
    norm norm;                                      /* before fc2; width 0: there is none */
} mlp;

/* What forward leaves for backward. */
typedef struct mlp_cache {
    real *gelu;       /* [R, hidden] what fc2, or the norm before it, is applied to */
    real *derivative; /* [R, hidden] of the GELU; NULL: inference, or SwiGLU */
    real *halves;     /* [R, 2 hidden] SwiGLU, backward overwrites them by their gradient; NULL: GELU */
    real *normed;     /* [R, hidden] what fc2 is applied to, likewise; NULL: there is no norm */
    norm_cache norm;
} mlp_cache;

/* Registers PREFIX.fc1.weight, PREFIX.fc1.bias, PREFIX.fc2.weight, PREFIX.fc2.bias; and PREFIX.norm, of this eps, unless
 * that is 0. */
mlp tec_mlp_register(tec_params *params, int width, int hidden, bool swiglu, tec_activation activation, real norm_eps,
                     const char *prefix);
void tec_mlp_lay_out(const mlp *m, int R, bool backward, mlp_cache *cache, tec_arena *arena);

/* y = residual + fc2(gelu(fc1(x)))
 *
 *   x         [R, width]
 *   residual  [R, width]  NULL: none
 *   y         [R, width]  may be residual */
void tec_mlp_forward(const mlp *m, const real *x, const real *residual, int R, mlp_cache *cache, real *y);

/* dx = beta * dx + the gradient, where beta is 0 or 1. The gradient of the residual is dy itself.
 *
 *   dy, x   [R, width]
 *   hidden  [R, hidden]  scratch
 *   dx      [R, width] */
void tec_mlp_backward(const mlp *m, const real *dy, const real *x, int R, const mlp_cache *cache, real *hidden,
                      real *dx, real beta);

#endif
