/* Module train, public. How well a classifier in training does on images that it is not trained on. Every image counts,
 * those of the last, short batch too. */
#ifndef TEC_VALIDATION_H
#define TEC_VALIDATION_H

#include "tec/comm.h"
#include "tec/feed.h"
#include "tec/model.h"

typedef struct tec_validation_settings {
    const tec_dataset *set; /* with labels, numbered as the model's classes */
    tec_feed_view view;     /* policy TEC_VIEW_CENTER */
    tec_reading reading;
} tec_validation_settings;

typedef struct tec_validation {
    int64_t images, top1, top5; /* how many; how many are right; right among five */
    double loss;                /* mean cross-entropy of the label */
    int classes;
    int64_t *confusion; /* [classes, classes] how many images of class (row) were taken for class (column); owned */
} tec_validation;

/* Collective; the same result on every rank, and for every number of ranks (the loss up to rounding). `batch`: images at
 * once, at most what the model was created for. Images that are left out are noted in *skipped. Free the result with
 * tec_validation_free, also after a failure. TEC_USER_ERROR: an image cannot be read and such images are not skipped; no
 * image at all could be read. */
tec_status tec_validate(const tec_comm *comm, tec_model *model, int batch, const tec_validation_settings *settings,
                        tec_skipped *skipped, tec_validation *out);
void tec_validation_free(tec_validation *validation);

#endif
