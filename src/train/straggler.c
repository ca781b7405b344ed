/* The slowest rank of an interval, from how long each has waited. */
#include "straggler.h"

tec_straggler tec_straggler_find(const tec_comm *comm, double waited)
{
    tec_straggler out = {0};
    double least = waited, others = waited;
    tec_comm_least(comm, &least, &out.rank);
    tec_comm_sum_double(comm, &others, 1);
    others -= least;
    double more = others - (comm->size - 1) * least;
    if (others > 0 && more > 0)
        out.share = more / others;
    if (comm->size > 1)
        out.waited = others / (comm->size - 1);
    return out;
}
