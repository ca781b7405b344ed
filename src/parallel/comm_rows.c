/* The reduction of rows by a function of the caller: an MPI_Op around it. */
#include "tec/comm.h"

#include "comm_mpi.h"

#include "tec/phase.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* Of the reduction under way, as there can be only one: MPI passes nothing of the caller's to an MPI_User_function. */
static tec_comm_merge *merging;

/* An MPI_User_function: *type is a row, *count their number. */
static void merge_rows(void *from, void *into, int *count, MPI_Datatype *type)
{
    int bytes = 0;
    MPI_Type_size(*type, &bytes);
    merging(from, into, *count, (size_t)bytes);
}

void tec_comm_reduce_rows(const tec_comm *comm, const void *mine, void *all, int rows, size_t row_bytes,
                          tec_comm_merge *merge, int owner)
{
    assert(row_bytes <= INT_MAX);
    if (comm->size == 1) {
        memcpy(all, mine, (size_t)rows * row_bytes);
        return;
    }
    MPI_Datatype row;
    MPI_Op op;
    MPI_Type_contiguous((int)row_bytes, MPI_BYTE, &row);
    MPI_Type_commit(&row);
    MPI_Op_create(merge_rows, 1, &op);
    merging = merge;
    tec_phase_wait("MPI_Reduce");
    MPI_Reduce(mine, all, rows, row, op, owner, comm->world->mpi);
    tec_phase_wait(NULL);
    MPI_Op_free(&op);
    MPI_Type_free(&row);
}
