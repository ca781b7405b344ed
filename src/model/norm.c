/* Registers a layer norm, and calls the operator with its parameters. */
#include "norm.h"

#include "matrix.h"

norm tec_norm_register(tec_params *params, int width, real eps, const char *name)
{
    norm n = {.params = params, .width = width, .eps = eps};
    n.weight = tec_params_add(params, TEC_INIT_ONE, (int[4]){width}, "%s.weight", name);
    n.bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){width}, "%s.bias", name);
    return n;
}

void tec_norm_lay_out(int R, norm_cache *cache, tec_arena *arena)
{
    cache->mean = take_reals(arena, R, 1);
    cache->rstd = take_reals(arena, R, 1);
}

void tec_norm_forward(const norm *n, const real *x, int R, norm_cache *cache, real *y)
{
    tec_layernorm_forward(x, tec_params_weight(n->params, n->weight), tec_params_weight(n->params, n->bias), n->eps, R,
                          n->width, y, cache->mean, cache->rstd);
}

void tec_norm_backward(const norm *n, const real *dy, const real *x, int R, const norm_cache *cache, real *dx, bool add)
{
    tec_layernorm_backward(dy, x, cache->mean, cache->rstd, tec_params_weight(n->params, n->weight), R, n->width, dx,
                           add, tec_params_grad(n->params, n->weight), tec_params_grad(n->params, n->bias));
}
