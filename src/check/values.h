/* Module check, private. What is said of the values of images that hold floats (tec_image.values), band by band: the same for
 * any number of ranks, to the bit, since what is added over images are integers. */
#ifndef TEC_CHECK_VALUES_H
#define TEC_CHECK_VALUES_H

#include "tec/check.h"

enum { VALUE_BINS = 1 << 16, VALUE_LIMBS = 3 };

/* A number in fixed point, whose limbs of 32 bits can be added one by one. */
typedef struct value_sum {
    int64_t limb[VALUE_LIMBS];
} value_sum;

/* What a thread finds out about a band of an image. */
typedef struct value_band {
    value_sum sum, square; /* mean of the values and of their squares */
    double least, most;
} value_band;

/* All images of this rank. */
typedef struct value_survey {
    int channels, threads;
    int64_t *count;   /* [threads, channels, VALUE_BINS] of some values of each image, as many of each */
    value_band *band; /* [channels] sums over the images */
    double scale[4];  /* largest low, -low, high, -high of tec_image */
} value_survey;

void tec_values_start(value_survey *s, int channels, int threads);
void tec_values_free(value_survey *s); /* zeroed: fine */

/*   out  [channels] */
void tec_values_look(value_survey *s, int thread, const tec_image *image, value_band *out);

/* Adds what was found in an image that has these as 0 and 1. */
void tec_values_add(value_survey *s, const value_band *image, double low, double high);

/* Collective. Fills out->band, low and high from `images` readable images of all ranks. */
void tec_values_finish(value_survey *s, const tec_comm *comm, int64_t images, tec_check *out);

#endif
