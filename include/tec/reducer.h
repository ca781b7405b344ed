/* Module parallel, public. Sums a gradient over the ranks in buckets: slices of the flat buffer, each as soon as
 * backward has completed it on this rank.
 *
 * For given ranks, bucket size and overlap, or with exact sums for any of them, the buckets, their order and the order
 * of summation are always the same: so are the sums, to the bit. Every rank takes all buckets of a step, even if it has
 * nothing to add. From the first tec_reducer_ready of a step until its last tec_reducer_take nothing else may call
 * MPI. */
#ifndef TEC_REDUCER_H
#define TEC_REDUCER_H

#include "tec/comm.h"
#include "tec/node.h"
#include "tec/params.h"

/* What a rank does while a bucket is summed. */
typedef enum tec_overlap {
    TEC_OVERLAP_OFF,   /* wait for it where it announces it (MPI_Allreduce) */
    TEC_OVERLAP_THREAD /* compute: a helper thread sums (src/parallel/ring.h), which pays where the network is slow */
} tec_overlap;
#define TEC_OVERLAP_WORDS "off|thread" /* in the order of tec_overlap */

typedef struct tec_reduction {
    size_t bucket_bytes; /* at least one real, at most INT_MAX of them */
    tec_overlap overlap;
    int64_t parts; /* exact sums of at most so many parts (micro-batches) over all ranks, without overlap; 0: of reals.
                    * Who trains knows how many, and tec_setup_reduction says 1 for exact sums */
    tec_node_memory memory; /* of weights and moments: for who trains */
    const tec_node *node;   /* sums without overlap, not exact: in the memory of a node. NULL: by messages */
    real *const *each;      /* with node: the data of all of its ranks, in tec_node_allocate_each's */
} tec_reduction;

typedef struct tec_reducer tec_reducer;

/* Local. With one rank there is nothing to sum, whatever the overlap. TEC_SYSTEM_ERROR: the helper thread cannot be
 * started; TEC_USER_ERROR: this MPI does not support threads, or sums cannot be both exact and overlapped; *out is then
 * NULL.
 *
 *   comm       borrowed, as are node and each
 *   data       [count] borrowed
 *   reduction  copied */
tec_status tec_reducer_create(tec_reducer **out, const tec_comm *comm, real *data, size_t count,
                              const tec_reduction *reduction);
void tec_reducer_free(tec_reducer *reducer); /* NULL is fine; between steps only */

/* Exact sums: what is expected of each part, the same on every rank, before the first one of a step. The closer it is, the
 * more of a value's digits count (all that are worth 2^(exponent - 62) times the number of parts); what exceeds it is cut
 * to it. Data outside of all spans are zero. `expected` [spans] is borrowed until the next call. */
void tec_reducer_expect(tec_reducer *reducer, const tec_expected *expected, int spans);

/* Exact sums: the data are a part, other than this rank's last one of the step, and complete: adds it up and zeroes them.
 * Otherwise they stay, and the next part is added to them. */
void tec_reducer_add(tec_reducer *reducer);

/* How many values have been cut so far, on all ranks, in the buckets taken. */
int64_t tec_reducer_cut(const tec_reducer *reducer);

/* This rank's data before `end` are complete. A tec_params_listener (tec/params.h): `reducer` is a tec_reducer. */
void tec_reducer_ready(void *reducer, size_t end);

/* Collective. All data of this rank are complete: waits for the next bucket and returns true; the first call of a step
 * takes the first bucket. Returns false once all have been taken, and is then ready for the next step.
 *
 * With reduction.node the buckets are those of this rank's tec_node_slice, one at least, which may be empty. The first
 * call returns when all ranks of the node have completed their data; the other ranks' are zero in the buckets taken. */
bool tec_reducer_take(tec_reducer *reducer, tec_slice *out);

/* Collective. Takes all that are left. */
void tec_reducer_take_all(tec_reducer *reducer);

/* Seconds that the callers of these functions have waited so far: the exposed part of the communication. */
double tec_reducer_waited(const tec_reducer *reducer);

#endif
