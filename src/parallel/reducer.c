/* Buckets of a gradient: when each is summed over the ranks, and by which thread. */
#include "tec/reducer.h"

#include "ring.h"

#include "tec/clock.h"
#include "tec/measure.h"
#include "tec/memory.h"
#include "tec/phase.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Buckets are counted: [0, reduced) are summed up, [reduced, ready) wait for it. `lock` guards the two and `ending`. */
struct tec_reducer {
    const tec_comm *comm;
    real *data;
    size_t count, bucket;
    size_t buckets, ready, reduced, taken;
    double waited;
    bool threaded, ending;
    ring ring;          /* the helper's */
    atomic_bool wanted; /* the caller waits for it */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
};

static tec_slice slice_of(const tec_reducer *r, size_t bucket)
{
    size_t first = bucket * r->bucket, left = r->count - first;
    return (tec_slice){first, left < r->bucket ? left : r->bucket};
}

/* Without a helper. */
static void reduce(tec_reducer *r, size_t bucket)
{
    tec_slice s = slice_of(r, bucket);
    MPI_Allreduce(MPI_IN_PLACE, r->data + s.first, (int)s.count, TEC_MPI_REAL, MPI_SUM, r->comm->mpi);
}

static void *help(void *argument)
{
    tec_reducer *r = argument;
    pthread_mutex_lock(&r->lock);
    while (!r->ending) {
        if (r->reduced == r->ready) {
            pthread_cond_wait(&r->work, &r->lock);
            continue;
        }
        size_t next = r->reduced;
        pthread_mutex_unlock(&r->lock);
        tec_slice s = slice_of(r, next);
        tec_ring_sum(&r->ring, r->data + s.first, s.count, &r->wanted);
        pthread_mutex_lock(&r->lock);
        r->reduced++;
        pthread_cond_signal(&r->done);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static tec_status start_helper(tec_reducer *r)
{
    sigset_t all, before;
    int provided;
    MPI_Query_thread(&provided);
    if (provided < MPI_THREAD_SERIALIZED)
        return tec_fail(TEC_USER_ERROR,
                        "run.overlap: thread needs MPI_THREAD_SERIALIZED, which this MPI does not provide; set off");
    r->ring = tec_ring_create(r->comm, r->bucket < r->count ? r->bucket : r->count);
    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&r->thread, NULL, help, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    r->threaded = failed == 0;
    return failed ? tec_fail(TEC_SYSTEM_ERROR, "run.overlap: the helper thread cannot be started: %s", strerror(failed))
                  : TEC_OK;
}

tec_status tec_reducer_create(tec_reducer **out, const tec_comm *comm, real *data, size_t count, size_t bucket,
                              bool thread)
{
    assert(bucket > 0 && bucket <= INT_MAX);
    tec_reducer *r = tec_allocate_zeroed(1, sizeof *r);
    *out = NULL;
    *r = (tec_reducer){
        .comm = comm, .data = data, .count = count, .bucket = bucket, .buckets = (count + bucket - 1) / bucket};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->work, NULL);
    pthread_cond_init(&r->done, NULL);
    tec_status status = thread && comm->size > 1 ? start_helper(r) : TEC_OK;
    if (status != TEC_OK) {
        tec_reducer_free(r);
        return status;
    }
    *out = r;
    return TEC_OK;
}

tec_status tec_reducer_create_for(tec_reducer **out, const tec_comm *comm, real *data, size_t count,
                                  const tec_reduction *reduction)
{
    return tec_reducer_create(out, comm, data, count, reduction->bucket_bytes / sizeof(real),
                              reduction->overlap == TEC_OVERLAP_THREAD);
}

void tec_reducer_free(tec_reducer *r)
{
    if (!r)
        return;
    if (r->threaded) {
        pthread_mutex_lock(&r->lock);
        r->ending = true;
        pthread_cond_signal(&r->work);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->thread, NULL);
    }
    tec_ring_free(&r->ring);
    pthread_cond_destroy(&r->done);
    pthread_cond_destroy(&r->work);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void announce(tec_reducer *r, size_t ready)
{
    pthread_mutex_lock(&r->lock);
    r->ready = ready;
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->lock);
}

static void wait_for_helper(tec_reducer *r, size_t want)
{
    atomic_store(&r->wanted, true);
    pthread_mutex_lock(&r->lock);
    while (r->reduced < want)
        pthread_cond_wait(&r->done, &r->lock);
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->wanted, false);
}

/* Returns when the buckets before `want` are summed up; the watchdog is told that this rank waits for the others. */
static void wait_for(tec_reducer *r, size_t want)
{
    if (r->comm->size == 1)
        return;
    TEC_MEASURE(TEC_OPERATOR_REDUCE);
    double start = tec_seconds();
    tec_phase_wait(true);
    if (r->threaded)
        wait_for_helper(r, want);
    else
        for (; r->reduced < want; r->reduced++)
            reduce(r, r->reduced);
    tec_phase_wait(false);
    r->waited += tec_seconds() - start;
}

void tec_reducer_ready(void *reducer, size_t end)
{
    tec_reducer *r = reducer;
    if (r->threaded)
        announce(r, end / r->bucket);
    else
        wait_for(r, end / r->bucket);
}

bool tec_reducer_take(tec_reducer *r, tec_slice *out)
{
    if (r->taken == r->buckets) {
        pthread_mutex_lock(&r->lock);
        r->ready = r->reduced = r->taken = 0;
        pthread_mutex_unlock(&r->lock);
        return false;
    }
    announce(r, r->buckets);
    wait_for(r, r->taken + 1);
    *out = slice_of(r, r->taken++);
    return true;
}

void tec_reducer_take_all(tec_reducer *r)
{
    tec_slice slice;
    while (tec_reducer_take(r, &slice)) {
    }
}

double tec_reducer_waited(const tec_reducer *r)
{
    return r->waited;
}
