/* Module eval, public. Features of a labelled data set under one model, spread over the ranks: what k-NN and the linear
 * probe work on. N images that could be decoded, n of them on this rank, D features. */
#ifndef TEC_FEATURES_H
#define TEC_FEATURES_H

#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/feed.h"
#include "tec/frozen.h"

typedef struct tec_features {
    int64_t total;   /* N */
    int64_t first;   /* number among the N of this rank's first row; ranks hold consecutive ranges, in rank order */
    int64_t count;   /* n, may be 0 */
    int64_t skipped; /* images of the whole data set that could not be decoded */
    int width;       /* D */
    int classes;
    real *value;    /* [n, D], owned */
    int32_t *label; /* [n], owned */
} tec_features;

typedef struct tec_features_settings {
    int image_size, channels;        /* S, c */
    tec_normalisation normalisation; /* of the model's images */
    tec_reading reading;
    int batch; /* images per rank that the model computes at once */
    tec_pooling pooling;
    const char *model; /* its file, for messages; borrowed */
} tec_features_settings;

/* Collective; every rank returns the same status. Each rank takes a consecutive range of whole batches, so that a batch
 * holds the same images, and a feature the same bits, whatever the number of ranks. Images are cut by tec_view_center.
 * `frozen` was created for settings->batch images; NULL: the features are the pixels / 255, [c * S * S]. `what` names
 * the data set in progress lines and messages. TEC_USER_ERROR: an image that cannot be read (unless those are skipped:
 * then all of them are listed as warnings), a feature that is not finite. Free with tec_features_free, also after a
 * failure. */
tec_status tec_features_compute(const tec_comm *comm, const tec_features_settings *settings, const tec_dataset *set,
                                tec_frozen *frozen, const char *what, tec_features *out);
void tec_features_free(tec_features *features);

/* Row `row` of this rank's, [D]. */
static inline real *tec_features_row(const tec_features *features, int64_t row)
{
    return features->value + (size_t)row * (size_t)features->width;
}

/* Local. Divides every row by its Euclidean norm; a row of zeros stays. */
void tec_features_normalize(tec_features *features);

#endif
