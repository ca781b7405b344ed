/* Work done by threads ahead of its consumer, delivered in the order it was asked for.
 *
 * The owner submits batches of requests and waits for them in the same order; threads fill one slot per request by
 * calling `fetch`. What a slot holds depends on the request alone, never on timing. Local; submit/wait/release belong
 * to one thread. No allocation after opening. */
#ifndef TEC_LOADER_H
#define TEC_LOADER_H

#include "tec/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct tec_request {
    int64_t sample;
    int view; /* number of the crop, or whatever the fetch function takes it for */
} tec_request;

/* Fills `slot` for `request`. Called from several threads at once; `thread` (0..threads-1) picks scratch memory. */
typedef tec_status tec_fetch(void *context, int thread, const tec_request *request, void *slot);

typedef struct tec_loader_settings {
    int threads;       /* >= 1 */
    int depth;         /* batches that may be under way at once, >= 1 */
    int batch;         /* most requests in a batch */
    size_t slot_bytes; /* rounded up to 64; slots are aligned to 64 */
    tec_fetch *fetch;
    void *context; /* borrowed */
} tec_loader_settings;

typedef struct tec_loader tec_loader;

/* A finished batch. slot i belongs to request i; status[i] != TEC_OK says that its fetch failed, with message[i]. */
typedef struct tec_batch {
    int count;
    const tec_request *request;
    void *const *slot;
    const tec_status *status;
    char *const *message;
} tec_batch;

tec_status tec_loader_open(tec_loader **out, const tec_loader_settings *settings);
void tec_loader_close(tec_loader *loader); /* ends the threads; NULL is fine */

/* Asks for the next batch; the requests are copied. At most `depth` batches may be submitted and not yet released. */
void tec_loader_submit(tec_loader *loader, const tec_request *request, int count);

/* The oldest batch submitted and not yet waited for, once it is complete. Valid until tec_loader_release, which
 * releases batches in the same order. */
void tec_loader_wait(tec_loader *loader, tec_batch *batch);
void tec_loader_release(tec_loader *loader);

/* Seconds spent inside tec_loader_wait since opening. */
double tec_loader_waited(const tec_loader *loader);

#endif
