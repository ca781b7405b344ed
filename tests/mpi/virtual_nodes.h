/* Nodes on one machine, for tests: MPI would make one of all ranks. Included by one file of a program. */
#ifndef TEC_TESTS_VIRTUAL_NODES_H
#define TEC_TESTS_VIRTUAL_NODES_H

#include <mpi.h>

static int ranks_per_node; /* 0: as MPI sees it */

/* In the place of MPI's function, as its profiling interface allows. */
int MPI_Comm_split_type(MPI_Comm all, int type, int key, MPI_Info info, MPI_Comm *out)
{
    int rank;
    PMPI_Comm_rank(all, &rank);
    return ranks_per_node ? PMPI_Comm_split(all, rank / ranks_per_node, key, out)
                          : PMPI_Comm_split_type(all, type, key, info, out);
}

#endif
