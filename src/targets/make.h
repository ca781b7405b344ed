/* Module targets, private. Computes rows of a target store from images and a base model, to be written or to be
 * compared with stored ones. Local. */
#ifndef TEC_TARGETS_MAKE_H
#define TEC_TARGETS_MAKE_H

#include "tec/targets.h"

typedef struct target_maker {
    const tec_targets_job *job;
    tec_store_spec spec;
    size_t features, logits; /* in a row */
    tec_skipped skipped;     /* images left out so far */
    tec_store_row *row;      /* [batch] rows of the last tec_target_maker_take */

    tec_feed *feed;
    real *images;              /* [batch, c, H, W] that could be decoded */
    real *feature, *attention; /* [batch, L, C] and [batch, 1 + K, H, L] */
    int *topk;                 /* [batch, K] */
    float *single;             /* feature and attention of all rows, as stored */
    int32_t *picked;           /* [batch, K] topk, as stored */
} target_maker;

/* Makes the rows that `next` (with context `order`) requests, for a store of the given spec. Borrows all arguments. */
tec_status tec_target_maker_open(target_maker *maker, const tec_targets_job *job, const tec_store_spec *spec,
                                 tec_feed_next *next, void *order);
void tec_target_maker_close(target_maker *maker); /* fine after a failed open */

/* The request for row = sample * views + view of the store. */
tec_request tec_target_maker_request(const tec_store_spec *spec, int64_t row);

/* Computes the next batch, maker->row[0 .. *count - 1], valid until tec_target_maker_release. An image that cannot be
 * read gives a void row if such images are skipped, else TEC_USER_ERROR. */
tec_status tec_target_maker_take(target_maker *maker, int *count);
void tec_target_maker_release(target_maker *maker);

/* Skips the next batch without computing it. */
void tec_target_maker_skip(target_maker *maker);

#endif
