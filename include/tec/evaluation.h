/* Module eval, public. The input of k-NN and linear probe: features of a training set and a validation set. */
#ifndef TEC_EVALUATION_H
#define TEC_EVALUATION_H

#include "tec/feature_file.h"
#include "tec/features.h"

typedef struct tec_evaluation {
    tec_features train, val;
    tec_preprocessing preprocessing; /* that both were computed with, nothing left open */
    int64_t shared;                  /* images of `val` that `train` has too, to the pixel */
    int64_t first_shared;            /* the row of the first of them; -1: there is none */
} tec_evaluation;

/* Local. Can the one set be evaluated by the other? Classes are matched by their names: those of `val` get the numbers that
 * they have in `train`. TEC_USER_ERROR: no labels, a class of `val` that `train` does not have, or images of only one
 * class in either. `val` NULL: only `train` is looked at. The paths are for messages. */
tec_status tec_evaluation_check(const tec_dataset *train, const char *train_path, tec_dataset *val,
                                const char *val_path);

/* Local, for one rank. Warns of what makes figures say nothing: the sets share their images (tec_hint_shared, which looks
 * at the paths), classes of one have no image in the other, or there are too few classes for top-5. Returns whether it is
 * the images. */
bool tec_evaluation_warn(const tec_dataset *train, const char *train_path, const tec_dataset *val,
                         const char *val_path);

/* Collective. tec_features_compute for both, and what they share. Free with tec_evaluation_free, also after a failure. */
tec_status tec_evaluation_compute(const tec_comm *comm, const tec_features_settings *settings, const tec_dataset *train,
                                  const tec_dataset *val, tec_frozen *frozen, tec_evaluation *out);
void tec_evaluation_free(tec_evaluation *evaluation);

/* Local. Can files of features be evaluated, the one by the other? TEC_USER_ERROR: they hold patches, have no labels, are of
 * the same images, or of other models, layers, tokens or preprocessing. */
tec_status tec_evaluation_check_files(const tec_feature_file *train, const tec_feature_file *val);

/* Collective; the same status everywhere. The features of files that have passed tec_evaluation_check_files, on the ranks
 * that tec_evaluation_compute would have left them on: with as many ranks results have the same bits. Warns as
 * tec_evaluation_warn does. TEC_USER_ERROR: classes of `val` that `train` does not have, or images of only one class. Free
 * with tec_evaluation_free, also after a failure. */
tec_status tec_evaluation_read(const tec_comm *comm, const tec_feature_file *train, const tec_feature_file *val,
                               tec_evaluation *out);

#endif
