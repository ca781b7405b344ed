/* Everything the model is given for one image: crop, targets and masks, made by loader threads from the data set, the
 * target store and the settings. Local. L patches, C base width, H base heads, K top-k, S image size, c channels. */
#ifndef TEC_SOURCE_H
#define TEC_SOURCE_H

#include "tec/dataset.h"
#include "tec/loader.h"
#include "tec/model_config.h"
#include "tec/settings.h"
#include "tec/store.h"

typedef struct tec_source tec_source;

/* What a loader slot holds; pointers into it. */
typedef struct tec_sample {
    real *image;     /* [c, S, S] normalised */
    real *feature;   /* [L, C] standardised; NULL without a store */
    real *attention; /* [1+K, H, L] */
    int *topk;       /* [K] */
    int *shuffle;    /* [masks_per_image, L] */
} tec_sample;

/* settings and set are borrowed, and the store, which may be NULL (objective mae). */
tec_source *tec_source_create(const tec_settings *settings, const tec_model_config *config, const tec_dataset *set,
                              tec_store *store);
void tec_source_free(tec_source *source); /* NULL is fine */

size_t tec_source_slot_bytes(const tec_source *source);
tec_sample tec_source_sample(const tec_source *source, void *slot);

/* A tec_fetch whose context is the source, for `thread` < data.workers. request->view is the epoch: without a store
 * view number `epoch` is cropped, with one the stored view epoch mod V. Masks come from Philox(seed, image, epoch,
 * mask). TEC_USER_ERROR: the image cannot be decoded (also when it could not while the store was written).
 * TEC_SYSTEM_ERROR: the store is damaged or unreadable. */
tec_status tec_source_fetch(void *context, int thread, const tec_request *request, void *slot);

#endif
