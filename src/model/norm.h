/* A layer norm as registered parameters. */
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
    int width, weight, bias;
    real eps;
} norm;

typedef struct norm_cache {
    real *mean, *rstd; /* [R] */
} norm_cache;

/* Registers NAME.weight and NAME.bias. */
norm tec_norm_register(tec_params *params, int width, real eps, const char *name);
void tec_norm_lay_out(int R, norm_cache *cache, tec_arena *arena);
void tec_norm_forward(const norm *n, const real *x, int R, norm_cache *cache, real *y);

/* dx += the gradient if `add`, else dx = it. */
void tec_norm_backward(const norm *n, const real *dy, const real *x, int R, const norm_cache *cache, real *dx,
                       bool add);

#endif
