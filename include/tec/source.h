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
    struct {
        real *feature;   /* [L, C] standardised; NULL without targets */
        real *attention; /* [1+K, H, L] */
        int *topk;       /* [K] */
    } base[TEC_MAX_BASES];
    int *shuffle; /* [masks, L] */
} tec_sample;

/* The targets of one base model. */
typedef struct tec_source_base {
    const tec_store_spec *spec;
    tec_store *store; /* where they are read; NULL: tec_source_attach leaves room for them */
} tec_source_base;

/* Draws `masks` masks per image from `seed`, on up to `threads` threads. `base` [bases], whose stores are of the same views
 * and borrowed; none: objective mae. */
tec_source *tec_source_create(const tec_model_config *config, const tec_source_base *base, int bases, int masks,
                              uint64_t seed, int threads);
void tec_source_free(tec_source *source); /* NULL is fine */

size_t tec_source_bytes(const tec_source *source); /* attached to an item */
tec_sample tec_source_sample(const tec_source *source, const tec_feed_item *item);

/* The view policy of its feed: random crops without a store, otherwise the crop or the image in the first one. */
tec_view_policy tec_source_policy(const tec_source *source);

/* A tec_feed_attach whose context is the source; item->view is the epoch. Without a store the image is cropped as view
 * `epoch`; with one, the view is stored view epoch mod V. Masks come from Philox(seed, image, epoch, mask).
 * TEC_USER_ERROR: the image could not be decoded when a store was written. TEC_SYSTEM_ERROR: a store is damaged,
 * unreadable, or has another view than the first. */
tec_status tec_source_attach(void *source, int thread, tec_feed_item *item);

#endif
