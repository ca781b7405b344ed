/* Sums in the memory of a node: its ranks lay their gradients side by side, each sums its slice over them in the order of
 * the ranks, and over the nodes by MPI_Allreduce, at the same time as the others theirs. */
#include "comm_mpi.h"
#include "reduction.h"

#include "tec/clones.h"
#include "tec/minmax.h"

#include <string.h>

enum { BLOCK = 1024 };

TEC_CLONES static void take_part(real *restrict sum, real *restrict part, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum[i] += part[i];
        part[i] = 0;
    }
}

/* The sum is this rank's data, and those of the others are zeroed while they are in the cache. */
static void sum_block(const tec_reducer *r, size_t at, size_t n)
{
    const int ranks = r->node->ranks.size;
    real sum[BLOCK];
    memcpy(sum, r->each[0] + at, n * sizeof *sum);
    memset(r->each[0] + at, 0, n * sizeof *sum);
    for (int rank = 1; rank < ranks; rank++)
        take_part(sum, r->each[rank] + at, n);
    memcpy(r->data + at, sum, n * sizeof *sum);
}

void tec_node_arrive(const tec_reducer *r)
{
    if (r->summed == r->first)
        MPI_Barrier(r->node->ranks.world->mpi);
}

void tec_node_sum(const tec_reducer *r, tec_slice slice)
{
    const size_t end = slice.first + slice.count;
#pragma omp parallel for schedule(static)
    for (size_t at = slice.first; at < end; at += BLOCK)
        sum_block(r, at, tec_min_size(BLOCK, end - at));
}

static void sum_slice(const tec_reducer *r, tec_slice slice)
{
    tec_node_sum(r, slice);
    if (r->node->peers.size > 1 && slice.count > 0)
        MPI_Allreduce(MPI_IN_PLACE, r->data + slice.first, (int)slice.count, TEC_MPI_REAL, MPI_SUM,
                      r->node->peers.world->mpi);
}

static void sum_buckets(tec_reducer *r, size_t end)
{
    tec_node_arrive(r);
    for (; r->summed < end; r->summed++)
        sum_slice(r, slice_of(r, r->summed));
}

const reduction_kind tec_reduction_node = {.call = "MPI_Barrier or MPI_Allreduce of gradients", .wait = sum_buckets};
