/* Module train, public. Targets that are computed in the training step: a base model in every rank instead of a target
 * store. Local. L patches, C base width, H base heads, K top-k. */
#ifndef TEC_ONLINE_H
#define TEC_ONLINE_H

#include "tec/frozen.h"
#include "tec/store.h"

typedef struct tec_online tec_online;

/* Takes `frozen` over, which was created for a batch of at least 1. `spec`: of the store whose rows are computed, and with
 * views 0 for a new crop in every epoch. `values`: squares are of floats (tec_dataset_has_values), else of bytes. */
tec_online *tec_online_create(tec_frozen *frozen, const tec_store_spec *spec, bool values);
void tec_online_free(tec_online *online); /* NULL is fine */

const tec_store_spec *tec_online_spec(const tec_online *online);

/* The row of such a store for a cropped image of sample `sample`, as tec_store_read gives it. It is computed for this image
 * alone, so that it depends on no other image and on no batch; `tec targets` with targets.batch 1 computes the same bits.
 * TEC_USER_ERROR: it is not finite.
 *
 *   square     [H, W, c]    before normalisation
 *   feature    [L, C]       standardised unless spec.plain_features; rounded as spec.type says
 *   attention  [1+K, H, L]  likewise rounded
 *   topk       [K] */
tec_status tec_online_compute(tec_online *online, int64_t sample, const void *square, real *feature, real *attention,
                              int *topk);

#endif
