/* What `tec targets` writes and what --verify compares with: rows of a target store made from images and a base model.
 * Local. */
#ifndef TEC_JOBS_TARGETS_MAKER_H
#define TEC_JOBS_TARGETS_MAKER_H

#include "tec/dataset.h"
#include "tec/frozen.h"
#include "tec/loader.h"
#include "tec/settings.h"
#include "tec/skipped.h"
#include "tec/store.h"

typedef struct tec_target_maker {
    const tec_settings *settings;
    const tec_dataset *set;
    tec_frozen *frozen;
    tec_store_spec spec;
    tec_skipped skipped; /* images left out so far */
    int depth;           /* batches that may be submitted and not yet released */
    int batch;           /* most rows in one */
    tec_store_row *row;  /* [batch] the rows of the last tec_target_maker_take */

    tec_loader *loader;
    tec_request *request;      /* [batch] */
    size_t pixels;             /* numbers in an image */
    real *images;              /* [batch, c, S, S] those that could be decoded */
    real *feature, *attention; /* [batch, L, C] and [batch, 1 + K, H, L] */
    int *topk;                 /* [batch, K] */
    float *single;             /* feature and attention of all rows as float */
    int32_t *picked;           /* [batch, K] */
} tec_target_maker;

/* `frozen` was created for settings->targets.batch images. Borrows all arguments. */
tec_status tec_target_maker_open(tec_target_maker *maker, const tec_settings *settings, const tec_store_spec *spec,
                                 const tec_dataset *set, tec_frozen *frozen);
void tec_target_maker_close(tec_target_maker *maker); /* fine after a failed open */

/* Asks threads for the images of rows (sample * views + view) of the store, `count` <= batch. */
void tec_target_maker_submit(tec_target_maker *maker, const int64_t *rows, int count);

/* Computes the oldest batch submitted: maker->row[0 .. *count - 1], valid until tec_target_maker_release. An image that
 * cannot be decoded is a void row under data.on_bad_image = skip, otherwise TEC_USER_ERROR. */
tec_status tec_target_maker_take(tec_target_maker *maker, int *count);

/* Waits for the oldest batch and gives its computation up. */
void tec_target_maker_pass(tec_target_maker *maker);
void tec_target_maker_release(tec_target_maker *maker);

#endif
