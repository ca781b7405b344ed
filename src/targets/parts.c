/* What earlier workers have left: whose it is, and taking it over. */
#include "parts.h"

#include "tec/memory.h"

#include <stdlib.h>
#include <string.h>

/* Collective. The strongest opinion of any rank about each file holds. */
static void share_opinions(target_parts *p, const tec_comm *comm, double *opinion)
{
    tec_comm_max_double(comm, opinion, p->count);
    for (int i = 0; i < p->count; i++)
        p->part[i].owner = (tec_owner)opinion[i];
}

void tec_target_parts_find(target_parts *p, const tec_targets_job *job)
{
    const tec_comm *comm = job->comm;
    size_t bytes = 0;
    *p = (target_parts){0};
    if (comm->rank == 0)
        tec_store_parts(job->dir, &p->names, &bytes);
    tec_comm_share_text(comm, &p->names, &bytes, 0);
    for (size_t at = 0; at < bytes; at += strlen(p->names + at) + 1)
        p->count++;
    p->part = tec_allocate_zeroed((size_t)p->count, sizeof *p->part);
    double *opinion = tec_allocate_zeroed((size_t)p->count, sizeof *opinion);
    const char *name = p->names;
    for (int i = 0; i < p->count; i++, name += strlen(name) + 1) {
        p->part[i] = (target_part){.name = name, .shard = tec_store_part_shard(name)};
        opinion[i] = (double)tec_store_part_owner_by_name(name);
    }
    share_opinions(p, comm, opinion);
    /* The file itself is asked by one rank only, for the sake of the file server. */
    for (int i = comm->rank; i < p->count; i += comm->size)
        if (p->part[i].owner != TEC_OWNER_LIVES && p->part[i].shard % job->workers == job->worker)
            opinion[i] = (double)tec_store_part_owner(job->dir, p->part[i].name);
    share_opinions(p, comm, opinion);
    free(opinion);
}

void tec_target_parts_free(target_parts *p)
{
    free(p->part);
    free(p->names);
    *p = (target_parts){0};
}

bool tec_target_parts_busy(const target_parts *p, int64_t shard)
{
    for (int i = 0; i < p->count; i++)
        if (p->part[i].shard == shard && p->part[i].owner != TEC_OWNER_GONE)
            return true;
    return false;
}

tec_store_writer *tec_target_parts_take(const target_parts *p, const char *dir, const tec_store_spec *spec,
                                        int64_t shard, int batch)
{
    tec_store_writer *best = NULL;
    for (int i = 0; i < p->count; i++) {
        if (p->part[i].shard != shard || p->part[i].owner != TEC_OWNER_GONE)
            continue;
        tec_store_writer *other;
        tec_store_writer_take_up(&other, dir, spec, shard, p->part[i].name, batch);
        if (!other)
            continue;
        bool better = !best || tec_store_writer_rows(other) > tec_store_writer_rows(best);
        tec_store_writer_abandon(better ? best : other);
        best = better ? other : best;
    }
    return best;
}
