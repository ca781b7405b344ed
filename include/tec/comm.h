/* Module parallel, public. The ranks of a job and what they do together.
 *
 * MPI is initialised with MPI_THREAD_SERIALIZED: the main thread calls it and, while the main thread does not, the
 * helper thread of a reducer (tec/reducer.h). A failing MPI call ends all ranks (MPI_ERRORS_ARE_FATAL): without MPI
 * they could not agree on anything else. */
#ifndef TEC_COMM_H
#define TEC_COMM_H

#include "tec/error.h"
#include "tec/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct tec_comm {
    struct tec_comm_world *world; /* of src/parallel; NULL: without MPI, every call below is local */
    int rank, size;
} tec_comm;

/* Initialises MPI; *comm has all ranks. Logging is turned off on all of them but rank 0. tec_comm_finish ends MPI. */
void tec_comm_start(tec_comm *comm);
void tec_comm_local(tec_comm *comm); /* one rank without MPI */
void tec_comm_finish(tec_comm *comm);

/* Local. The host that a rank runs on, as gethostname says. Owned by comm. */
const char *tec_comm_host(const tec_comm *comm, int rank);

/* Collective. Ranks may call with different statuses; all return the same: that of the lowest rank that failed, whose
 * message becomes every rank's last message ("rank 3: ..." unless it is rank 0's). */
tec_status tec_comm_agree(const tec_comm *comm, tec_status mine);

/* Local. Name and version of the MPI library, cut at the first comma or line end: "Open MPI v4.1.4". */
void tec_comm_library(char *text, size_t size);

/* Collective. From `root` to all. */
void tec_comm_broadcast(const tec_comm *comm, void *data, size_t bytes, int root);

/* Collective. The same for a text whose length only `root` knows. On the other ranks *text is allocated, with a 0
 * behind its *bytes bytes; the caller frees it. */
void tec_comm_share_text(const tec_comm *comm, char **text, size_t *bytes, int root);

/* Collective; the same status everywhere. Rank 0 writes the texts of all ranks to `out`, in the order of the ranks.
 * TEC_SYSTEM_ERROR: it cannot be written; `name` is its name. */
tec_status tec_comm_put_texts(const tec_comm *comm, const char *text, size_t bytes, FILE *out, const char *name);

/* Collective. Elementwise over the ranks, in place, any count.
 *
 *   data  [count] */
void tec_comm_sum_real(const tec_comm *comm, real *data, size_t count);
void tec_comm_sum_double(const tec_comm *comm, double *data, int count);
void tec_comm_sum_int64(const tec_comm *comm, int64_t *data, int count);
void tec_comm_max_double(const tec_comm *comm, double *data, int count);
void tec_comm_barrier(const tec_comm *comm);

/* Collective. The least of all values, and the lowest rank that has it. */
void tec_comm_least(const tec_comm *comm, double *value, int *rank);

/* Collective. Have all ranks called with the same value? */
bool tec_comm_same(const tec_comm *comm, uint64_t value);

/* Collective. Every rank's value, for every rank.
 *
 *   all  [size] */
void tec_comm_gather(const tec_comm *comm, uint64_t mine, uint64_t *all);

/* Merges each row of `from` into the same row of `into`. The result must not depend on the order in which rows are
 * merged: MPI chooses it.
 *
 *   from, into  [rows] of `row_bytes` each */
typedef void tec_comm_merge(const void *from, void *into, int rows, size_t row_bytes);

/* Collective. For rows that are more than numbers to add, such as sorted lists: merges those of all ranks in a tree, so
 * that no rank holds more than two sets of them.
 *
 *   mine  [rows] of `row_bytes` each
 *   all   [rows] of `row_bytes` each  the result, on `owner`; not used on the other ranks */
void tec_comm_reduce_rows(const tec_comm *comm, const void *mine, void *all, int rows, size_t row_bytes,
                          tec_comm_merge *merge, int owner);

/* Collective. The ranks on this rank's node, in the same order. Freed by tec_comm_node_free, which is collective over
 * them. */
tec_comm tec_comm_node(const tec_comm *comm);
void tec_comm_node_free(tec_comm *node);

/* Collective. The ranks that give the same number, in the same order; of size 0 for those that give a negative one.
 * Freed by tec_comm_node_free. */
tec_comm tec_comm_split(const tec_comm *comm, int number);

/* Collective. A barrier at which ranks sleep, so that they leave their cores to those that are still at work. */
void tec_comm_barrier_asleep(const tec_comm *comm);

/* Collective. Is this the first rank of its node? */
bool tec_comm_first_of_node(const tec_comm *comm);

#endif
