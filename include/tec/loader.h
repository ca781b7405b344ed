/* Module data, public. Threads that work ahead of a consumer and deliver in the order in which it asked.
 *
 * The owner submits batches of requests and waits for them in the same order; threads call `fetch` to fill one slot per
 * request. What a slot holds depends on the request alone, never on timing. Local; submit, wait and release are for one
 * thread only. Nothing is allocated after opening. */
#ifndef TEC_LOADER_H
#define TEC_LOADER_H

#include "tec/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct tec_request {
    int64_t sample;
    int view; /* number of the crop, or whatever else the fetch function takes it for */
} tec_request;

/* Fills `slot` for `request`. Called by several threads at once; `thread` (0 .. threads - 1) chooses scratch memory. */
typedef tec_status tec_fetch(void *context, int thread, const tec_request *request, void *slot);

typedef struct tec_loader_settings {
    int threads;       /* >= 1 */
    int depth;         /* >= 1: batches that may be submitted and not yet released */
    int batch;         /* >= 1: most requests in a batch */
    size_t slot_bytes; /* rounded up to a multiple of 64; slots are aligned to 64 bytes */
    tec_fetch *fetch;
    void *context; /* borrowed */
} tec_loader_settings;

typedef struct tec_loader tec_loader;

/* A finished batch: slot[i] is what fetch made of request[i]. status[i] != TEC_OK: it failed, message[i] says why. */
typedef struct tec_batch {
    int count;
    const tec_request *request; /* [count], as the others */
    void *const *slot;
    const tec_status *status;
    char *const *message;
} tec_batch;

/* Starts the threads. TEC_SYSTEM_ERROR: no memory for the slots, or no thread. */
tec_status tec_loader_open(tec_loader **out, const tec_loader_settings *settings);
void tec_loader_close(tec_loader *loader); /* in any state; ends the threads; NULL is fine */

/* Requests the next batch. The requests are copied; count may be 0. Not more than `depth` batches at once. */
void tec_loader_submit(tec_loader *loader, const tec_request *request, int count);

/* Waits until the oldest batch not yet waited for is complete. It is valid until tec_loader_release, which releases the
 * oldest batch not yet released. */
void tec_loader_wait(tec_loader *loader, tec_batch *batch);
void tec_loader_release(tec_loader *loader);

/* Seconds spent in tec_loader_wait since opening. */
double tec_loader_waited(const tec_loader *loader);

#endif
