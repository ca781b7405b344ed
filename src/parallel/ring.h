/* Module parallel, private. Sums over the ranks by a ring, for a thread that shares its core with the computation.
 *
 * It sleeps between polls, and sends messages so small that MPI sends them without asking the receiver ("eager"). The
 * operating system then transfers them while nobody polls. With larger messages MPI would first ask the receiver, and
 * both sides would have to poll. */
#ifndef TEC_PARALLEL_RING_H
#define TEC_PARALLEL_RING_H

#include "comm_mpi.h"

#include <stdatomic.h>

typedef struct ring {
    const tec_comm *comm;
    real *arrived;        /* [a rank's part of the largest sum] */
    MPI_Request *request; /* [as many as are under way at once] */
} ring;

/* Local; comm is borrowed. most: the largest count there will be. */
ring tec_ring_create(const tec_comm *comm, size_t most);
void tec_ring_free(ring *r);

/* Collective. data becomes its sum over the ranks, the same bits on all of them. The order of summation is its own:
 * with more than two ranks the sums are not those of MPI_Allreduce to the bit. While *hurry it polls without sleeping.
 *
 *   data  [count] */
void tec_ring_sum(ring *r, real *data, size_t count, atomic_bool *hurry);

#endif
