/* Ranks: start and end of MPI, agreement on failures, broadcasts, reductions. */
#include "tec/comm.h"

#include "comm_mpi.h"

#include "tec/files.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/phase.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Within a node, a reduction in pieces that fit into the cache is much faster than one over the whole buffer; pieces of
 * this size still fill a network. Another size rounds differently. */
#define SUM_BYTES ((size_t)6 << 20)
#define BROADCAST_BYTES ((size_t)1 << 30) /* MPI counts are int */

typedef struct failure {
    int status;
    char message[1024];
} failure;

static bool is_alone(const tec_comm *comm)
{
    return !comm->world;
}

static bool is_up(void)
{
    int started = 0, finished = 0;
    MPI_Initialized(&started);
    MPI_Finalized(&finished);
    return started && !finished;
}

int tec_world_rank(void)
{
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

void tec_world_end(tec_status status)
{
    if (is_up())
        MPI_Abort(MPI_COMM_WORLD, (int)status);
    _exit((int)status); /* the launcher ends the others */
}

/* For tec_abort, which may be called anywhere, also where no communicator is at hand. */
static void end_world(tec_status status)
{
    if (!is_up())
        return;
    tec_log_error(tec_world_rank(), tec_error_message());
    MPI_Abort(MPI_COMM_WORLD, (int)status);
}

static tec_comm comm_of(MPI_Comm mpi)
{
    tec_comm comm = {.world = tec_allocate_zeroed(1, sizeof *comm.world)};
    comm.world->mpi = mpi;
    MPI_Comm_rank(mpi, &comm.rank);
    MPI_Comm_size(mpi, &comm.size);
    return comm;
}

static void end_of(tec_comm *comm)
{
    free(comm->world->host);
    free(comm->world);
    tec_comm_local(comm);
}

static void gather_hosts(const tec_comm *comm)
{
    tec_host mine;
    tec_host_mine(mine);
    comm->world->host = tec_allocate((size_t)comm->size * sizeof(tec_host));
    tec_phase_wait("MPI_Allgather of host names, the first collective");
    MPI_Allgather(mine, (int)sizeof mine, MPI_BYTE, comm->world->host, (int)sizeof mine, MPI_BYTE, comm->world->mpi);
    tec_phase_wait(NULL);
}

void tec_comm_start(tec_comm *comm)
{
    int provided = MPI_THREAD_SINGLE;
    tec_phase before = tec_phase_enter(TEC_PHASE_MPI);
    tec_phase_wait("MPI_Init_thread");
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    tec_phase_wait(NULL);
    *comm = comm_of(MPI_COMM_WORLD);
    tec_log_enable(comm->rank == 0);
    tec_set_abort(end_world);
    if (provided < MPI_THREAD_FUNNELED)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "MPI_Init_thread: this MPI does not provide MPI_THREAD_FUNNELED; "
                                             "use one built with thread support"));
    tec_phase_enter(TEC_PHASE_CONNECT);
    gather_hosts(comm);
    tec_phase_enter(before);
}

void tec_comm_local(tec_comm *comm)
{
    *comm = (tec_comm){.world = NULL, .rank = 0, .size = 1};
}

void tec_comm_finish(tec_comm *comm)
{
    if (!is_alone(comm)) {
        tec_set_abort(NULL);
        tec_phase_wait("MPI_Finalize");
        MPI_Finalize();
        tec_phase_wait(NULL);
        end_of(comm);
    }
}

const char *tec_comm_host(const tec_comm *comm, int rank)
{
    static tec_host here;
    if (!is_alone(comm) && comm->world->host)
        return comm->world->host[rank];
    tec_host_mine(here);
    return here;
}

/* The watchdog learns who waits for whom. */
static void reduce(const tec_comm *comm, void *data, int count, MPI_Datatype type, MPI_Op op)
{
    if (is_alone(comm))
        return;
    tec_phase_wait("MPI_Allreduce");
    MPI_Allreduce(MPI_IN_PLACE, data, count, type, op, comm->world->mpi);
    tec_phase_wait(NULL);
}

tec_status tec_comm_agree(const tec_comm *comm, tec_status mine)
{
    if (is_alone(comm))
        return mine;
    int first = mine == TEC_OK ? INT_MAX : comm->rank;
    reduce(comm, &first, 1, MPI_INT, MPI_MIN);
    if (first == INT_MAX)
        return TEC_OK;
    failure failed = {.status = (int)mine};
    if (first == comm->rank)
        memcpy(failed.message, tec_error_message(), strlen(tec_error_message()) + 1);
    tec_comm_broadcast(comm, &failed, sizeof failed, first);
    if (first == 0)
        return tec_fail((tec_status)failed.status, "%s", failed.message);
    return tec_fail((tec_status)failed.status, "rank %d: %s", first, failed.message);
}

void tec_comm_broadcast(const tec_comm *comm, void *data, size_t bytes, int root)
{
    if (is_alone(comm))
        return;
    for (size_t done = 0; done < bytes; done += BROADCAST_BYTES) {
        size_t piece = bytes - done < BROADCAST_BYTES ? bytes - done : BROADCAST_BYTES;
        tec_phase_wait("MPI_Bcast");
        MPI_Bcast((char *)data + done, (int)piece, MPI_BYTE, root, comm->world->mpi);
    }
    tec_phase_wait(NULL);
}

void tec_comm_share_text(const tec_comm *comm, char **text, size_t *bytes, int root)
{
    if (is_alone(comm))
        return;
    tec_comm_broadcast(comm, bytes, sizeof *bytes, root);
    if (comm->rank != root) {
        *text = tec_allocate(*bytes + 1);
        (*text)[*bytes] = '\0';
    }
    tec_comm_broadcast(comm, *text, *bytes, root);
}

tec_status tec_comm_put_texts(const tec_comm *comm, const char *text, size_t bytes, FILE *out, const char *name)
{
    tec_status status = TEC_OK;
    for (int rank = 0; rank < comm->size; rank++) {
        char *part = rank == comm->rank ? (char *)(uintptr_t)text : NULL;
        size_t count = rank == comm->rank ? bytes : 0;
        tec_comm_share_text(comm, &part, &count, rank);
        if (comm->rank == 0 && status == TEC_OK && fwrite(part, 1, count, out) != count)
            status = tec_fail(TEC_SYSTEM_ERROR, "%s: cannot be written: %s", name, tec_file_reason(errno));
        if (rank != comm->rank)
            free(part);
    }
    return tec_comm_agree(comm, status);
}

void tec_comm_sum_real(const tec_comm *comm, real *data, size_t count)
{
    const size_t most = SUM_BYTES / sizeof(real);
    for (size_t done = 0; done < count && !is_alone(comm); done += most) {
        size_t piece = count - done < most ? count - done : most;
        reduce(comm, data + done, (int)piece, TEC_MPI_REAL, MPI_SUM);
    }
}

void tec_comm_sum_double(const tec_comm *comm, double *data, int count)
{
    reduce(comm, data, count, MPI_DOUBLE, MPI_SUM);
}

void tec_comm_sum_int64(const tec_comm *comm, int64_t *data, int count)
{
    reduce(comm, data, count, MPI_INT64_T, MPI_SUM);
}

void tec_comm_max_double(const tec_comm *comm, double *data, int count)
{
    reduce(comm, data, count, MPI_DOUBLE, MPI_MAX);
}

void tec_comm_least(const tec_comm *comm, double *value, int *rank)
{
    struct {
        double value;
        int rank;
    } least = {*value, comm->rank};
    reduce(comm, &least, 1, MPI_DOUBLE_INT, MPI_MINLOC);
    *value = least.value;
    *rank = least.rank;
}

bool tec_comm_same(const tec_comm *comm, uint64_t value)
{
    uint64_t most[2] = {value, ~value};
    reduce(comm, most, 2, MPI_UINT64_T, MPI_MAX);
    return most[0] == ~most[1];
}

void tec_comm_gather(const tec_comm *comm, uint64_t mine, uint64_t *all)
{
    if (is_alone(comm)) {
        all[0] = mine;
        return;
    }
    tec_phase_wait("MPI_Allgather");
    MPI_Allgather(&mine, 1, MPI_UINT64_T, all, 1, MPI_UINT64_T, comm->world->mpi);
    tec_phase_wait(NULL);
}

void tec_comm_barrier(const tec_comm *comm)
{
    if (is_alone(comm))
        return;
    tec_phase_wait("MPI_Barrier");
    MPI_Barrier(comm->world->mpi);
    tec_phase_wait(NULL);
}

void tec_comm_barrier_asleep(const tec_comm *comm)
{
    const struct timespec nap = {.tv_nsec = 5000000};
    MPI_Request request;
    int done = 0;
    if (is_alone(comm))
        return;
    MPI_Ibarrier(comm->world->mpi, &request);
    for (;;) {
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (done)
            break;
        tec_phase_tick();
        nanosleep(&nap, NULL);
    }
}

tec_comm tec_comm_node(const tec_comm *comm)
{
    tec_comm local;
    MPI_Comm node;
    tec_comm_local(&local);
    if (is_alone(comm))
        return local;
    tec_phase_wait("MPI_Comm_split_type");
    MPI_Comm_split_type(comm->world->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node);
    tec_phase_wait(NULL);
    return comm_of(node);
}

tec_comm tec_comm_split(const tec_comm *comm, int number)
{
    tec_comm local, none = {.size = 0};
    MPI_Comm part;
    tec_comm_local(&local);
    if (is_alone(comm))
        return number < 0 ? none : local;
    tec_phase_wait("MPI_Comm_split");
    MPI_Comm_split(comm->world->mpi, number < 0 ? MPI_UNDEFINED : number, comm->rank, &part);
    tec_phase_wait(NULL);
    return part == MPI_COMM_NULL ? none : comm_of(part);
}

void tec_comm_node_free(tec_comm *node)
{
    if (!is_alone(node)) {
        MPI_Comm_free(&node->world->mpi);
        end_of(node);
    }
}

bool tec_comm_first_of_node(const tec_comm *comm)
{
    tec_comm node = tec_comm_node(comm);
    bool first = node.rank == 0;
    tec_comm_node_free(&node);
    return first;
}

void tec_comm_library(char *text, size_t size)
{
    char name[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(name, &length);
    snprintf(text, size, "%.*s", (int)strcspn(name, ",\n"), name);
}
