/* Module optim, public. AdamW (Loshchilov and Hutter, arXiv 1711.05101) over the flat parameter buffers, with the
 * arithmetic of torch.optim.AdamW. Local. */
#ifndef TEC_ADAMW_H
#define TEC_ADAMW_H

#include "tec/params.h"

#include <stdint.h>

typedef struct tec_adamw {
    double beta1, beta2, eps, weight_decay;
    int64_t step;     /* steps done so far */
    double unclipped; /* what gradients of late were, at most, over what v has seen of them; 1: they were not clipped */
    real *m, *v;      /* [params->trained] first and second moments */
    bool lent;        /* they belong to somebody else: tec_adamw_move */
} tec_adamw;

/* Moments are zero, eps is 1e-8, unclipped is 1. */
void tec_adamw_create(tec_adamw *adamw, const tec_params *params, double beta1, double beta2, double weight_decay);
void tec_adamw_free(tec_adamw *adamw);

/* From now on the moments are in memory of the caller's, which has to hold what they are by then and must outlive them. */
void tec_adamw_move(tec_adamw *adamw, real *m, real *v);

/* One step with the gradient scale * params->grad, which is zeroed. The learning rate of a tensor is lr times its `rate`.
 * Only tensors with `decayed` are subject to weight decay. Returns the squared norm of the gradient used: where it is
 * not finite, the weights are not to be trusted. */
double tec_adamw_step(tec_adamw *adamw, tec_params *params, double lr, double scale);

/* The same step in slices of the flat buffers: begin once, then update [first, first + count) until each part has been
 * updated once. Weights and moments do not depend on where the buffers are cut, nor, for the same gradients and lr, on
 * the processor; the squared norm may, in its last digits. Returns the slice's share of the
 * squared norm. */
void tec_adamw_begin(tec_adamw *adamw);
double tec_adamw_update(tec_adamw *adamw, tec_params *params, size_t first, size_t count, double lr, double scale);

/* `scale` of the step just done held this factor (0 < clip <= 1), by which the whole gradient was clipped. */
void tec_adamw_note_clip(tec_adamw *adamw, double clip);

/* What the next gradient is expected to be before it is scaled, tensor by tensor, as far as the second moments and
 * `unclipped` tell: at most 4096 times the largest that they have seen lately, and not less than the largest of all
 * tensors; 4096 where none has been seen. The same for the same moments, everywhere. Returns the number of trained tensors.
 *   out  [params->count] */
int tec_adamw_expect(const tec_adamw *adamw, const tec_params *params, tec_expected *out);

/* Squared L2 norm of [first, first + count) of params->grad, summed in double in an order that depends on nothing but the
 * processor. */
double tec_gradient_square(const tec_params *params, size_t first, size_t count);

#endif
