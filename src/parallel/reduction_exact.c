/* Sums in integers, whose order does not matter: the same bits on any number of ranks.
 *
 * A value x of a micro-batch's gradient counts as the integer nearest to x 2^shift. The shift follows from what is
 * expected of x and from the number of parts alone, so that no sum of all parts can leave 64 bits, however they are
 * spread over ranks. Values beyond what is expected are cut to it, and counted. */
#include "comm_mpi.h"
#include "reduction.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/vector.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Behind the sums of a bucket, and summed with them: how many values were cut, and how many were not finite. */
enum { CUT, NOT_FINITE, COUNTERS };

typedef struct exact {
    int64_t *sum; /* [buckets, bucket + COUNTERS] of the parts of this rank, then of all ranks */
    int most;     /* a part's integers are at most 2^most */
} exact;

static int64_t *sums_of(const tec_reducer *r, size_t number)
{
    const exact *e = r->own;
    return e->sum + number % r->buckets * (r->bucket + COUNTERS);
}

/* In doubles, where multiplying by a power of two loses nothing. x is zeroed. */
TEC_CLONES static void count_in(real *restrict x, size_t n, double unit, double most, int64_t *restrict sum,
                                int64_t *restrict counter)
{
    int64_t cut = 0, not_finite = 0;
    for (size_t i = 0; i < n; i++) {
        double q = (double)x[i] * unit, kept = q > most ? most : q < -most ? -most : q;
        bool finite = q - q == 0;
        not_finite += !finite;
        cut += kept != q;
        sum[i] += finite ? (int64_t)rint(kept) : 0;
        x[i] = 0;
    }
    counter[CUT] += cut;
    counter[NOT_FINITE] += not_finite;
}

TEC_CLONES static void count_out(int64_t *restrict sum, size_t n, double unit, real *restrict x)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = (real)((double)sum[i] * unit);
        sum[i] = 0;
    }
}

/* The part of a span that is in a slice. */
static tec_slice common(tec_slice slice, const tec_expected *span)
{
    size_t first = tec_max_size(slice.first, span->first);
    size_t end = tec_min_size(slice.first + slice.count, span->first + span->count);
    return (tec_slice){first, end > first ? end - first : 0};
}

/* To the integers of bucket `number` and back. */
static void add_bucket(tec_reducer *r, size_t number)
{
    const exact *e = r->own;
    const tec_slice slice = slice_of(r, number);
    int64_t *sum = sums_of(r, number);
    for (int i = 0; i < r->spans; i++) {
        tec_slice part = common(slice, &r->expected[i]);
        count_in(r->data + part.first, part.count, ldexp(1, e->most - r->expected[i].exponent), ldexp(1, e->most),
                 sum + (part.first - slice.first), sum + slice.count);
    }
}

static void take_bucket(tec_reducer *r, size_t number)
{
    const exact *e = r->own;
    const tec_slice slice = slice_of(r, number);
    int64_t *sum = sums_of(r, number), *counter = sum + slice.count;
    for (int i = 0; i < r->spans; i++) {
        tec_slice part = common(slice, &r->expected[i]);
        count_out(sum + (part.first - slice.first), part.count, ldexp(1, r->expected[i].exponent - e->most),
                  r->data + part.first);
    }
    r->cut += counter[CUT];
    if (counter[NOT_FINITE] > 0)
        r->data[slice.first] = NAN; /* whoever looks at the gradient finds it on every rank */
    memset(counter, 0, COUNTERS * sizeof *counter);
}

static void sum_buckets(tec_reducer *r, size_t end)
{
    for (; r->summed < end; r->summed++) {
        add_bucket(r, r->summed);
        if (r->comm->size > 1)
            MPI_Allreduce(MPI_IN_PLACE, sums_of(r, r->summed), (int)(slice_of(r, r->summed).count + COUNTERS),
                          MPI_INT64_T, MPI_SUM, r->comm->world->mpi);
        take_bucket(r, r->summed);
    }
}

static void add_part(tec_reducer *r)
{
    for (size_t i = 0; i < r->buckets; i++)
        add_bucket(r, i);
}

static tec_status start(tec_reducer *r)
{
    exact *e = tec_allocate_zeroed(1, sizeof *e);
    e->most = 62 - (int)ceil(log2((double)r->parts));
    e->sum = tec_allocate_zeroed(r->buckets * (r->bucket + COUNTERS), sizeof *e->sum);
    r->own = e;
    return TEC_OK;
}

static void stop(tec_reducer *r)
{
    exact *e = r->own;
    free(e->sum);
    free(e);
}

const reduction_kind tec_reduction_exact = {.call = "MPI_Allreduce of exact sums",
                                            .start = start,
                                            .add = add_part,
                                            .announce = tec_reducer_wait,
                                            .wait = sum_buckets,
                                            .stop = stop};
