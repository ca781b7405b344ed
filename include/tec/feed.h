/* Module data, public. Images read ahead of the computation: threads read, decode, cut and normalise what `next` asks
 * for, in that order, whatever the timing. Training, base targets, features and benchmarks are its clients.
 *
 * Local; a feed belongs to one thread. Nothing is allocated after opening. S image size, c channels. */
#ifndef TEC_FEED_H
#define TEC_FEED_H

#include "tec/augment.h"
#include "tec/dataset.h"
#include "tec/loader.h"
#include "tec/skipped.h"

/* How a job reads images; what its feed is made of. */
typedef struct tec_reading {
    int workers;  /* threads that decode, >= 1 */
    int prefetch; /* batches prepared ahead of the computation, >= 1 */
    bool skip;    /* images that cannot be read are left out */
} tec_reading;

typedef enum tec_view_policy {
    TEC_VIEW_CENTER,      /* evaluation: tec_view_center */
    TEC_VIEW_RANDOM,      /* tec_view_draw, from the seed, the sample and the view that was asked for */
    TEC_VIEW_GIVEN_CROP,  /* `attach` sets item->crop */
    TEC_VIEW_GIVEN_SQUARE /* `attach` fills item->square; the data set is asked for names alone */
} tec_view_policy;

/* How the square that the model sees comes of an image. */
typedef struct tec_feed_view {
    tec_view_policy policy;
    int size, channels; /* S, c */
    tec_normalisation normalisation;
    tec_crop_settings crop; /* TEC_VIEW_RANDOM */
    uint64_t seed;          /* TEC_VIEW_RANDOM */
} tec_feed_view;

/* A sample as the model gets it; pointers into the feed's memory, valid as long as its batch. */
typedef struct tec_feed_item {
    int64_t sample;
    int view;        /* as it was asked for */
    int index;       /* of its request in the batch */
    real *image;     /* [c, S, S] normalised */
    uint8_t *square; /* [S, S, c] before that; for `attach`, and in batches of a feed that keeps squares, else NULL */
    tec_view crop;   /* not of TEC_VIEW_CENTER and TEC_VIEW_GIVEN_SQUARE */
    void *attached;  /* [attached_bytes], aligned as `real` */
} tec_feed_item;

/* Fills requests of the next batch, at most `batch` of them, and returns how many; 0: there are no more. Called by the
 * owner of the feed, ahead of the batch that it works on. */
typedef int tec_feed_next(void *context, tec_request *request);

/* Fills item->attached, and what the policy leaves to it, before the image is read. Called by several threads at once;
 * `thread` (0 .. threads - 1) picks scratch memory. A TEC_USER_ERROR is about this image: its
 * name is put before the message, and it counts as one that cannot be read. */
typedef tec_status tec_feed_attach(void *context, int thread, tec_feed_item *item);

typedef struct tec_feed_settings {
    tec_feed_view view;
    int threads;          /* >= 1 */
    int depth;            /* batches in memory at once, the one that was taken included; >= 1 */
    int batch;            /* most requests in a batch */
    bool keep_squares;    /* batches have item->square */
    tec_skipped *skipped; /* images that cannot be read are noted here and left out; NULL: they are an error */
    tec_feed_next *next;
    void *order;             /* context of next; borrowed */
    tec_feed_attach *attach; /* NULL: nothing is attached */
    void *source;            /* context of attach; borrowed */
    size_t attached_bytes;
} tec_feed_settings;

typedef struct tec_feed tec_feed;

typedef struct tec_feed_batch {
    int asked;                 /* requests of the batch; 0: there are no more batches */
    int count;                 /* those that could be read */
    const tec_feed_item *item; /* [count], in the order of the requests */
} tec_feed_batch;

/* `set` is borrowed. TEC_SYSTEM_ERROR: no memory, no threads. */
tec_status tec_feed_open(tec_feed **out, const tec_dataset *set, const tec_feed_settings *settings);
void tec_feed_close(tec_feed *feed); /* NULL is fine */

/* Asks for as many batches as there is room for. tec_feed_take and tec_feed_release do so as well: calling it earlier
 * lets the threads begin earlier. */
void tec_feed_ahead(tec_feed *feed);

/* The next batch, once it is complete; valid until tec_feed_release, which comes before the next call. An image that
 * cannot be read, where those are not skipped: its status and message. */
tec_status tec_feed_take(tec_feed *feed, tec_feed_batch *out);
void tec_feed_release(tec_feed *feed);

/* The images of a batch, one behind the other -> images [count, c, S, S]. */
void tec_feed_pack(const tec_feed *feed, const tec_feed_batch *batch, real *images);

/* Seconds spent waiting inside tec_feed_take since opening. */
double tec_feed_waited(const tec_feed *feed);

#endif
