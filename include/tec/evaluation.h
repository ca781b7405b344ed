/* Module eval, public. What k-NN and linear probe start from: the features of a training and a validation set. */
#ifndef TEC_EVALUATION_H
#define TEC_EVALUATION_H

#include "tec/features.h"

typedef struct tec_evaluation {
    tec_features train, val;
} tec_evaluation;

/* Local. Labels are positions in sorted lists of classes: lists that differ would silently score the wrong classes.
 * TEC_USER_ERROR: no labels, or a class of `val` that `train` does not have under the same number; the paths are for
 * the message. */
tec_status tec_evaluation_check(const tec_dataset *train, const char *train_path, const tec_dataset *val,
                                const char *val_path);

/* Collective; as tec_features_compute for both. Free with tec_evaluation_free, also after a failure. */
tec_status tec_evaluation_compute(const tec_comm *comm, const tec_features_settings *settings, const tec_dataset *train,
                                  const tec_dataset *val, tec_frozen *frozen, tec_evaluation *out);
void tec_evaluation_free(tec_evaluation *evaluation);

#endif
