/* Sums a gradient over the ranks in buckets: slices of the flat buffer, each as soon as backward has finished it on
 * this rank. Without a helper thread the caller waits for every bucket where it announces it (MPI_Allreduce); with one,
 * backward goes on meanwhile (src/parallel/ring.h), which pays where the network is slow.
 *
 * Buckets, their order and how each is summed are always the same for given ranks and one of the two ways: so are the
 * sums, to the bit. Every rank takes all buckets of a step, also one that has nothing to add. From the first
 * tec_reducer_ready of a step until its last tec_reducer_take nothing else may call MPI. */
#ifndef TEC_REDUCER_H
#define TEC_REDUCER_H

#include "tec/comm.h"
#include "tec/params.h"
#include "tec/settings.h"

typedef struct tec_reducer tec_reducer;

typedef struct tec_slice {
    size_t first, count;
} tec_slice;

/* Local; comm and data [count] are borrowed. bucket: reals in one, at most INT_MAX. thread: with a helper, unless there
 * is but one rank. TEC_SYSTEM_ERROR: no thread can be started; TEC_USER_ERROR: this MPI does not go with threads. */
tec_status tec_reducer_create(tec_reducer **out, const tec_comm *comm, real *data, size_t count, size_t bucket,
                              bool thread);

/* How the gradients of a run are summed up. */
typedef struct tec_reduction {
    size_t bucket_bytes;
    tec_overlap overlap;
} tec_reduction;
tec_status tec_reducer_create_for(tec_reducer **out, const tec_comm *comm, real *data, size_t count,
                                  const tec_reduction *reduction);
void tec_reducer_free(tec_reducer *reducer); /* NULL is fine; between steps */

/* This rank's data before `end` are complete. A tec_params_listener: `reducer` is a tec_reducer. */
void tec_reducer_ready(void *reducer, size_t end);

/* Collective. Everything is ready: waits for the next bucket, from the first to the last. False, and ready for another
 * step, when all have been taken. */
bool tec_reducer_take(tec_reducer *reducer, tec_slice *out);

/* Takes all that are left. */
void tec_reducer_take_all(tec_reducer *reducer);

/* Seconds so far that the callers of these have waited: the exposed part of the communication. */
double tec_reducer_waited(const tec_reducer *reducer);

#endif
