/* Checksums of weights and moments, a tensor at a time, compared over the ranks. */
#include "same_weights.h"

#include "tec/crc32c.h"
#include "tec/hash.h"
#include "tec/memory.h"
#include "tec/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NAMES 4 /* ranks that a message names */

/* What there is of a tensor. */
enum { WEIGHT, MOMENT_1, MOMENT_2, AVERAGE, KINDS };
static const char *const kind_names[KINDS] = {"", "the first moment of ", "the second moment of ",
                                              "the running mean of "};

/* sum  [params->count, KINDS] */
static void checksums(const tec_params *params, const tec_adamw *adamw, const real *average, uint32_t *sum)
{
    memset(sum, 0, (size_t)(params->count * KINDS) * sizeof *sum);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < params->count; i++) {
        const tec_param *p = &params->param[i];
        const size_t bytes = p->count * sizeof(real);
        uint32_t *of = sum + i * KINDS;
        of[WEIGHT] = tec_crc32c(0, params->weight + p->offset, bytes);
        if (average)
            of[AVERAGE] = tec_crc32c(0, average + p->offset, bytes);
        if (!p->trained)
            continue;
        of[MOMENT_1] = tec_crc32c(0, adamw->m + p->offset, bytes);
        of[MOMENT_2] = tec_crc32c(0, adamw->v + p->offset, bytes);
    }
}

static int count_equal(const uint64_t *hash, int ranks, uint64_t value)
{
    int count = 0;
    for (int rank = 0; rank < ranks; rank++)
        count += hash[rank] == value;
    return count;
}

/* The lowest rank of those whose hash most ranks have. */
static int find_typical(const uint64_t *hash, int ranks)
{
    int typical = 0, most = 0;
    for (int rank = 0; rank < ranks && 2 * most <= ranks; rank++) {
        int count = count_equal(hash, ranks, hash[rank]);
        if (count > most) {
            typical = rank;
            most = count;
        }
    }
    return typical;
}

static int find_odd(const uint64_t *hash, int ranks, int typical)
{
    int odd = 0;
    while (odd < ranks && hash[odd] == hash[typical])
        odd++;
    return odd;
}

/* Collective. The first of the checksums in which rank `odd` differs from rank `typical`. */
static int first_difference(const tec_comm *comm, const uint32_t *sum, int sums, int typical, int odd)
{
    uint32_t *other = tec_allocate((size_t)sums * sizeof *other);
    int at = 0;
    memcpy(other, sum, (size_t)sums * sizeof *other);
    tec_comm_broadcast(comm, other, (size_t)sums * sizeof *other, odd);
    while (at < sums - 1 && other[at] == sum[at])
        at++;
    free(other);
    tec_comm_broadcast(comm, &at, sizeof at, typical);
    return at;
}

/* "rank 2 (host n2), rank 3 (host n2) and 5 more": the ranks whose hash is not `but`; all of them without a majority. */
static char *name_ranks(const tec_comm *comm, const uint64_t *hash, uint64_t but, bool majority)
{
    char *text = tec_string_copy("");
    int named = 0, more = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        if (majority && hash[rank] == but)
            continue;
        if (named == MOST_NAMES)
            more++;
        else
            tec_string_append(&text, "%srank %d (host %s)", named++ ? ", " : "", rank, tec_comm_host(comm, rank));
    }
    if (more)
        tec_string_append(&text, " and %d more", more);
    return text;
}

/* Collective, once it is known that there is a difference. */
static tec_status report(const tec_comm *comm, const tec_params *params, const uint32_t *sum, uint64_t mine)
{
    uint64_t *hash = tec_allocate((size_t)comm->size * sizeof *hash);
    tec_comm_gather(comm, mine, hash);
    int typical = find_typical(hash, comm->size), odd = find_odd(hash, comm->size, typical);
    int equal = count_equal(hash, comm->size, hash[typical]);
    bool majority = 2 * equal > comm->size;
    int at = first_difference(comm, sum, params->count * KINDS, typical, odd);
    char *ranks = name_ranks(comm, hash, hash[typical], majority);
    char *others = majority ? tec_string_format(" from those of the other %d", equal) : tec_string_copy("");
    tec_status status =
        tec_fail(TEC_SYSTEM_ERROR,
                 "the weights of %s differ%s, first in %s%s: memory, processor or network of %s cannot be trusted",
                 ranks, others, kind_names[at % KINDS], params->param[at / KINDS].name,
                 !majority                 ? "one of these hosts"
                 : comm->size - equal == 1 ? "that host"
                                           : "those hosts");
    free(others);
    free(ranks);
    free(hash);
    return status;
}

tec_status tec_same_weights(const tec_comm *comm, const tec_params *params, const tec_adamw *adamw, const real *average)
{
    const int sums = params->count * KINDS;
    if (comm->size == 1)
        return TEC_OK;
    uint32_t *sum = tec_allocate((size_t)sums * sizeof *sum);
    checksums(params, adamw, average, sum);
    uint64_t mine = tec_hash_bytes((uint64_t)adamw->step, sum, (size_t)sums * sizeof *sum);
    tec_status status = tec_comm_same(comm, mine) ? TEC_OK : report(comm, params, sum, mine);
    free(sum);
    return status;
}
