/* Module model, private. A layer norm with its registered parameters. */
#ifndef TEC_MODEL_NORM_H
#define TEC_MODEL_NORM_H

#include "tec/arena.h"
#include "tec/ops.h"
#include "tec/params.h"

/* eps of every norm of the model; the encoder adaptor's two keep PyTorch's default. */
#define NORM_EPS ((real)1e-6)
#define ADAPTOR_NORM_EPS ((real)1e-5)

typedef struct norm {
    const tec_params *params;
    int width, weight, bias; /* D; indices of the tensors */
    real eps;
} norm;

/* What forward leaves for backward. */
typedef struct norm_cache {
    real *mean, *rstd; /* [R] */
} norm_cache;

/* Registers NAME.weight and NAME.bias. */
norm tec_norm_register(tec_params *params, int width, real eps, const char *name);
void tec_norm_lay_out(int R, norm_cache *cache, tec_arena *arena);

/*   x  [R, D]
 *   y  [R, D] */
void tec_norm_forward(const norm *n, const real *x, int R, norm_cache *cache, real *y);

/* With `add` dx += the gradient, otherwise dx = the gradient.
 *
 *   dy, x  [R, D]
 *   dx     [R, D]  may not overlap dy */
void tec_norm_backward(const norm *n, const real *dy, const real *x, int R, const norm_cache *cache, real *dx,
                       bool add);

#endif
