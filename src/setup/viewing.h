/* Module setup, private. What is opened for the pictures of a run. */
#ifndef TEC_SETUP_VIEWING_H
#define TEC_SETUP_VIEWING_H

#include "tec/setup.h"

/* What is opened for a run; the images are owned here. */
typedef struct viewing {
    tec_comm alone;
    tec_settings settings; /* of the run, changed for its model and images; borrows its texts */
    const char *labels;    /* data.labels of the run */
    const char *keep;      /* as of tec_setup_pictures */
    char *path;            /* of the checkpoint */
    tec_frozen *frozen;
    tec_normalisation normalisation;
    tec_preprocessing preprocessing;
    tec_report_images images;
    uint8_t *square, *small; /* small: [images.count, h, w, c], h x w = tec_viewing_small */
    char **name, **label;    /* [images.count] label: name of the class; NULL: not known */
    int **shuffle;
    const char *from; /* where the images are; borrowed */
    int64_t from_size;
    int64_t *sample; /* [images.count] their numbers in that set */
} viewing;

/* Size of a picture that need not be large. */
tec_size tec_viewing_small(const viewing *v);

/* Adds the nearest of `among` images of the run's data.train to the pictures that are open. TEC_USER_ERROR: its images are
 * not at hand. */
tec_status tec_viewing_nearest(const viewing *v, int among, tec_report_run *run);

#endif
