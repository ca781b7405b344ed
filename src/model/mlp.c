/* The MLP: fc1, GELU or SwiGLU, perhaps a norm, fc2, forward and backward. */
#include "mlp.h"

#include "matrix.h"

#include "tec/ops.h"

#include <stdio.h>

mlp tec_mlp_register(tec_params *params, int width, int hidden, bool swiglu, tec_activation activation, real norm_eps,
                     const char *prefix)
{
    char name[64];
    mlp m = {.params = params, .width = width, .hidden = hidden, .swiglu = swiglu, .activation = activation};
    int rows = swiglu ? 2 * hidden : hidden;
    m.fc1_weight = tec_params_add(params, TEC_INIT_XAVIER, (int[4]){rows, width}, "%s.fc1.weight", prefix);
    m.fc1_bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){rows}, "%s.fc1.bias", prefix);
    if (norm_eps > 0) {
        snprintf(name, sizeof name, "%s.norm", prefix);
        m.norm = tec_norm_register(params, hidden, norm_eps, name);
    }
    m.fc2_weight = tec_params_add(params, TEC_INIT_XAVIER, (int[4]){width, hidden}, "%s.fc2.weight", prefix);
    m.fc2_bias = tec_params_add(params, TEC_INIT_ZERO, (int[4]){width}, "%s.fc2.bias", prefix);
    return m;
}

void tec_mlp_lay_out(const mlp *m, int R, bool backward, mlp_cache *cache, tec_arena *arena)
{
    cache->gelu = take_reals(arena, R, m->hidden);
    cache->derivative = backward && !m->swiglu ? take_reals(arena, R, m->hidden) : NULL;
    cache->halves = m->swiglu ? take_reals(arena, R, 2 * m->hidden) : NULL;
    cache->normed = m->norm.width ? take_reals(arena, R, m->hidden) : NULL;
    if (m->norm.width)
        tec_norm_lay_out(R, &cache->norm, arena);
}

/* -> cache->gelu */
static void gate(const mlp *m, const real *x, int R, mlp_cache *cache)
{
    int both = 2 * m->hidden;
    tec_linear_forward(x, m->width, tec_params_weight(m->params, m->fc1_weight),
                       tec_params_weight(m->params, m->fc1_bias), R, m->width, both, cache->halves, both);
    tec_swiglu_forward(cache->halves, R, m->hidden, cache->gelu);
}

/* By tec_activation. */
static void (*const forward_only[])(real *x, const real *bias, int R, int O) = {
    tec_gelu_forward_only, tec_gelu_tanh_forward_only, tec_quick_gelu_forward_only};

/* -> cache->gelu, and cache->derivative in training */
static void activate(const mlp *m, const real *x, int R, mlp_cache *cache)
{
    const real *bias = tec_params_weight(m->params, m->fc1_bias);
    bool training = cache->derivative;
    real *u = training ? cache->derivative : cache->gelu;
    tec_linear_forward(x, m->width, tec_params_weight(m->params, m->fc1_weight), NULL, R, m->width, m->hidden, u,
                       m->hidden);
    if (training)
        tec_gelu_forward(u, bias, R, m->hidden, cache->gelu);
    else
        forward_only[m->activation](u, bias, R, m->hidden);
}

void tec_mlp_forward(const mlp *m, const real *x, const real *residual, int R, mlp_cache *cache, real *y)
{
    const real *weight = tec_params_weight(m->params, m->fc2_weight), *bias = tec_params_weight(m->params, m->fc2_bias);
    if (m->swiglu)
        gate(m, x, R, cache);
    else
        activate(m, x, R, cache);
    if (m->norm.width)
        tec_norm_forward(&m->norm, cache->gelu, R, &cache->norm, cache->normed);
    const real *hidden = m->norm.width ? cache->normed : cache->gelu;
    if (residual)
        tec_linear_residual(hidden, weight, bias, residual, R, m->hidden, m->width, y);
    else
        tec_linear_forward(hidden, m->hidden, weight, bias, R, m->hidden, m->width, y, m->width);
}

void tec_mlp_backward(const mlp *m, const real *dy, const real *x, int R, const mlp_cache *cache, real *hidden,
                      real *dx, real beta)
{
    const tec_params *p = m->params;
    tec_linear_backward(dy, m->width, m->norm.width ? cache->normed : cache->gelu, m->hidden,
                        tec_params_weight(p, m->fc2_weight), R, m->hidden, m->width, hidden, m->hidden, 0,
                        tec_params_grad(p, m->fc2_weight), tec_params_grad(p, m->fc2_bias));
    if (m->norm.width) {
        tec_norm_backward(&m->norm, hidden, cache->gelu, R, &cache->norm, cache->normed, false);
        hidden = cache->normed;
    }
    if (m->swiglu) {
        int both = 2 * m->hidden;
        tec_swiglu_backward(hidden, R, m->hidden, cache->halves);
        tec_linear_backward(cache->halves, both, x, m->width, tec_params_weight(p, m->fc1_weight), R, m->width, both,
                            dx, m->width, beta, tec_params_grad(p, m->fc1_weight), tec_params_grad(p, m->fc1_bias));
        return;
    }
    tec_gelu_backward(hidden, cache->derivative, R, m->hidden, tec_params_grad(p, m->fc1_bias));
    tec_linear_backward(hidden, m->hidden, x, m->width, tec_params_weight(p, m->fc1_weight), R, m->width, m->hidden, dx,
                        m->width, beta, tec_params_grad(p, m->fc1_weight), NULL);
}
