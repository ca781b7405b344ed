/* The ranks of a job and what they do together. MPI is asked for MPI_THREAD_SERIALIZED: only the main thread calls in,
 * and while it does not, the helper thread of a reducer (tec/reducer.h). A failing MPI call ends all ranks
 * (MPI_ERRORS_ARE_FATAL): ranks cannot agree on anything without it. */
#ifndef TEC_COMM_H
#define TEC_COMM_H

#include "tec/error.h"
#include "tec/real.h"

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEC_MPI_REAL (TEC_REAL_IS_DOUBLE ? MPI_DOUBLE : MPI_FLOAT)

typedef struct tec_comm {
    MPI_Comm mpi; /* MPI_COMM_NULL for a command that runs without MPI: then every call below is local */
    int rank, size;
} tec_comm;

/* MPI_Init and the world; logging is turned off on all ranks but 0. */
void tec_comm_start(tec_comm *comm);
void tec_comm_local(tec_comm *comm); /* one rank without MPI */
void tec_comm_finish(tec_comm *comm);

/* Collective. Ranks may come with different statuses; all leave with the same: that of the lowest rank that failed, and
 * its message becomes every rank's last message ("rank 3: ..." unless it was rank 0). */
tec_status tec_comm_agree(const tec_comm *comm, tec_status mine);

/* The MPI library's own description, cut at its first comma: "Open MPI v4.1.4"; written to `text`. */
void tec_comm_library(char *text, size_t size);

/* Not collective: for a failure that cannot wait for the others. Prints the message with the rank, ends all ranks with
 * `status` as exit code. Does not return. */
void tec_comm_abort(const tec_comm *comm, tec_status status) __attribute__((noreturn));

/* Collective. From `root` to all; tec_comm_share_text: *text is allocated on the others (free()), with a 0 behind it.
 */
void tec_comm_broadcast(const tec_comm *comm, void *data, size_t bytes, int root);
void tec_comm_share_text(const tec_comm *comm, char **text, size_t *bytes, int root);

/* Collective, in place, any count. */
void tec_comm_sum_real(const tec_comm *comm, real *data, size_t count);
void tec_comm_sum_double(const tec_comm *comm, double *data, int count);
void tec_comm_sum_int64(const tec_comm *comm, int64_t *data, int count);
void tec_comm_max_double(const tec_comm *comm, double *data, int count);
void tec_comm_barrier(const tec_comm *comm);

/* Collective. The ranks that run on this rank's node, in the same order; free with tec_comm_node_free. */
tec_comm tec_comm_node(const tec_comm *comm);
void tec_comm_node_free(tec_comm *node);

/* Collective. Is this the first rank of its node? */
bool tec_comm_first_of_node(const tec_comm *comm);

#endif
