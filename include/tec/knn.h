/* Module eval, public. Weighted k-nearest-neighbour classification of features, as DINO's: the k training images of
 * largest cosine similarity vote with exp(similarity / temperature) for their class. */
#ifndef TEC_KNN_H
#define TEC_KNN_H

#include "tec/comm.h"
#include "tec/features.h"

/* Test images whose class came first, or among the first five, in the vote with the respective k. */
typedef struct tec_knn_result {
    int64_t total, top1[2], top5[2];
} tec_knn_result;

typedef struct tec_knn_settings {
    int k[2]; /* neighbours that vote: two evaluations, or the same number twice */
    double temperature;
} tec_knn_settings;

/* Collective; the same result and status on every rank, and for every number of ranks: similarities are compared as
 * exact sums in a fixed order, equal ones by the lower number of the training image, equal votes by the lower class.
 * Only a class that got a vote counts for top-5. train, test: rows of unit length (tec_features_normalize), of the
 * same width. Memory beside the features: a few MB per rank. TEC_USER_ERROR: a k larger than the number of training
 * images. */
tec_status tec_knn_classify(const tec_comm *comm, const tec_knn_settings *settings, const tec_features *train,
                            const tec_features *test, tec_knn_result *out);

#endif
