/* A ring of batches that threads fill and the owner empties in order. */
#include "tec/loader.h"

#include "tec/clock.h"
#include "tec/memory.h"
#include "tec/phase.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES 1024
#define ALIGNMENT 64

/* A batch under way. Its arrays are [settings.batch]. Workers write the slot, status and message of the requests that
 * they took; the owner reads them once done == count. */
typedef struct ring_batch {
    int count, taken, done;
    tec_request *request;
    void **slot;
    tec_status *status;
    char **message;
} ring_batch;

typedef struct worker {
    tec_loader *loader;
    pthread_t thread;
    int number;
} worker;

/* Batches are numbered from 0; batch n is in ring[n % depth]. `open` is the oldest that still has requests nobody has
 * taken; released <= waited <= submitted. `lock` guards these numbers, `stop`, and taken and done of the ring. */
struct tec_loader {
    tec_loader_settings settings;
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    bool stop;
    long submitted, open, waited, released;
    double seconds_waited;
    ring_batch *ring;
    worker *workers;
    int started;
    char *slots, *messages;
};

static ring_batch *batch_of(tec_loader *loader, long number)
{
    return &loader->ring[number % loader->settings.depth];
}

/* The oldest request that nobody has taken, or NULL. Called with the lock held. */
static ring_batch *take_request(tec_loader *loader, int *index)
{
    for (; loader->open < loader->submitted; loader->open++) {
        ring_batch *batch = batch_of(loader, loader->open);
        if (batch->taken < batch->count) {
            *index = batch->taken++;
            return batch;
        }
    }
    return NULL;
}

static void fill(const tec_loader *loader, const worker *self, ring_batch *batch, int i)
{
    const tec_loader_settings *s = &loader->settings;
    batch->status[i] = s->fetch(s->context, self->number, &batch->request[i], batch->slot[i]);
    const char *message = batch->status[i] == TEC_OK ? "" : tec_error_message();
    size_t length = strnlen(message, MESSAGE_BYTES - 1);
    memcpy(batch->message[i], message, length);
    batch->message[i][length] = 0;
}

static void *work(void *argument)
{
    const worker *self = argument;
    tec_loader *loader = self->loader;
    pthread_mutex_lock(&loader->lock);
    while (!loader->stop) {
        int index;
        ring_batch *batch = take_request(loader, &index);
        if (!batch) {
            pthread_cond_wait(&loader->work, &loader->lock);
            continue;
        }
        pthread_mutex_unlock(&loader->lock);
        fill(loader, self, batch, index);
        pthread_mutex_lock(&loader->lock);
        if (++batch->done == batch->count)
            pthread_cond_signal(&loader->finished);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* ---- opening and closing ---- */

static void lay_out(tec_loader *loader)
{
    const tec_loader_settings *s = &loader->settings;
    size_t batch = (size_t)s->batch, depth = (size_t)s->depth;
    loader->messages = tec_allocate_zeroed(depth * batch, MESSAGE_BYTES);
    loader->ring = tec_allocate_zeroed(depth, sizeof *loader->ring);
    for (size_t b = 0; b < depth; b++) {
        ring_batch *r = &loader->ring[b];
        r->request = tec_allocate_zeroed(batch, sizeof *r->request);
        r->slot = tec_allocate_zeroed(batch, sizeof *r->slot);
        r->status = tec_allocate_zeroed(batch, sizeof *r->status);
        r->message = tec_allocate_zeroed(batch, sizeof *r->message);
        for (size_t i = 0; i < batch; i++) {
            r->slot[i] = loader->slots + (b * batch + i) * s->slot_bytes;
            r->message[i] = loader->messages + (b * batch + i) * MESSAGE_BYTES;
        }
    }
}

static tec_status start_workers(tec_loader *loader)
{
    int threads = loader->settings.threads;
    loader->workers = tec_allocate_zeroed((size_t)threads, sizeof *loader->workers);
    for (int i = 0; i < threads; i++) {
        worker *w = &loader->workers[i];
        w->loader = loader;
        w->number = i;
        int failure = pthread_create(&w->thread, NULL, work, w);
        if (failure)
            return tec_fail(TEC_SYSTEM_ERROR, "loader thread %d of %d cannot be started: %s", i + 1, threads,
                            strerror(failure));
        loader->started++;
    }
    return TEC_OK;
}

tec_status tec_loader_open(tec_loader **out, const tec_loader_settings *settings)
{
    assert(settings->threads >= 1 && settings->depth >= 1 && settings->batch >= 1 && settings->fetch);
    *out = NULL;
    tec_loader *loader = tec_allocate_zeroed(1, sizeof *loader);
    loader->settings = *settings;
    loader->settings.slot_bytes = (settings->slot_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t slots = (size_t)settings->depth * (size_t)settings->batch, bytes;
    if (__builtin_mul_overflow(slots, loader->settings.slot_bytes, &bytes) ||
        !(loader->slots = aligned_alloc(ALIGNMENT, bytes ? bytes : ALIGNMENT))) {
        free(loader);
        return tec_fail(TEC_SYSTEM_ERROR,
                        "loader: no memory for %d batches of %d samples of %zu bytes: lower the number of batches "
                        "loaded ahead",
                        settings->depth, settings->batch, settings->slot_bytes);
    }
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->finished, NULL);
    lay_out(loader);
    tec_status status = start_workers(loader);
    if (status != TEC_OK) {
        tec_loader_close(loader);
        return status;
    }
    *out = loader;
    return TEC_OK;
}

void tec_loader_close(tec_loader *loader)
{
    if (!loader)
        return;
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->started; i++)
        pthread_join(loader->workers[i].thread, NULL);
    pthread_cond_destroy(&loader->finished);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->lock);
    for (int b = 0; b < loader->settings.depth; b++) {
        free(loader->ring[b].request);
        free(loader->ring[b].slot);
        free(loader->ring[b].status);
        free(loader->ring[b].message);
    }
    free(loader->ring);
    free(loader->messages);
    free(loader->slots);
    free(loader->workers);
    free(loader);
}

/* ---- the owner's side ---- */

void tec_loader_submit(tec_loader *loader, const tec_request *request, int count)
{
    assert(count >= 0 && count <= loader->settings.batch);
    pthread_mutex_lock(&loader->lock);
    assert(loader->submitted - loader->released < loader->settings.depth);
    ring_batch *batch = batch_of(loader, loader->submitted);
    batch->count = count;
    batch->taken = batch->done = 0;
    if (count > 0)
        memcpy(batch->request, request, (size_t)count * sizeof *request);
    loader->submitted++;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
}

void tec_loader_wait(tec_loader *loader, tec_batch *out)
{
    double start = tec_seconds();
    tec_phase before = tec_phase_enter(TEC_PHASE_DATA);
    pthread_mutex_lock(&loader->lock);
    assert(loader->waited < loader->submitted);
    const ring_batch *batch = batch_of(loader, loader->waited);
    while (batch->done < batch->count)
        pthread_cond_wait(&loader->finished, &loader->lock);
    loader->waited++;
    pthread_mutex_unlock(&loader->lock);
    *out = (tec_batch){batch->count, batch->request, batch->slot, batch->status, batch->message};
    loader->seconds_waited += tec_seconds() - start;
    tec_phase_enter(before);
}

void tec_loader_release(tec_loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    assert(loader->released < loader->waited);
    loader->released++;
    if (loader->open < loader->released) /* an empty batch, which no worker has stepped over */
        loader->open = loader->released;
    pthread_mutex_unlock(&loader->lock);
}

double tec_loader_waited(const tec_loader *loader)
{
    return loader->seconds_waited;
}
