/* The ring: every rank sums up one part, then all parts go round. */
#include "ring.h"

#include "tec/memory.h"
#include "tec/range.h"

#include <stdlib.h>
#include <time.h>

/* Open MPI's limit for eager messages over TCP is 64 KB, headers included. */
enum { MESSAGE = 60 * 1024 / sizeof(real) };

/* 200 us: at 10 Gbit/s 250 KB arrive meanwhile, for which there is room in the sockets. */
static const struct timespec nap = {0, 200000};

static size_t messages(size_t count)
{
    return (count + MESSAGE - 1) / MESSAGE;
}

ring tec_ring_create(const tec_comm *comm, size_t most)
{
    size_t part = most / comm->size + 1;
    return (ring){comm, tec_allocate(part * sizeof(real)), tec_allocate(2 * messages(part) * sizeof(MPI_Request))};
}

void tec_ring_free(ring *r)
{
    free(r->arrived);
    free(r->request);
    *r = (ring){0};
}

static void wait_for_all(MPI_Request *request, int count, atomic_bool *hurry)
{
    for (;;) {
        int done;
        MPI_Testall(count, request, &done, MPI_STATUSES_IGNORE);
        if (done)
            return;
        if (!atomic_load_explicit(hurry, memory_order_relaxed))
            nanosleep(&nap, NULL);
    }
}

static int message_size(size_t left)
{
    return (int)(left < MESSAGE ? left : MESSAGE);
}

/* Sends `out` to the next rank while `in` arrives from the one before. */
static void pass_on(ring *r, const real *out, size_t outgoing, real *in, size_t incoming, atomic_bool *hurry)
{
    int next = (r->comm->rank + 1) % r->comm->size, before = (r->comm->rank + r->comm->size - 1) % r->comm->size;
    int under_way = 0;
    for (size_t at = 0; at < incoming; at += MESSAGE)
        MPI_Irecv(in + at, message_size(incoming - at), TEC_MPI_REAL, before, 0, r->comm->mpi,
                  &r->request[under_way++]);
    for (size_t at = 0; at < outgoing; at += MESSAGE)
        MPI_Isend(out + at, message_size(outgoing - at), TEC_MPI_REAL, next, 0, r->comm->mpi, &r->request[under_way++]);
    wait_for_all(r->request, under_way, hurry);
}

void tec_ring_sum(ring *r, real *data, size_t count, atomic_bool *hurry)
{
    int size = r->comm->size, rank = r->comm->rank;
    for (int step = 0; step < size - 1; step++) { /* in the end part rank + 1 is complete here */
        tec_range out = tec_share(count, (rank - step + size) % size, size);
        tec_range in = tec_share(count, (rank - step - 1 + size) % size, size);
        pass_on(r, data + out.first, out.count, r->arrived, in.count, hurry);
        for (int64_t i = 0; i < in.count; i++)
            data[in.first + i] += r->arrived[i];
    }
    for (int step = 0; step < size - 1; step++) {
        tec_range out = tec_share(count, (rank - step + 1 + size) % size, size);
        tec_range in = tec_share(count, (rank - step + size) % size, size);
        pass_on(r, data + out.first, out.count, data + in.first, in.count, hurry);
    }
}
