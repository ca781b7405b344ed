/* Sums by a helper thread, around the ring, while the main thread computes. */
#include "reduction.h"

#include "ring.h"

#include "tec/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* `lock` guards `ready`, `ending` and the reducer's `summed`. */
typedef struct helper {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    size_t ready; /* the buckets before it are complete on this rank */
    bool running, ending;
    ring ring;
    atomic_bool hurry; /* the main thread waits for a sum */
} helper;

static void *help(void *argument)
{
    tec_reducer *r = argument;
    helper *h = r->own;
    pthread_mutex_lock(&h->lock);
    while (!h->ending) {
        if (r->summed == h->ready) {
            pthread_cond_wait(&h->work, &h->lock);
            continue;
        }
        tec_slice s = slice_of(r, r->summed);
        pthread_mutex_unlock(&h->lock);
        tec_ring_sum(&h->ring, r->data + s.first, s.count, &h->hurry);
        pthread_mutex_lock(&h->lock);
        r->summed++;
        pthread_cond_signal(&h->done);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static tec_status start(tec_reducer *r)
{
    sigset_t all, before;
    int provided;
    MPI_Query_thread(&provided);
    if (provided < MPI_THREAD_SERIALIZED)
        return tec_fail(TEC_USER_ERROR,
                        "run.overlap: thread needs MPI_THREAD_SERIALIZED, which this MPI does not provide; set off");
    helper *h = r->own = tec_allocate_zeroed(1, sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->work, NULL);
    pthread_cond_init(&h->done, NULL);
    h->ring = tec_ring_create(r->comm, r->bucket < r->count ? r->bucket : r->count);
    /* The main thread handles all signals. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&h->thread, NULL, help, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    h->running = failed == 0;
    return failed ? tec_fail(TEC_SYSTEM_ERROR, "run.overlap: the helper thread cannot be started: %s", strerror(failed))
                  : TEC_OK;
}

static void announce(tec_reducer *r, size_t end)
{
    helper *h = r->own;
    pthread_mutex_lock(&h->lock);
    h->ready = end;
    pthread_cond_signal(&h->work);
    pthread_mutex_unlock(&h->lock);
}

/* Whoever waits has completed the whole step. */
static void wait_for_helper(tec_reducer *r, size_t end)
{
    helper *h = r->own;
    announce(r, r->first + r->buckets);
    atomic_store(&h->hurry, true);
    pthread_mutex_lock(&h->lock);
    while (r->summed < end)
        pthread_cond_wait(&h->done, &h->lock);
    pthread_mutex_unlock(&h->lock);
    atomic_store(&h->hurry, false);
}

static void stop(tec_reducer *r)
{
    helper *h = r->own;
    if (!h)
        return;
    if (h->running) {
        pthread_mutex_lock(&h->lock);
        h->ending = true;
        pthread_cond_signal(&h->work);
        pthread_mutex_unlock(&h->lock);
        pthread_join(h->thread, NULL);
    }
    tec_ring_free(&h->ring);
    pthread_cond_destroy(&h->done);
    pthread_cond_destroy(&h->work);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

const reduction_kind tec_reduction_thread = {.call = "the ring of gradients (MPI_Testall)",
                                             .start = start,
                                             .announce = announce,
                                             .wait = wait_for_helper,
                                             .stop = stop};
