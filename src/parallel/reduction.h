/* Module parallel, private. Inside a reducer: what the ways of summing its buckets share, and where they differ.
 *
 * Buckets are numbered over all steps: each step goes on where the one before it ended, so that no counter is ever
 * reset while a thread may read it. */
#ifndef TEC_PARALLEL_REDUCTION_H
#define TEC_PARALLEL_REDUCTION_H

#include "tec/reducer.h"

/* A way of summing buckets: one row of the table in reducer.c. All functions are called on the main thread. */
typedef struct reduction_kind {
    const char *call;                             /* what a rank waits in, for the watchdog */
    tec_status (*start)(tec_reducer *r);          /* sets r->own; NULL: nothing to start */
    void (*add)(tec_reducer *r);                  /* a part of this rank's is complete; NULL: it stays in the data */
    void (*announce)(tec_reducer *r, size_t end); /* this rank's part of the buckets before `end` is complete; NULL:
                                                   * they are summed when they are waited for */
    void (*wait)(tec_reducer *r, size_t end);     /* returns once the buckets before `end` are summed */
    void (*stop)(tec_reducer *r);                 /* frees r->own, also after a failed start; NULL: nothing to stop */
} reduction_kind;

extern const reduction_kind tec_reduction_thread, tec_reduction_exact, tec_reduction_node, tec_reduction_rounded;

/* With r->each. tec_node_arrive: before the first bucket of a step all ranks of the node have completed their gradients, and
 * read weights no more. tec_node_sum: r->data become the sum over the node's ranks, and the others' zero. */
void tec_node_arrive(const tec_reducer *r);
void tec_node_sum(const tec_reducer *r, tec_slice slice);

/* Returns once the buckets before `end` are summed; the watchdog learns that this rank waits for the others. */
void tec_reducer_wait(tec_reducer *r, size_t end);

struct tec_reducer {
    const reduction_kind *kind;
    const tec_comm *comm;
    real *data;
    size_t offset;        /* of the first bucket */
    size_t count, bucket; /* reals in all buckets, and in each */
    size_t buckets;       /* of a step */
    size_t first;         /* number of the step's first bucket */
    size_t taken;         /* of this step */
    size_t summed;        /* of all steps; the kind counts, and guards it if need be */
    double waited;
    int64_t parts;                /* of exact sums: those of a step, of all ranks */
    const tec_expected *expected; /* [spans] of exact sums, borrowed */
    int spans;
    int64_t cut;
    bool settles;         /* rounded sums: nothing of this step is left for the next one */
    const tec_node *node; /* of sums within nodes */
    real *const *each;
    void *own; /* the kind's */
};

static inline tec_slice slice_of(const tec_reducer *r, size_t number)
{
    size_t first = number % r->buckets * r->bucket, left = r->count - first;
    return (tec_slice){r->offset + first, left < r->bucket ? left : r->bucket};
}

#endif
