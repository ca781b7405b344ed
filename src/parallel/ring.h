/* Sums over the ranks by a ring, for a thread that shares its core with the computation: it sleeps between its looks at
 * what has arrived, and what it sends is cut into messages so small that MPI sends them unasked ("eager"). The
 * operating system then carries them while no one polls; of larger ones, MPI would first ask the receiver, and wait for
 * both sides to look. */
#ifndef TEC_DIST_RING_H
#define TEC_DIST_RING_H

#include "tec/comm.h"

#include <stdatomic.h>

typedef struct ring {
    const tec_comm *comm;
    real *arrived;        /* [a rank's part of the largest sum] */
    MPI_Request *request; /* [as many as are under way at once] */
} ring;

/* Local; comm is borrowed. most: the largest count there will be. */
ring tec_ring_create(const tec_comm *comm, size_t most);
void tec_ring_free(ring *r);

/* Collective. data [count] becomes the sum over the ranks, the same bits on all of them, in an order of its own: with
 * more than two ranks not to the bit what MPI_Allreduce gives. While *hurry it polls without sleeping. */
void tec_ring_sum(ring *r, real *data, size_t count, atomic_bool *hurry);

#endif
