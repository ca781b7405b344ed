/* Buckets of a gradient: which are announced, which are waited for, and in which way they are summed. */
#include "tec/reducer.h"

#include "comm_mpi.h"
#include "reduction.h"

#include "tec/clock.h"
#include "tec/log.h"
#include "tec/measure.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/phase.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

static void nothing(tec_reducer *r, size_t end)
{
    (void)r;
    (void)end;
}

/* One rank has nothing to sum. */
static const reduction_kind alone = {.wait = nothing};

void tec_reducer_wait(tec_reducer *r, size_t end)
{
    if (r->kind == &alone)
        return;
    TEC_MEASURE(TEC_OPERATOR_REDUCE);
    double start = tec_seconds();
    tec_phase_wait(r->kind->call);
    r->kind->wait(r, end);
    tec_phase_wait(NULL);
    r->waited += tec_seconds() - start;
}

static void sum_here(tec_reducer *r, size_t end)
{
    for (; r->summed < end; r->summed++) {
        tec_slice s = slice_of(r, r->summed);
        MPI_Allreduce(MPI_IN_PLACE, r->data + s.first, (int)s.count, TEC_MPI_REAL, MPI_SUM, r->comm->world->mpi);
    }
}

/* On the main thread, which waits for each bucket where it announces it. */
static const reduction_kind blocking = {
    .call = "MPI_Allreduce of gradients", .announce = tec_reducer_wait, .wait = sum_here};

static const reduction_kind *const kinds[] = {
    [TEC_OVERLAP_OFF] = &blocking,
    [TEC_OVERLAP_THREAD] = &tec_reduction_thread,
};

static const reduction_kind *kind_of(const tec_comm *comm, const tec_reduction *reduction)
{
    if (reduction->parts > 0)
        return &tec_reduction_exact;
    if (comm->size == 1)
        return &alone;
    if (reduction->type == TEC_GRADIENT_BFLOAT16)
        return &tec_reduction_rounded;
    return reduction->node ? &tec_reduction_node : kinds[reduction->overlap];
}

tec_status tec_reduction_check(const tec_reduction *reduction)
{
    static const char refusal[] = "%s cannot be combined with %s: give %s";
    static const char exact[] = "run.exact_sums", thread[] = "run.overlap=thread", off[] = "run.overlap=off";
    static const char rounded[] = "run.gradient_type=bfloat16", whole[] = "run.gradient_type=float32";
    const bool rounds = reduction->type == TEC_GRADIENT_BFLOAT16, overlaps = reduction->overlap != TEC_OVERLAP_OFF;
    if (reduction->parts > 0 && overlaps)
        return tec_fail(TEC_USER_ERROR, refusal, exact, thread, off);
    if (reduction->parts > 0 && rounds)
        return tec_fail(TEC_USER_ERROR, refusal, exact, rounded, whole);
    if (rounds && overlaps)
        return tec_fail(TEC_USER_ERROR, refusal, rounded, thread, off);
    return TEC_OK;
}

/* Collective. Where no sum leaves its node nothing is rounded. */
static tec_gradient_type type_of(const tec_comm *comm, const tec_reduction *reduction)
{
    if (reduction->type == TEC_GRADIENT_FLOAT32)
        return TEC_GRADIENT_FLOAT32;
    tec_comm node = tec_comm_node(comm);
    const bool single = node.size == comm->size;
    tec_comm_node_free(&node);
    if (single && comm->rank == 0)
        tec_log(
            "run.gradient_type=bfloat16 has no effect on a single node, where nothing is sent to another one: sums are "
            "those of float32");
    return single ? TEC_GRADIENT_FLOAT32 : TEC_GRADIENT_BFLOAT16;
}

tec_status tec_reducer_create(tec_reducer **out, const tec_comm *comm, real *data, size_t count,
                              const tec_reduction *reduction)
{
    const size_t bucket = reduction->bucket_bytes / sizeof(real);
    const tec_slice all = reduction->node ? tec_node_slice(reduction->node, count) : (tec_slice){0, count};
    assert(bucket > 0 && bucket <= INT_MAX);
    assert(!reduction->node || (reduction->parts == 0 && reduction->overlap == TEC_OVERLAP_OFF));
    *out = NULL;
    TEC_TRY(tec_reduction_check(reduction));
    tec_reduction taken = *reduction;
    taken.type = type_of(comm, reduction);
    tec_reducer *r = tec_allocate_zeroed(1, sizeof *r);
    *r = (tec_reducer){.kind = kind_of(comm, &taken),
                       .comm = comm,
                       .data = data,
                       .offset = all.first,
                       .count = all.count,
                       .parts = reduction->parts,
                       .bucket = bucket,
                       .buckets = tec_max_size((all.count + bucket - 1) / bucket, reduction->node ? 1 : 0),
                       .node = reduction->node,
                       .each = reduction->each};
    tec_status status = r->kind->start ? r->kind->start(r) : TEC_OK;
    if (status != TEC_OK) {
        tec_reducer_free(r);
        return status;
    }
    *out = r;
    return TEC_OK;
}

void tec_reducer_free(tec_reducer *r)
{
    if (!r)
        return;
    if (r->kind->stop)
        r->kind->stop(r);
    free(r);
}

void tec_reducer_expect(tec_reducer *r, const tec_expected *expected, int spans)
{
    r->expected = expected;
    r->spans = spans;
}

void tec_reducer_add(tec_reducer *r)
{
    if (r->kind->add)
        r->kind->add(r);
}

bool tec_reducer_rounds(const tec_reducer *r)
{
    return r->kind == &tec_reduction_rounded;
}

void tec_reducer_settle(tec_reducer *r)
{
    r->settles = true;
}

void tec_reducer_ready(void *reducer, size_t end)
{
    tec_reducer *r = reducer;
    if (r->kind->announce)
        r->kind->announce(r, r->first + end / r->bucket);
}

bool tec_reducer_take(tec_reducer *r, tec_slice *out)
{
    if (r->taken == r->buckets) {
        r->first += r->buckets;
        r->taken = 0;
        r->settles = false;
        return false;
    }
    tec_reducer_wait(r, r->first + r->taken + 1);
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

int64_t tec_reducer_cut(const tec_reducer *r)
{
    return r->cut;
}
