/* Module targets, private. Rows of a target store, made from images and a base model: what is written, and what a check
 * compares with. Local. */
#ifndef TEC_TARGETS_MAKE_H
#define TEC_TARGETS_MAKE_H

#include "tec/targets.h"

typedef struct target_maker {
    const tec_targets_job *job;
    tec_store_spec spec;
    tec_skipped skipped; /* images left out so far */
    tec_store_row *row;  /* [batch] the rows of the last tec_target_maker_take */

    tec_feed *feed;
    real *images;              /* [batch, c, S, S] those that could be decoded */
    real *feature, *attention; /* [batch, L, C] and [batch, 1 + K, H, L] */
    int *topk;                 /* [batch, K] */
    float *single;             /* feature and attention of all rows as float */
    int32_t *picked;           /* [batch, K] */
} target_maker;

/* Makes the rows that `next` (with `order`) asks for, as rows of a store like `spec`. Borrows all arguments. */
tec_status tec_target_maker_open(target_maker *maker, const tec_targets_job *job, const tec_store_spec *spec,
                                 tec_feed_next *next, void *order);
void tec_target_maker_close(target_maker *maker); /* fine after a failed open */

/* Row sample * views + view of the store, as `next` asks for it. */
tec_request tec_target_maker_request(const tec_store_spec *spec, int64_t row);

/* Computes the next batch: maker->row[0 .. *count - 1], valid until tec_target_maker_release. An image that cannot be
 * read is a void row where those are skipped, otherwise TEC_USER_ERROR. */
tec_status tec_target_maker_take(target_maker *maker, int *count);
void tec_target_maker_release(target_maker *maker);

/* Lets the next batch go by without computing it. */
void tec_target_maker_skip(target_maker *maker);

#endif
