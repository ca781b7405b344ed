/* Module data, public. Images read ahead of the computation: threads read, decode, crop and normalise the images that
 * `next` requests. Batches are delivered in the order of the requests, whatever the timing. Used by training, base
 * targets, feature extraction and benchmarks.
 *
 * Local; a feed belongs to one thread. Allocates only when opened, and for the messages of images
 * that are left out. H x W image size, c channels. */
#ifndef TEC_FEED_H
#define TEC_FEED_H

#include "tec/augment.h"
#include "tec/dataset.h"
#include "tec/loader.h"
#include "tec/rand_augment.h"
#include "tec/skipped.h"

/* How a job reads images. */
typedef struct tec_reading {
    int workers;  /* decoding threads, >= 1 */
    int prefetch; /* batches prepared ahead of the computation, >= 1 */
    bool skip;    /* leave out images that cannot be read, instead of failing */
} tec_reading;

typedef enum tec_view_policy {
    TEC_VIEW_CENTER,      /* tec_view_center, for evaluation */
    TEC_VIEW_RANDOM,      /* tec_view_draw from the seed, the sample and the requested view */
    TEC_VIEW_GIVEN_CROP,  /* `attach` sets item->crop */
    TEC_VIEW_GIVEN_SQUARE /* `attach` fills item->square; the data set only provides names */
} tec_view_policy;

/* What is done to random views besides crop and flip, drawn from (seed, sample, view) of the feed's view. Zeroed: nothing. */
typedef struct tec_augmentation {
    tec_rand_augment rand; /* layers 0: none */
    double jitter;         /* strength of colour jitter, where there is no RandAugment; 0: none */
    double erase;          /* probability of random erasing */
} tec_augmentation;

/* How an image becomes the square that the model sees. */
typedef struct tec_feed_view {
    tec_view_policy policy;
    tec_size size; /* H, W */
    int channels;  /* c */
    tec_normalisation normalisation;
    tec_crop_settings crop;          /* TEC_VIEW_RANDOM */
    tec_augmentation augmentation;   /* TEC_VIEW_RANDOM */
    uint64_t seed;                   /* TEC_VIEW_RANDOM */
    int views;                       /* TEC_VIEW_RANDOM: view v is cropped as v mod views; 0: all views differ */
    tec_preprocessing preprocessing; /* TEC_VIEW_CENTER; zeroed: MAE's */
} tec_feed_view;

/* A sample ready for the model. Pointers lead into the feed's memory and are valid as long as the batch. */
typedef struct tec_feed_item {
    int64_t sample;
    int view;       /* as requested */
    int index;      /* of its request within the batch */
    real *image;    /* [c, H, W] normalised */
    void *square;   /* [H, W, c] before that; set for `attach` and, with keep_squares, in batches; else NULL.
                     * uint8_t or, if tec_dataset_has_values, float */
    tec_view crop;  /* meaningless for TEC_VIEW_CENTER and TEC_VIEW_GIVEN_SQUARE */
    void *attached; /* [attached_bytes], aligned as `real` */
} tec_feed_item;

/* Fills in the requests of the next batch, at most settings.batch, and returns how many; 0: there are no more, and
 * the feed does not ask again. Called
 * on the owner's thread, ahead of the batch that is being worked on. */
typedef int tec_feed_next(void *context, tec_request *request);

/* Fills item->attached, and whatever the policy leaves to it, before the image is read. Called from several threads at
 * once; `thread` (0 .. threads - 1) selects scratch memory. TEC_USER_ERROR: this image is bad; the message is prefixed
 * with its name, and it is treated as one that cannot be read. */
typedef tec_status tec_feed_attach(void *context, int thread, tec_feed_item *item);

typedef struct tec_feed_settings {
    tec_feed_view view;
    int threads;          /* >= 1 */
    int depth;            /* batches in memory at once, including the one taken; >= 1 */
    int batch;            /* most requests in a batch */
    bool keep_squares;    /* batches have item->square */
    tec_skipped *skipped; /* where images that cannot be read are noted and left out; NULL: they are errors */
    tec_feed_next *next;
    void *order;             /* context of next; borrowed */
    tec_feed_attach *attach; /* NULL: nothing is attached */
    void *source;            /* context of attach; borrowed */
    size_t attached_bytes;
} tec_feed_settings;

typedef struct tec_feed tec_feed;

typedef struct tec_feed_batch {
    int asked;                 /* requests in the batch; 0: there are no more batches */
    int count;                 /* images that could be read */
    const tec_feed_item *item; /* [count], in the order of the requests */
} tec_feed_batch;

/* `set` is borrowed. TEC_SYSTEM_ERROR: no memory, no threads. */
tec_status tec_feed_open(tec_feed **out, const tec_dataset *set, const tec_feed_settings *settings);
void tec_feed_close(tec_feed *feed); /* NULL is fine */

/* Requests as many batches as there is room for. tec_feed_take and tec_feed_release do so too; calling this earlier
 * lets the threads start earlier. */
void tec_feed_ahead(tec_feed *feed);

/* Waits for the next batch, which is valid until tec_feed_release; that must come before the next call. If an image
 * cannot be read and such images are not skipped: its status and message. */
tec_status tec_feed_take(tec_feed *feed, tec_feed_batch *out);
void tec_feed_release(tec_feed *feed);

/* Waits for the next batch and drops it: what it holds, or could not be read, is of no interest. */
void tec_feed_skip(tec_feed *feed);

/* Copies the images of a batch to images [count, c, H, W]. */
void tec_feed_pack(const tec_feed *feed, const tec_feed_batch *batch, real *images);

/* Seconds spent waiting inside tec_feed_take since opening. */
double tec_feed_waited(const tec_feed *feed);

#endif
