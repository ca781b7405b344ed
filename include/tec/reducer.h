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

/* How the sums of a node's gradients go to other nodes. */
typedef enum tec_gradient_type {
    TEC_GRADIENT_FLOAT32, /* as reals, like within a node */
    TEC_GRADIENT_BFLOAT16 /* rounded, in half the bytes; what rounding leaves is added to the next step's gradient
                           * (error feedback: Seide et al., 1-bit SGD, Interspeech 2014; Karimireddy et al., 2019) */
} tec_gradient_type;
#define TEC_GRADIENT_TYPE_WORDS "float32|bfloat16" /* in the order of tec_gradient_type */

/* Rounded sums: after so many steps of an epoch, and after its last one, nothing is left of rounding (tec_reducer_settle).
 * Only there checkpoints are written. What is left is another one on every rank: in checkpoints it would take as many bytes
 * for each rank as the weights, and bind a run to its number of ranks. And since the number of a step alone decides, a run
 * that is killed and resumed computes what one does that never was. One step in eight costs an eighth more bytes than
 * none would, and lets who asks for a checkpoint wait for seven more steps at most. */
enum { TEC_SETTLE_STEPS = 8 };

typedef struct tec_reduction {
    size_t bucket_bytes; /* at least one real, at most INT_MAX of them */
    tec_overlap overlap;
    tec_gradient_type type; /* bfloat16: without overlap, not exact */
    int64_t parts; /* exact sums of at most so many parts (micro-batches) over all ranks, without overlap; 0: of reals.
                    * Who trains knows how many, and tec_setup_reduction says 1 for exact sums */
    tec_node_memory memory; /* of weights and moments: for who trains */
    const tec_node *node;   /* sums without overlap, not exact: in the memory of a node. NULL: by messages */
    real *const *each;      /* with node: the data of all of its ranks, in tec_node_allocate_each's */
} tec_reduction;

typedef struct tec_reducer tec_reducer;

/* Local. TEC_USER_ERROR: sums cannot be two of exact, overlapped and rounded. */
tec_status tec_reduction_check(const tec_reduction *reduction);

/* Local, but collective with type bfloat16, which has no effect on a single node: a line says so. With one rank there is
 * nothing to sum, whatever the overlap. TEC_SYSTEM_ERROR: the helper thread cannot be started; TEC_USER_ERROR: this MPI
 * does not support threads, or tec_reduction_check refuses; *out is then NULL.
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

/* Are sums rounded, so that something of a step may be left for the next one? */
bool tec_reducer_rounds(const tec_reducer *reducer);

/* Before a step's first tec_reducer_ready or tec_reducer_take: its sums are not rounded, and have all that is left, so that
 * nothing will be. The same on every rank. */
void tec_reducer_settle(tec_reducer *reducer);

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
