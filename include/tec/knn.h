/* Module eval, public. Weighted k-nearest-neighbour classification of features, as in DINO: the k training images with
 * the largest cosine similarity vote for their class with weight exp(similarity / temperature). */
#ifndef TEC_KNN_H
#define TEC_KNN_H

#include "tec/comm.h"
#include "tec/features.h"

/* Test images, and for each of the two k those whose class came first, or among the first five, in the vote. */
typedef struct tec_knn_result {
    int64_t total, top1[2], top5[2];
} tec_knn_result;

typedef struct tec_knn_settings {
    int k[2]; /* neighbours that vote, in two evaluations; may be the same number twice */
    double temperature;
} tec_knn_settings;

/* Local. TEC_USER_ERROR: k is larger than the number of training images. */
tec_status tec_knn_check(const tec_knn_settings *settings, int64_t images);

/* Collective; the same result and status on every rank and for any number of ranks: similarities that decide are summed
 * in double in a fixed order. Ties go to the training image with the lower index, and to the lower class. Only classes
 * with a vote count for top-5. train, test: rows of unit length (tec_features_normalize), of the same width. Memory
 * besides the features: a few MB per rank. TEC_USER_ERROR: k is larger than the number of training images. */
tec_status tec_knn_classify(const tec_comm *comm, const tec_knn_settings *settings, const tec_features *train,
                            const tec_features *test, tec_knn_result *out);

#endif
