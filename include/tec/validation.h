/* Module train, public. A classifier on all images of a data set, those of the last, short batch too: its answers, and how
 * well it does. */
#ifndef TEC_VALIDATION_H
#define TEC_VALIDATION_H

#include "tec/comm.h"
#include "tec/feed.h"
#include "tec/model.h"

/* Asked on every rank between pieces of at most about a second (or one batch): is this to end early? */
typedef bool tec_validation_stop(const void *context);

typedef struct tec_validation_settings {
    const tec_dataset *set; /* for a validation with labels, numbered as the model's classes */
    tec_feed_view view;     /* policy TEC_VIEW_CENTER */
    tec_reading reading;
    bool exact;                /* the same loss to the bit for every number of ranks: they share whole batches */
    tec_validation_stop *stop; /* NULL: nobody is asked */
    const void *stop_context;
} tec_validation_settings;

/* What a classifier says of an image.
 *
 *   logits  [classes] */
typedef void tec_classified(void *context, int64_t sample, const real *logits);

/* Collective; the same status on every rank. Each rank classifies a contiguous share of the images, in their order, and
 * calls `each` for those that can be read; the others are noted in *skipped. `batch`: images at once, at most what the
 * model was created for. `what` ("validation") is for the progress line. *stopped: settings->stop was true on some rank,
 * and the rest of the images is left out. TEC_USER_ERROR: an image cannot be read and such images are not skipped. */
tec_status tec_classify_images(const tec_comm *comm, tec_model *model, int batch,
                               const tec_validation_settings *settings, const char *what, tec_skipped *skipped,
                               tec_classified *each, void *context, bool *stopped);

typedef struct tec_validation {
    bool stopped;               /* early: nothing of what follows is known */
    int64_t images, top1, top5; /* how many; how many are right; right among five */
    double loss;                /* mean cross-entropy of the label */
    int classes;
    int64_t *of_class;  /* [classes, 2] images of the class, how many of them are right; owned */
    int64_t *confusion; /* [classes, classes] how many images of class (row) were taken for class (column); owned;
                           NULL: more than TEC_VALIDATION_CONFUSION classes */
} tec_validation;

#define TEC_VALIDATION_CONFUSION 2000 /* classes: 32 MB, on every rank */

/* Collective, as above; the same result on every rank, and for every number of ranks (the loss up to rounding, but
 * with settings->exact). Free it with tec_validation_free, also after a failure. TEC_USER_ERROR: also if no image at all
 * could be read. */
tec_status tec_validate(const tec_comm *comm, tec_model *model, int batch, const tec_validation_settings *settings,
                        tec_skipped *skipped, tec_validation *out);
void tec_validation_free(tec_validation *validation);

#endif
