/* Module parallel, private. What a tec_comm is in MPI: the only header that includes <mpi.h>. */
#ifndef TEC_PARALLEL_COMM_MPI_H
#define TEC_PARALLEL_COMM_MPI_H

#include "tec/comm.h"
#include "tec/environment.h"

#include <mpi.h>

#define TEC_MPI_REAL (TEC_REAL_IS_DOUBLE ? MPI_DOUBLE : MPI_FLOAT)

struct tec_comm_world {
    MPI_Comm mpi;
    tec_host *host; /* [ranks]; NULL: of a node, where nobody asks */
};

/* Once MPI_Init has returned. */
int tec_world_rank(void);

/* Ends all ranks with `status` as exit code, without a message, from any thread. */
void tec_world_end(tec_status status) __attribute__((noreturn));

#endif
