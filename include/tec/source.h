/* Module train, public. What pretraining attaches to an image: masks, and the targets of a base model, stored ones or room
 * for those that are computed later. Local.
 * L patches, C base width, H base heads, K top-k. */
#ifndef TEC_SOURCE_H
#define TEC_SOURCE_H

#include "tec/feed.h"
#include "tec/model_config.h"
#include "tec/store.h"

typedef struct tec_source tec_source;

/* Pointers into the data attached to an item. */
typedef struct tec_sample {
    real *feature;   /* [L, C] standardised; NULL without targets */
    real *attention; /* [1+K, H, L] */
    int *topk;       /* [K] */
    int *shuffle;    /* [masks, L] */
} tec_sample;

/* Draws `masks` masks per image from `seed`, on up to `threads` threads. `spec`: of the targets; NULL: objective mae.
 * `store`: where they are read, borrowed; NULL: tec_source_attach leaves room for them. */
tec_source *tec_source_create(const tec_model_config *config, const tec_store_spec *spec, tec_store *store, int masks,
                              uint64_t seed, int threads);
void tec_source_free(tec_source *source); /* NULL is fine */

size_t tec_source_bytes(const tec_source *source); /* attached to an item */
tec_sample tec_source_sample(const tec_source *source, const tec_feed_item *item);

/* The view policy of its feed: random crops without a store, otherwise the stored crop or the stored image. */
tec_view_policy tec_source_policy(const tec_source *source);

/* A tec_feed_attach whose context is the source; item->view is the epoch. Without a store the image is cropped as view
 * `epoch`; with one, the view is stored view epoch mod V. Masks come from Philox(seed, image, epoch, mask).
 * TEC_USER_ERROR: the image could not be decoded when the store was written. TEC_SYSTEM_ERROR: the store is damaged or
 * unreadable. */
tec_status tec_source_attach(void *source, int thread, tec_feed_item *item);

#endif
