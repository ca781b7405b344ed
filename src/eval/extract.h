/* Module eval, private. Features of batches of a data set: threads decode ahead, the model computes. Batch i has the
 * images from i * batch on, whatever rank computes it and in whatever order: so features have the same bits for any number
 * of ranks. Local; an extractor belongs to one thread. */
#ifndef TEC_EXTRACT_H
#define TEC_EXTRACT_H

#include "tec/comm.h"
#include "tec/features.h"

/* The batch to be computed next; -1: there are no more. Called ahead of the computation. */
typedef int64_t extract_next(void *context);

typedef struct extractor {
    const tec_features_settings *settings;
    const tec_dataset *set;
    tec_frozen *frozen; /* NULL: the features are the pixels / 255 */
    const char *what;   /* the data set, for messages */
    extract_next *next;
    void *context;
    int batch;      /* images in a batch, as tec_extract_batch says */
    size_t row;     /* numbers of an image's features, as tec_extract_row says */
    size_t pixels;  /* c * H * W */
    real *images;   /* [batch, c, H, W] */
    tec_feed *feed; /* the members below are filled by tec_extract_open */
    tec_skipped skipped;
} extractor;

/* Images in a batch, fewer than settings->batch only if the whole set has fewer; and how many such batches it has. */
int tec_extract_batch(const tec_features_settings *settings, const tec_dataset *set);
int64_t tec_extract_batches(const tec_features_settings *settings, const tec_dataset *set);

/* Numbers that are the features of an image: D, with TEC_POOL_NONE L * D, of pixels c * H * W. */
size_t tec_extract_row(const tec_features_settings *settings, const tec_frozen *frozen);

/* `x` has its first six members. TEC_SYSTEM_ERROR: no memory, no threads. Close it also after a failure. */
tec_status tec_extract_open(extractor *x);
void tec_extract_close(extractor *x);

/* Computes the next batch: of its images, those that could be read, in their order.
 *
 *   value    [batch, row]
 *   sample   [batch]
 *   content  [batch]  hashes of the images as the model saw them
 *   *count            how many of each
 *
 * TEC_USER_ERROR: an image that cannot be read and is not skipped; a feature that is not finite. */
tec_status tec_extract(extractor *x, real *value, int64_t *sample, uint64_t *content, int *count);

/* Collective; the same status everywhere. Takes `step` for each of this rank's `batches`, of which other ranks may have
 * other numbers; a failure on one rank ends the others soon. */
tec_status tec_extract_all(const tec_comm *comm, int64_t batches, tec_status (*step)(void *context), void *context);

#endif
