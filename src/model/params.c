/* The registry of parameter tensors: order, layout in the flat buffers, initial values. */
#include "tec/params.h"

#include "tec/memory.h"
#include "tec/philox.h"
#include "tec/text.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In reals: tensors begin on cache lines. */
enum { ALIGNMENT = 16 };

static size_t padded(size_t count)
{
    return (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int tec_params_add(tec_params *params, tec_init init, const int dim[4], const char *name_format, ...)
{
    params->param = tec_grow(params->param, (size_t)params->count, &params->capacity, sizeof *params->param);
    tec_param *p = &params->param[params->count];
    *p = (tec_param){.init = init, .count = 1, .rate = 1};
    va_list arguments;
    va_start(arguments, name_format);
    int length = snprintf(p->name, sizeof p->name, "%s", params->prefix);
    length += vsnprintf(p->name + length, sizeof p->name - (size_t)length, name_format, arguments);
    va_end(arguments);
    assert(length < (int)sizeof p->name);
    for (p->dims = 0; p->dims < 4 && dim[p->dims]; p->dims++) {
        p->dim[p->dims] = dim[p->dims];
        p->count *= (size_t)dim[p->dims];
    }
    p->fan_in = (int)(p->count / (size_t)p->dim[0]);
    p->trained = init != TEC_INIT_FIXED;
    p->decayed = p->trained && p->dims > 1 && !tec_string_ends_with(p->name, ".bias");
    return params->count++;
}

void tec_params_allocate(tec_params *params, bool with_gradients)
{
    size_t offset = 0;
    for (int i = params->count - 1; i >= 0; i--)
        if (params->param[i].trained) {
            params->param[i].offset = offset;
            offset += padded(params->param[i].count);
        }
    params->trained = offset;
    for (int i = 0; i < params->count; i++)
        if (!params->param[i].trained) {
            params->param[i].offset = offset;
            offset += padded(params->param[i].count);
        }
    params->total = offset;
    params->weight = tec_allocate_zeroed(params->total, sizeof(real));
    params->grad = with_gradients ? tec_allocate_zeroed(params->trained, sizeof(real)) : NULL;
}

void tec_params_free(tec_params *params)
{
    free(params->param);
    if (!params->weight_lent)
        free(params->weight);
    if (!params->grad_lent)
        free(params->grad);
    *params = (tec_params){0};
}

static void move(real **buffer, bool *lent, real *to)
{
    if (!to)
        return;
    if (!*lent)
        free(*buffer);
    *buffer = to;
    *lent = true;
}

void tec_params_move(tec_params *params, real *weight, real *grad)
{
    move(&params->weight, &params->weight_lent, weight);
    move(&params->grad, &params->grad_lent, grad);
}

static void draw(const tec_param *p, tec_philox random, real *w)
{
    double bound = p->init == TEC_INIT_XAVIER ? sqrt(6.0 / (p->fan_in + p->dim[0])) : 1 / sqrt(p->fan_in);
    for (size_t i = 0; i < p->count; i++)
        switch (p->init) {
        case TEC_INIT_ONE:
            w[i] = 1;
            break;
        case TEC_INIT_XAVIER:
        case TEC_INIT_CONV_BIAS:
            w[i] = (real)(bound * (2 * tec_philox_uniform(&random) - 1));
            break;
        case TEC_INIT_TOKEN:
            w[i] = (real)(0.02 * tec_philox_normal(&random));
            break;
        case TEC_INIT_HEAD:
            w[i] = (real)(2e-5 * tec_philox_normal(&random));
            break;
        case TEC_INIT_ZERO:
        case TEC_INIT_FILLED:
        case TEC_INIT_FIXED:
            break;
        }
}

void tec_params_initialize(tec_params *params, uint64_t seed)
{
    for (int i = 0; i < params->count; i++)
        if (params->param[i].trained)
            draw(&params->param[i], tec_philox_start(seed, TEC_STREAM_INIT, (uint64_t)i, 0, 0),
                 tec_params_weight(params, i));
}

const tec_param *tec_params_find(const tec_params *params, const char *name)
{
    for (int i = 0; i < params->count; i++)
        if (strcmp(params->param[i].name, name) == 0)
            return &params->param[i];
    return NULL;
}
