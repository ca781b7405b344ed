/* Module model, public. The parameter tensors of a model: one registry call per tensor drives allocation,
 * initialisation, weight decay, reduction, checkpoint names and gradient tests.
 *
 * All weights are in one flat buffer, and all gradients in another with the same offsets:
 *
 *   weight  | trained tensors, last registered first | fixed tensors |
 *   grad    | trained tensors, last registered first |
 *           0                                        trained         total
 *
 * Models register in forward order, so that backward completes the gradients from the beginning of the buffer on, and
 * tells a listener how far it has come. Fixed tensors (position embeddings) have no gradient. Offsets are multiples of
 * 16 reals. Local. */
#ifndef TEC_PARAMS_H
#define TEC_PARAMS_H

#include "tec/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tec_init {
    TEC_INIT_ZERO,
    TEC_INIT_ONE,
    TEC_INIT_XAVIER,    /* uniform(+-sqrt(6 / (rows + columns))), as [dim[0], rest] */
    TEC_INIT_TOKEN,     /* normal, standard deviation 0.02 */
    TEC_INIT_CONV_BIAS, /* uniform(+-1 / sqrt(fan_in)), PyTorch's default; whoever registers it sets fan_in */
    TEC_INIT_HEAD,      /* normal, standard deviation 2e-5, as MAE fine-tunes */
    TEC_INIT_FILLED,    /* trained, but begins with what the model fills in */
    TEC_INIT_FIXED      /* not trained; filled by the model */
} tec_init;

typedef struct tec_param {
    char name[80]; /* as in checkpoints */
    int dims, dim[4];
    size_t count, offset; /* in reals; offset into the flat buffers */
    tec_init init;
    int fan_in;
    bool trained, decayed; /* decayed: subject to weight decay; neither one-dimensional nor a bias */
    double rate;           /* factor on the learning rate (layer-wise decay); 1 unless whoever registers it sets it */
} tec_param;

/* Called when the gradients at all offsets below `end` are complete. */
typedef void tec_params_listener(void *context, size_t end);

typedef struct tec_params {
    tec_param *param; /* in order of registration */
    int count;
    size_t capacity;
    size_t trained, total;         /* reals in the trained part and in all, padding included (which is always zero) */
    real *weight;                  /* [total] */
    real *grad;                    /* [trained]; NULL: a frozen model */
    bool weight_lent, grad_lent;   /* these belong to somebody else: tec_params_move */
    tec_params_listener *listener; /* called during backward; NULL: none */
    void *listener_context;
    char prefix[16]; /* before the names of the tensors that are registered from now on; "": none */
} tec_params;

/* Gradients [first, first + count) of the flat buffer are expected to be at most 2^exponent. */
typedef struct tec_expected {
    size_t first, count;
    int exponent;
} tec_expected;

/* Registers a tensor, named params->prefix and the name; returns its index. The shape ends at the first dim[i] of 0. */
int tec_params_add(tec_params *params, tec_init init, const int dim[4], const char *name_format, ...)
    __attribute__((format(printf, 4, 5)));

/* After the last registration: computes the offsets and allocates the buffers, zeroed. */
void tec_params_allocate(tec_params *params, bool with_gradients);
void tec_params_free(tec_params *params);

/* From now on weights and gradients are in memory of the caller's, which has to hold what they are by then and must outlive
 * them. NULL: they stay where they are.
 *
 *   weight  [total]
 *   grad    [trained] */
void tec_params_move(tec_params *params, real *weight, real *grad);

/* Draws every trained tensor, each from the stream (seed, TEC_STREAM_INIT, index) of tec/philox.h. */
void tec_params_initialize(tec_params *params, uint64_t seed);

/* NULL: there is no such tensor. */
const tec_param *tec_params_find(const tec_params *params, const char *name);

/* Hash of the names, shapes and values (as float32) of all tensors, in order of registration: it ties a target store to
 * its base model. */
uint64_t tec_params_hash(const tec_params *params);

static inline real *tec_params_weight(const tec_params *params, int index)
{
    return params->weight + params->param[index].offset;
}

/* NULL: the tensor is fixed, or the model frozen. */
static inline real *tec_params_grad(const tec_params *params, int index)
{
    return params->grad && params->param[index].trained ? params->grad + params->param[index].offset : 0;
}

/* Called by backward: the gradients of tensor `index` and of all tensors registered after it are complete. */
static inline void tec_params_finish(const tec_params *params, int index)
{
    if (params->listener)
        params->listener(params->listener_context, params->param[index].offset + params->param[index].count);
}

#endif
