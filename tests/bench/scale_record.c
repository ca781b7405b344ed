/* MPI calls that a program makes, counted: to be preloaded. At its end rank 0 writes to the file TEC_RECORD a line for each
 * kind of call: how often, which, the ranks of its communicator, the bytes. TEC_RANKS_PER_NODE: as if a node had so many
 * ranks, wherever they are. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 256 };

static struct kind {
    const char *call;
    int ranks;
    long bytes, times;
} kinds[KINDS];

static void count(const char *call, MPI_Comm comm, int items, MPI_Datatype type)
{
    int ranks, size;
    PMPI_Comm_size(comm, &ranks);
    PMPI_Type_size(type, &size);
    const long bytes = (long)items * size;
    for (struct kind *k = kinds; k < kinds + KINDS; k++) {
        if (!k->call)
            *k = (struct kind){.call = call, .ranks = ranks, .bytes = bytes};
        if (strcmp(k->call, call) == 0 && k->ranks == ranks && k->bytes == bytes) {
            k->times++;
            return;
        }
    }
    fprintf(stderr, "record: more than %d kinds of calls\n", KINDS);
    PMPI_Abort(comm, 1);
}

int MPI_Allreduce(const void *in, void *out, int items, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    count("allreduce", comm, items, type);
    return PMPI_Allreduce(in, out, items, type, op, comm);
}

int MPI_Reduce(const void *in, void *out, int items, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm)
{
    count("reduce", comm, items, type);
    return PMPI_Reduce(in, out, items, type, op, root, comm);
}

int MPI_Bcast(void *data, int items, MPI_Datatype type, int root, MPI_Comm comm)
{
    count("bcast", comm, items, type);
    return PMPI_Bcast(data, items, type, root, comm);
}

int MPI_Allgather(const void *in, int items, MPI_Datatype type, void *out, int others, MPI_Datatype theirs,
                  MPI_Comm comm)
{
    count("allgather", comm, others, theirs);
    return PMPI_Allgather(in, items, type, out, others, theirs, comm);
}

int MPI_Barrier(MPI_Comm comm)
{
    count("barrier", comm, 0, MPI_BYTE);
    return PMPI_Barrier(comm);
}

int MPI_Ibarrier(MPI_Comm comm, MPI_Request *request)
{
    count("ibarrier", comm, 0, MPI_BYTE);
    return PMPI_Ibarrier(comm, request);
}

int MPI_Isend(const void *data, int items, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request)
{
    count("isend", comm, items, type);
    return PMPI_Isend(data, items, type, to, tag, comm, request);
}

int MPI_Comm_split_type(MPI_Comm comm, int kind, int key, MPI_Info info, MPI_Comm *out)
{
    const char *text = getenv("TEC_RANKS_PER_NODE");
    int rank;
    PMPI_Comm_rank(comm, &rank);
    return text ? PMPI_Comm_split(comm, rank / atoi(text), key, out) : PMPI_Comm_split_type(comm, kind, key, info, out);
}

int MPI_Finalize(void)
{
    int rank;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    FILE *f = rank == 0 ? fopen(getenv("TEC_RECORD"), "w") : NULL;
    for (const struct kind *k = kinds; f && k < kinds + KINDS && k->call; k++)
        fprintf(f, "%ld %s %d %ld\n", k->times, k->call, k->ranks, k->bytes);
    if (f)
        fclose(f);
    return PMPI_Finalize();
}
