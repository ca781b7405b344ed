/* Module check, public. Reads all images of a data set, over the ranks: which cannot be read, their sizes, mean and
 * standard deviation, and which hold the same pixels. */
#ifndef TEC_CHECK_H
#define TEC_CHECK_H

#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/feed.h"
#include "tec/skipped.h"

/* An image that could be read; zeroed: one that could not. */
typedef struct tec_check_image {
    uint64_t content; /* hash of its size and pixels */
    int32_t height, width;
} tec_check_image;

/* The values of a band, scaled by data.range, where images have them (tec_image.values). */
typedef struct tec_check_band {
    double least, most;
    double low, high; /* about the 2nd and the 98th percentile; each image counts alike, whatever its size */
    double mean, std; /* likewise */
} tec_check_band;

typedef struct tec_check {
    int64_t images;         /* N, all of them */
    tec_check_image *image; /* [N] on rank 0, NULL on the others; owned */
    tec_skipped bad;        /* on rank 0: the images that could not be read, and why */
    int64_t readable;       /* on every rank, as what follows */
    double mean[TEC_BANDS_MOST],
        std[TEC_BANDS_MOST]; /* of pixel / 255, by channel; each image counts alike, whatever its size */
    tec_check_band *band;    /* [channels] of values, on every rank, owned; NULL: pixels, or no image */
    int scales;              /* 1: all images have the same values of the file at 0 and 1, and these are: */
    double low, high;
} tec_check;

/* Collective; every rank returns the same status. Reads every image, `channels` as the set was opened for; `what` names
 * the set in progress lines. All of *out is the same for any number of ranks, to the bit. TEC_SYSTEM_ERROR: no threads.
 * Free with tec_check_free, also after a failure. */
tec_status tec_check_read(const tec_comm *comm, const tec_dataset *set, int channels, const tec_reading *reading,
                          const char *what, tec_check *out);
void tec_check_free(tec_check *check);

/* Local, for rank 0. Sizes of the images that could be read; zero if there are none. */
typedef struct tec_check_sizes {
    int least[2], most[2]; /* height, width */
    int median;            /* of the shorter side */
    int64_t small;         /* images with a side shorter than that of `size` */
} tec_check_sizes;
tec_check_sizes tec_check_measure(const tec_check *check, tec_size size);

/* An image with the same pixels as others. */
typedef struct tec_check_twin {
    uint64_t content;
    int64_t sample;
    int set; /* which of the sets */
} tec_check_twin;

/* Local, for rank 0. All images of these sets whose pixels another one has, those that are alike side by side, in the
 * order of their first one; groups by the order of the first image of each. The caller frees *out. Returns how many. */
int64_t tec_check_twins(const tec_check *const *checks, int sets, tec_check_twin **out);

#endif
