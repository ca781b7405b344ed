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
    size_t part = most / (size_t)comm->size + 1;
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

/* Numbers that are sent or received at once. */
typedef struct part {
    real *data;
    size_t count;
} part;

/* One of the equal parts of data [count], by its number, which is counted round the ring. */
static part part_of(real *data, size_t count, int number, int size)
{
    tec_range range = tec_share((int64_t)count, (number + size) % size, size);
    return (part){data + range.first, (size_t)range.count};
}

/* Sends `out` to the next rank while `in` arrives from the one before. */
static void pass_on(ring *r, part out, part in, atomic_bool *hurry)
{
    int next = (r->comm->rank + 1) % r->comm->size, before = (r->comm->rank + r->comm->size - 1) % r->comm->size;
    int under_way = 0;
    for (size_t at = 0; at < in.count; at += MESSAGE)
        MPI_Irecv(in.data + at, message_size(in.count - at), TEC_MPI_REAL, before, 0, r->comm->world->mpi,
                  &r->request[under_way++]);
    for (size_t at = 0; at < out.count; at += MESSAGE)
        MPI_Isend(out.data + at, message_size(out.count - at), TEC_MPI_REAL, next, 0, r->comm->world->mpi,
                  &r->request[under_way++]);
    wait_for_all(r->request, under_way, hurry);
}

void tec_ring_sum(ring *r, real *data, size_t count, atomic_bool *hurry)
{
    int size = r->comm->size, rank = r->comm->rank;
    for (int step = 0; step < size - 1; step++) { /* in the end part rank + 1 is complete here */
        part out = part_of(data, count, rank - step, size), in = part_of(data, count, rank - step - 1, size);
        pass_on(r, out, (part){r->arrived, in.count}, hurry);
        for (size_t i = 0; i < in.count; i++)
            in.data[i] += r->arrived[i];
    }
    for (int step = 0; step < size - 1; step++)
        pass_on(r, part_of(data, count, rank - step + 1, size), part_of(data, count, rank - step, size), hurry);
}
