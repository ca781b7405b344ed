/* The parameter tensors of a model: one registry call per tensor drives allocation, initialisation, decay, reduction,
 * checkpoint names and gradient tests.
 *
 * Weights lie in one flat buffer, gradients in another with the same offsets. Trained tensors come first, in the
 * reverse of their registration (models register in forward order, so that backward finishes the buffer from its
 * beginning, and tells who listens); fixed tables (position embeddings) follow and have no gradient. Offsets are
 * multiples of 16. Local. */
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
    TEC_INIT_CONV_BIAS, /* uniform(+-1 / sqrt(fan_in)), PyTorch's default; the registrant sets fan_in */
    TEC_INIT_FIXED      /* not trained; filled by the model */
} tec_init;

typedef struct tec_param {
    char name[80]; /* the public checkpoint name */
    int dims, dim[4];
    size_t count, offset; /* in reals; offset into the flat buffers */
    tec_init init;
    int fan_in;
    bool trained, decayed; /* decayed: neither one-dimensional nor a bias */
} tec_param;

/* Is told that the gradients at offsets below `end` are complete. */
typedef void tec_params_listener(void *context, size_t end);

typedef struct tec_params {
    tec_param *param; /* in order of registration */
    int count, capacity;
    size_t trained, total; /* reals in the trained part, and in all, padding included (padding is always zero) */
    real *weight;          /* [total] */
    real *grad;            /* [trained]; NULL for a frozen model */
    tec_params_listener *listener; /* during backward; NULL: none */
    void *listener_context;
} tec_params;

/* Registers a tensor and returns its index. dim[i] = 0 ends the shape. */
int tec_params_add(tec_params *params, tec_init init, const int dim[4], const char *name_format, ...)
    __attribute__((format(printf, 4, 5)));

/* After the last registration: computes offsets, allocates zeroed buffers. */
void tec_params_allocate(tec_params *params, bool with_gradients);
void tec_params_free(tec_params *params);

/* Draws every trained tensor from Philox(seed, TEC_STREAM_INIT, index). */
void tec_params_initialize(tec_params *params, uint64_t seed);

/* NULL when there is no such tensor. */
const tec_param *tec_params_find(const tec_params *params, const char *name);

/* Hash of all weights (names, shapes, values in order of registration): what ties a target store to its base. */
uint64_t tec_params_hash(const tec_params *params);

static inline real *tec_params_weight(const tec_params *params, int index)
{
    return params->weight + params->param[index].offset;
}

/* NULL for a fixed tensor and in a frozen model. */
static inline real *tec_params_grad(const tec_params *params, int index)
{
    return params->grad && params->param[index].trained ? params->grad + params->param[index].offset : 0;
}

/* For backward: the gradients of tensor `index` and of all that were registered after it are complete. */
static inline void tec_params_finish(const tec_params *params, int index)
{
    if (params->listener)
        params->listener(params->listener_context, params->param[index].offset + params->param[index].count);
}

#endif
