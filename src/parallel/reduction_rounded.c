/* Sums that go from node to node as bfloat16, in half the bytes.
 *
 * Within a node gradients are summed in float32, each rank having a slice of a bucket, and what is rounded is the sum. Then
 * the ranks with the same slice, one on each node, exchange it in two collectives: everybody sends everybody a part, whose
 * owner sums what came in float32, and sends all of them the sum. So a value is rounded where it leaves its node, and its
 * sum where it leaves the owner: once each, however many nodes there are, and all ranks read the same bytes. An MPI_Op on
 * pairs of bytes would round every partial sum on the way, as often as the library's tree or ring has steps, and nobody
 * would know by how much. Both remainders are exact in float32, and stay where they arise: that of the sum with its
 * owner, whose own value was not rounded. */
#include "comm_mpi.h"
#include "reduction.h"

#include "tec/bfloat16.h"
#include "tec/clones.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/range.h"

#include <stdlib.h>
#include <string.h>

typedef struct rounded {
    tec_node
        *node; /* not that of the reducer: to sum by messages within nodes. NULL: it has none, or each has one rank */
    const tec_comm *peers; /* with the same slice, on the other nodes */
    size_t most;           /* values of this rank in a bucket */
    real *left;            /* [buckets, most]  of rounding, to be added to the next step's gradient */
    real *sum;             /* [most]  of the node; NULL: it is in the data */
    uint16_t *out;         /* [most]  what this rank sends, then all sums */
    uint16_t *in;          /* [peers, a part]  what it receives */
    int *count, *place;    /* [2, peers]  of what is sent, of what is received */
    int *node_count;       /* [2, node's ranks]  their slices of a bucket, and where these begin */
} rounded;

/* x + left goes out, and left becomes what rounding leaves of it. */
TEC_CLONES static void round_values(const real *restrict x, real *restrict left, uint16_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const real whole = x[i] + left[i];
        out[i] = tec_bfloat16_of((float)whole);
        left[i] = whole - (real)tec_bfloat16_value(out[i]);
    }
}

TEC_CLONES static void add_rounded(real *restrict x, const uint16_t *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += (real)tec_bfloat16_value(in[i]);
}

TEC_CLONES static void take_rounded(real *restrict x, const uint16_t *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (real)tec_bfloat16_value(in[i]);
}

TEC_CLONES static void take_left(real *restrict x, real *restrict left, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] += left[i];
        left[i] = 0;
    }
}

/* What each peer owns of n values. */
static tec_range part_of(const rounded *o, size_t n, int peer)
{
    return tec_share((int64_t)n, peer, o->peers->size);
}

/* Every peer's part goes to it, and everybody's value of this rank's part comes here, one behind the other. */
static void send_parts(const rounded *o, size_t n)
{
    const int size = o->peers->size, me = o->peers->rank, mine = (int)part_of(o, n, me).count;
    for (int peer = 0; peer < size; peer++) {
        const tec_range part = part_of(o, n, peer);
        o->count[peer] = peer == me ? 0 : (int)part.count;
        o->place[peer] = (int)part.first;
        o->count[size + peer] = peer == me ? 0 : mine;
        o->place[size + peer] = peer * mine;
    }
    MPI_Alltoallv(o->out, o->count, o->place, MPI_UINT16_T, o->in, o->count + size, o->place + size, MPI_UINT16_T,
                  o->peers->world->mpi);
}

static void spread_sums(const rounded *o, size_t n)
{
    o->count[o->peers->rank] = (int)part_of(o, n, o->peers->rank).count;
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, o->out, o->count, o->place, MPI_UINT16_T, o->peers->world->mpi);
}

/* x [n] become their sums over the peers. */
static void sum_rounded(const rounded *o, real *x, real *left, size_t n)
{
    const tec_range mine = part_of(o, n, o->peers->rank);
    const size_t first = (size_t)mine.first, count = (size_t)mine.count, end = first + count;
    round_values(x, left, o->out, first);
    round_values(x + end, left + end, o->out + end, n - end);
    send_parts(o, n);
    for (int peer = 0; peer < o->peers->size; peer++)
        if (peer != o->peers->rank)
            add_rounded(x + first, o->in + (size_t)peer * count, count);
    round_values(x + first, left + first, o->out + first, count);
    spread_sums(o, n);
    take_rounded(x, o->out, n);
}

/* The same, without rounding, and of what is left as well. */
static void sum_whole(const rounded *o, real *x, real *left, size_t n)
{
    take_left(x, left, n);
    MPI_Allreduce(MPI_IN_PLACE, x, (int)n, TEC_MPI_REAL, MPI_SUM, o->peers->world->mpi);
}

/* A rank without a slice has no peers who wait. */
static void sum_over_nodes(const tec_reducer *r, size_t number, real *x, size_t n)
{
    const rounded *o = r->own;
    real *left = o->left + number % r->buckets * o->most;
    if (n > 0)
        (r->settles ? sum_whole : sum_rounded)(o, x, left, n);
}

/* By messages, where the ranks of a node have no memory in common. */
static void sum_by_messages(const tec_reducer *r, size_t number)
{
    const rounded *o = r->own;
    const tec_comm *ranks = &o->node->ranks;
    const tec_slice slice = slice_of(r, number);
    int *count = o->node_count, *place = o->node_count + ranks->size;
    for (int i = 0; i < ranks->size; i++) {
        const tec_slice part = tec_node_slice_of(o->node, i, slice.count);
        count[i] = (int)part.count;
        place[i] = (int)part.first;
    }
    real *x = r->data + slice.first;
    MPI_Reduce_scatter(x, o->sum, count, TEC_MPI_REAL, MPI_SUM, ranks->world->mpi);
    sum_over_nodes(r, number, o->sum, (size_t)count[ranks->rank]);
    MPI_Allgatherv(o->sum, count[ranks->rank], TEC_MPI_REAL, x, count, place, TEC_MPI_REAL, ranks->world->mpi);
}

static void sum_bucket(const tec_reducer *r, size_t number)
{
    const rounded *o = r->own;
    const tec_slice slice = slice_of(r, number);
    if (o->node) {
        sum_by_messages(r, number);
        return;
    }
    if (r->node)
        tec_node_sum(r, slice);
    sum_over_nodes(r, number, r->data + slice.first, slice.count);
}

static void sum_buckets(tec_reducer *r, size_t end)
{
    if (r->node)
        tec_node_arrive(r);
    for (; r->summed < end; r->summed++)
        sum_bucket(r, r->summed);
}

/* In a node's memory all buckets are this rank's; they are summed once all ranks have come, not when they are announced. */
static void announce(tec_reducer *r, size_t end)
{
    if (!r->node)
        tec_reducer_wait(r, end);
}

/* This rank's of a bucket. Slices end on pages, so that of a smaller last bucket a rank may own more. */
static size_t values_of(const tec_reducer *r, const tec_node *node, size_t number)
{
    const size_t count = slice_of(r, number).count;
    return node ? tec_node_slice(node, count).count : count;
}

static tec_status start(tec_reducer *r)
{
    rounded *o = r->own = tec_allocate_zeroed(1, sizeof *o);
    o->node = r->node ? NULL : tec_node_open(r->comm);
    o->peers = o->node ? &o->node->peers : r->node ? &r->node->peers : r->comm;
    o->most = tec_max_size(values_of(r, o->node, 0), values_of(r, o->node, r->buckets - 1));
    const size_t peers = (size_t)o->peers->size, part = o->most / peers + 1;
    o->left = tec_allocate_zeroed(r->buckets * o->most, sizeof *o->left);
    o->out = tec_allocate(o->most * sizeof *o->out);
    o->in = tec_allocate(peers * part * sizeof *o->in);
    o->count = tec_allocate(2 * peers * sizeof *o->count);
    o->place = tec_allocate(2 * peers * sizeof *o->place);
    if (o->node) {
        o->sum = tec_allocate(o->most * sizeof *o->sum);
        o->node_count = tec_allocate(2 * (size_t)o->node->ranks.size * sizeof *o->node_count);
    }
    return TEC_OK;
}

static void stop(tec_reducer *r)
{
    rounded *o = r->own;
    tec_node_close(o->node);
    free(o->left);
    free(o->sum);
    free(o->out);
    free(o->in);
    free(o->count);
    free(o->place);
    free(o->node_count);
    free(o);
}

const reduction_kind tec_reduction_rounded = {.call = "MPI_Alltoallv or MPI_Allgatherv of rounded gradients",
                                              .start = start,
                                              .announce = announce,
                                              .wait = sum_buckets,
                                              .stop = stop};
