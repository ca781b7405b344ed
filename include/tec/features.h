/* Module eval, public. Features that a model gives a labelled data set, distributed over the ranks: the input of k-NN
 * and linear probe. N images that could be decoded, n of them on this rank, D features. */
#ifndef TEC_FEATURES_H
#define TEC_FEATURES_H

#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/feed.h"
#include "tec/frozen.h"

typedef struct tec_features {
    int64_t total;   /* N */
    int64_t first;   /* index among the N of this rank's first row; ranks hold consecutive ranges, in rank order */
    int64_t count;   /* n, may be 0 */
    int64_t skipped; /* images of the whole data set that could not be decoded */
    int width;       /* D */
    int classes;
    real *value;       /* [n, D], owned */
    int32_t *label;    /* [n], owned */
    uint64_t *content; /* [n] hashes of the images as the model saw them, owned */
} tec_features;

typedef struct tec_features_settings {
    tec_size image_size;             /* H x W */
    int channels;                    /* c */
    tec_normalisation normalisation; /* that the model was trained with */
    tec_preprocessing preprocessing; /* zeroed: MAE's */
    tec_reading reading;
    int batch; /* images that the model computes at once, per rank */
    tec_tap tap;
    const char *model; /* its file, for messages; borrowed */
} tec_features_settings;

/* Collective; every rank returns the same status. Each rank takes a consecutive range of whole batches, so that batches
 * have the same images, and features the same bits, for any number of ranks. Images are cropped by tec_view_center.
 * `frozen` was created for settings->batch images; NULL: the features are the pixels / 255, [c * H * W]. `what` names
 * the data set in progress lines and messages. TEC_USER_ERROR: an image that cannot be read (if such images are
 * skipped, they are listed as warnings instead), a feature that is not finite. Free with tec_features_free, also after
 * a failure. */
tec_status tec_features_compute(const tec_comm *comm, const tec_features_settings *settings, const tec_dataset *set,
                                tec_frozen *frozen, const char *what, tec_features *out);
void tec_features_free(tec_features *features);

/* The features of this rank's row-th image, [D]. */
static inline real *tec_features_row(const tec_features *features, int64_t row)
{
    return features->value + (size_t)row * (size_t)features->width;
}

/* Collective. How many rows of `val` are of an image that `train` has too, to the pixel, as far as tec_features_compute
 * has hashed them; *first is the first of them, -1 if there is none. The same on every rank, for any number of ranks. */
int64_t tec_features_shared(const tec_comm *comm, const tec_features *train, const tec_features *val, int64_t *first);

/* Local. Divides every row by its Euclidean norm; rows of zeros stay zero. */
void tec_features_normalize(tec_features *features);

#endif
