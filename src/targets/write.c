/* Writes the missing shards: of n ranks, each takes every n-th. */
#include "tec/targets.h"

#include "make.h"

#include "tec/clock.h"
#include "tec/files.h"
#include "tec/findings_report.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/phase.h"
#include "tec/skipped_report.h"
#include "tec/stop.h"

#include <math.h>
#include <stdlib.h>

#define BATCHES_BETWEEN_AGREEMENTS 4 /* how soon a failure on one rank ends the others */

/* A position among the rows of a rank's shards. Batches never span two shards. */
typedef struct position {
    int64_t shard; /* index among the rank's own */
    int64_t row;   /* within the shard */
} position;

typedef struct writing {
    const tec_targets_job *job;
    target_maker maker;
    int64_t *shard, shards;   /* this rank's shards, and how many */
    int64_t rows, done;       /* in these shards */
    int64_t batches;          /* in these shards */
    position asked, computed; /* the next batch to be requested, and to be computed */
    tec_store_writer *writer;
    double started;
    double shard_started, longest_shard; /* seconds, of this rank */
    double longest_round;                /* seconds between two agreements */
    bool idle;                           /* there is no time for another shard */
} writing;

static int64_t rows_of_shard(const tec_store_spec *spec, int64_t shard)
{
    int64_t left = spec->samples * spec->views - shard * spec->shard_rows;
    return left < spec->shard_rows ? left : spec->shard_rows;
}

static int next_count(const writing *w, const position *p)
{
    int64_t left = rows_of_shard(&w->job->spec, w->shard[p->shard]) - p->row;
    return left < w->job->batch ? (int)left : w->job->batch;
}

static void advance(const writing *w, position *p, int count)
{
    p->row += count;
    if (p->row == rows_of_shard(&w->job->spec, w->shard[p->shard]))
        *p = (position){p->shard + 1, 0};
}

/* tec_feed_next */
static int next_rows(void *context, tec_request *request)
{
    writing *w = context;
    if (w->asked.shard == w->shards)
        return 0;
    int count = next_count(w, &w->asked);
    int64_t first = w->shard[w->asked.shard] * w->job->spec.shard_rows + w->asked.row;
    for (int i = 0; i < count; i++)
        request[i] = tec_target_maker_request(&w->job->spec, first + i);
    advance(w, &w->asked, count);
    return count;
}

static tec_status put_rows(writing *w)
{
    int count;
    tec_status status = tec_target_maker_take(&w->maker, &count);
    for (int i = 0; i < count && status == TEC_OK; i++)
        status = tec_store_writer_put(w->writer, w->computed.row + i, &w->maker.row[i]);
    tec_target_maker_release(&w->maker);
    return status;
}

static void keep_error(const writing *w)
{
    const tec_store_error *e = tec_store_writer_error(w->writer);
    tec_store_error *sum = &w->job->result->error;
    sum->feature_difference += e->feature_difference;
    sum->feature_square += e->feature_square;
    sum->attention_difference += e->attention_difference;
    sum->attention_square += e->attention_square;
}

static tec_status commit(writing *w)
{
    keep_error(w);
    tec_store_writer *writer = w->writer;
    w->writer = NULL;
    tec_status status = tec_store_writer_commit(writer);
    w->longest_shard = fmax(w->longest_shard, tec_seconds() - w->shard_started);
    return status;
}

static void show_progress(const writing *w)
{
    double seconds = tec_seconds() - w->started, rate = (double)w->done / seconds;
    char left[32];
    tec_progress(TEC_PROGRESS_SECONDS, "targets: %lld of %lld views on each of %d ranks, %.1f images/s, %s left",
                 (long long)w->done, (long long)w->rows, w->job->comm->size, rate * w->job->comm->size,
                 tec_duration(left, (double)(w->rows - w->done) / rate));
}

/* Makes the next batch of rows, and opens and commits shards on the way. A shard that another worker has finished in
 * the meantime is skipped. */
static tec_status make_batch(writing *w)
{
    bool there;
    int count;
    if (w->computed.row == 0) {
        w->idle = tec_deadline_before(&w->job->deadline, w->longest_shard);
        w->shard_started = tec_seconds();
    }
    if (w->idle)
        return TEC_OK;
    count = next_count(w, &w->computed);
    if (w->computed.row == 0)
        TEC_TRY(tec_store_writer_open(&w->writer, w->job->dir, &w->job->spec, w->shard[w->computed.shard], &there));
    if (w->writer) {
        TEC_TRY(put_rows(w));
        w->job->result->made += count;
    } else {
        tec_target_maker_skip(&w->maker);
    }
    w->done += count;
    advance(w, &w->computed, count);
    show_progress(w);
    return w->computed.row == 0 && w->writer ? commit(w) : TEC_OK;
}

/* Collective. Must any rank stop before the next agreement? Shards under way are then abandoned: only complete ones
 * count, and whether there is time to complete them is not known. */
static bool stop_now(writing *w, double round)
{
    w->longest_round = fmax(w->longest_round, round);
    double stop = tec_stop_asked() || tec_deadline_before(&w->job->deadline, 2 * w->longest_round);
    tec_comm_max_double(w->job->comm, &stop, 1);
    return stop > 0;
}

static tec_status make_all(writing *w)
{
    const tec_comm *comm = w->job->comm;
    double most = (double)w->batches, round = tec_seconds();
    tec_status status = TEC_OK;
    bool stopped = false;
    tec_comm_max_double(comm, &most, 1);
    for (int64_t i = 0; i < (int64_t)most && !stopped; i++) {
        if (i < w->batches && status == TEC_OK && !w->idle)
            status = make_batch(w);
        if ((i + 1) % BATCHES_BETWEEN_AGREEMENTS == 0 || i + 1 == (int64_t)most) {
            status = tec_comm_agree(comm, status);
            if (status != TEC_OK)
                break;
            stopped = stop_now(w, tec_seconds() - round);
            round = tec_seconds();
        }
    }
    tec_progress_end();
    if (stopped || w->idle)
        tec_log("stopped %s; the same command makes the missing shards",
                tec_stop_asked() ? "by a signal" : "as the time limit is near");
    return status;
}

/* On rank 0: checks every shard of this worker, so that a shard of another store is refused before any work is done,
 * and lists the missing ones in missing[1 ..]; missing[0] is their number. */
static tec_status list_missing(const tec_targets_job *job, int64_t **missing, size_t *bytes)
{
    int64_t shards = tec_store_shards(&job->spec), count = 0;
    *missing = tec_allocate((size_t)(1 + shards / job->workers + 1) * sizeof **missing);
    for (int64_t shard = job->worker; shard < shards; shard += job->workers) {
        bool done;
        TEC_TRY(tec_store_shard_done(job->dir, &job->spec, shard, &done));
        if (!done)
            (*missing)[++count] = shard;
    }
    (*missing)[0] = count;
    *bytes = (size_t)(1 + count) * sizeof **missing;
    return TEC_OK;
}

static void take_share(writing *w, const int64_t *missing)
{
    const tec_comm *comm = w->job->comm;
    w->shard = tec_allocate((size_t)(missing[0] / comm->size + 1) * sizeof *w->shard);
    for (int64_t i = comm->rank; i < missing[0]; i += comm->size) {
        int64_t rows = rows_of_shard(&w->job->spec, missing[1 + i]);
        w->shard[w->shards++] = missing[1 + i];
        w->rows += rows;
        w->batches += (rows + w->job->batch - 1) / w->job->batch;
    }
    tec_log("%lld shards of up to %lld rows to make%s", (long long)missing[0], (long long)w->job->spec.shard_rows,
            missing[0] > 0 && missing[0] < comm->size
                ? ", fewer than ranks, some of which idle: a smaller targets.shard_mb makes more shards"
                : "");
}

tec_status tec_targets_write(const tec_targets_job *job)
{
    writing w = {.job = job, .started = tec_seconds()};
    char *missing = NULL;
    size_t bytes = 0;
    tec_stop_catch();
    if (tec_comm_first_of_node(job->comm))
        tec_file_remove_stale(job->dir, "shard-");
    tec_status status = tec_comm_agree(
        job->comm, job->comm->rank == 0 ? list_missing(job, (int64_t **)(void *)&missing, &bytes) : TEC_OK);
    if (status != TEC_OK)
        goto done;
    tec_comm_share_text(job->comm, &missing, &bytes, 0);
    take_share(&w, (const int64_t *)(const void *)missing);
    status = tec_comm_agree(job->comm, tec_target_maker_open(&w.maker, job, &job->spec, next_rows, &w));
    tec_phase_enter(TEC_PHASE_COMPUTE);
    if (status == TEC_OK)
        status = make_all(&w);
    if (status == TEC_OK) {
        tec_skipped_report(&w.maker.skipped, job->comm, "the training set");
        tec_findings_report(job->set, job->comm, "the training set");
    }
    tec_store_writer_abandon(w.writer);
    tec_target_maker_close(&w.maker);
done:
    free(missing);
    free(w.shard);
    return status;
}
