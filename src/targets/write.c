/* Writes the missing shards: of n ranks, each takes every n-th. */
#include "tec/targets.h"

#include "make.h"
#include "parts.h"

#include "tec/clock.h"
#include "tec/dataset_kept.h"
#include "tec/dataset_record.h"
#include "tec/files.h"
#include "tec/findings_report.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/phase.h"
#include "tec/room.h"
#include "tec/rounds.h"
#include "tec/skipped_report.h"
#include "tec/stop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    tec_store_writer **begun; /* [shards] what is there of one already; NULL: nothing */
    int64_t *first;           /* [shards] the first row that is missing */
    int64_t rows, done;       /* in these shards, that are missing */
    int64_t batches;          /* in these shards */
    position asked, computed; /* the next batch to be requested, and to be computed */
    tec_store_writer *writer;
    double started;
    double round, longest_round; /* the last agreement; seconds between two */
    bool stopped;
} writing;

static int next_count(const writing *w, const position *p)
{
    int64_t left = tec_store_shard_row_count(&w->job->spec, w->shard[p->shard]) - p->row;
    return left < w->job->batch ? (int)left : w->job->batch;
}

static void advance(const writing *w, position *p, int count)
{
    p->row += count;
    if (p->row < tec_store_shard_row_count(&w->job->spec, w->shard[p->shard]))
        return;
    p->shard++;
    p->row = p->shard < w->shards ? w->first[p->shard] : 0;
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
    return tec_store_writer_commit(writer);
}

static tec_status open_shard(writing *w)
{
    bool there;
    int64_t at = w->computed.shard;
    w->writer = w->begun[at];
    w->begun[at] = NULL;
    if (w->writer)
        return TEC_OK;
    return tec_store_writer_open(&w->writer, w->job->dir, &w->job->spec, w->shard[at], &there);
}

static void show_progress(const writing *w)
{
    double seconds = tec_seconds() - w->started, rate = (double)w->done / seconds;
    char left[32];
    tec_progress_share(TEC_PROGRESS_SECONDS, (double)w->done / (double)w->rows,
                       "targets: %lld of %lld views on each of %d ranks, %.1f images/s, %s left", (long long)w->done,
                       (long long)w->rows, w->job->comm->size, rate * w->job->comm->size,
                       tec_duration(left, (double)(w->rows - w->done) / rate));
}

/* A step of tec_comm_rounds: makes the next batch of rows, and opens and commits shards on the way. A shard that another worker has finished in
 * the meantime is skipped. */
static tec_status make_batch(void *context)
{
    writing *w = context;
    const int64_t shard = w->computed.shard;
    const int count = next_count(w, &w->computed);
    if (w->computed.row == w->first[shard])
        TEC_TRY(open_shard(w));
    if (w->writer) {
        TEC_TRY(put_rows(w));
        w->job->result->made += count;
    } else {
        tec_target_maker_skip(&w->maker);
    }
    w->done += count;
    advance(w, &w->computed, count);
    show_progress(w);
    return w->computed.shard != shard && w->writer ? commit(w) : TEC_OK;
}

/* A stop of tec_comm_rounds. Must any rank stop before the next agreement? Shards under way are then set aside. */
static bool stop_now(void *context)
{
    writing *w = context;
    w->longest_round = fmax(w->longest_round, tec_seconds() - w->round);
    double stop = tec_stop_asked() || tec_deadline_before(&w->job->deadline, 2 * w->longest_round);
    tec_comm_max_double(w->job->comm, &stop, 1);
    w->stopped = stop > 0;
    w->round = tec_seconds();
    return w->stopped;
}

static tec_status make_all(writing *w)
{
    const tec_rounds rounds = {
        .steps = w->batches, .each = BATCHES_BETWEEN_AGREEMENTS, .step = make_batch, .stop = stop_now, .context = w};
    w->round = tec_seconds();
    tec_status status = tec_comm_rounds(w->job->comm, &rounds);
    if (w->stopped)
        tec_log("stopped %s; the same command makes the missing shards",
                tec_stop_asked() ? "by a signal" : "as the time limit is near");
    return status;
}

/* On rank 0: checks every shard of this worker, so that a shard of another store is refused before any work is done,
 * and lists the missing ones in missing[1 ..]; missing[0] is their number. Those that another worker seems to make come
 * last: they may be there by then. */
static tec_status list_missing(const tec_targets_job *job, const target_parts *parts, int64_t **missing, size_t *bytes)
{
    int64_t shards = tec_store_shards(&job->spec), count = 0, busy = 0;
    const size_t most = (size_t)(1 + shards / job->workers + 1);
    int64_t *later = tec_allocate(most * sizeof *later);
    tec_status status = TEC_OK;
    *missing = tec_allocate(most * sizeof **missing);
    for (int64_t shard = job->worker; shard < shards && status == TEC_OK; shard += job->workers) {
        bool done = false;
        tec_phase_enter(TEC_PHASE_START);
        status = tec_store_shard_done(job->dir, &job->spec, shard, &done);
        if (!done && tec_target_parts_busy(parts, shard))
            later[busy++] = shard;
        else if (!done)
            (*missing)[++count] = shard;
    }
    memcpy(*missing + 1 + count, later, (size_t)busy * sizeof *later);
    (*missing)[0] = count + busy;
    *bytes = (size_t)(1 + count + busy) * sizeof **missing;
    free(later);
    return status;
}

/* On rank 0. Room for the whole store: other workers need theirs too. */
static tec_status check_room(const tec_targets_job *job)
{
    return tec_room_check(job->dir, tec_store_room(job->dir, &job->spec), "the shards that are missing",
                          "make a smaller store (targets.type=int8, fewer targets.views, no targets.store_images), or "
                          "give another targets.dir");
}

/* On rank 0. The missing shards, room for them, and the record of the images. */
static tec_status begin(const tec_targets_job *job, const target_parts *parts, int64_t **missing, size_t *bytes)
{
    TEC_TRY(list_missing(job, parts, missing, bytes));
    if (**missing > 0) {
        TEC_TRY(tec_store_check_batch(job->dir, &job->spec, job->batch));
        TEC_TRY(check_room(job));
    }
    tec_dataset_list_keep(job->set, job->dir);
    return tec_dataset_record_exists(job->dir) ? TEC_OK : tec_dataset_record_write(job->set, job->dir);
}

/* Takes this rank's shards, and what there is of them. */
static void take_share(writing *w, const int64_t *missing, const target_parts *parts)
{
    const tec_comm *comm = w->job->comm;
    const tec_store_spec *spec = &w->job->spec;
    const size_t most = (size_t)(missing[0] / comm->size + 1);
    int64_t begun[2] = {0}; /* shards, rows */
    w->shard = tec_allocate(most * sizeof *w->shard);
    w->begun = tec_allocate_zeroed(most, sizeof *w->begun);
    w->first = tec_allocate_zeroed(most, sizeof *w->first);
    for (int64_t i = comm->rank; i < missing[0]; i += comm->size) {
        const int64_t at = w->shards++, shard = missing[1 + i];
        w->shard[at] = shard;
        w->begun[at] = tec_target_parts_take(parts, w->job->dir, spec, shard, w->job->batch);
        w->first[at] = w->begun[at] ? tec_store_writer_rows(w->begun[at]) : 0;
        const int64_t rows = tec_store_shard_row_count(spec, shard) - w->first[at];
        w->rows += rows;
        w->batches += (rows + w->job->batch - 1) / w->job->batch;
        begun[0] += w->begun[at] != NULL;
        begun[1] += w->first[at];
    }
    w->asked.row = w->computed.row = w->first[0];
    tec_log("%lld shards of up to %lld rows to make%s", (long long)missing[0], (long long)spec->shard_rows,
            missing[0] > 0 && missing[0] < comm->size ? ", fewer than ranks, some of which have nothing to do" : "");
    tec_comm_sum_int64(comm, begun, 2);
    if (begun[0] > 0)
        tec_log("%lld of them were begun before: %lld rows are there already", (long long)begun[0],
                (long long)begun[1]);
}

/* What is under way goes on in another process. */
static void set_aside(writing *w)
{
    tec_store_writer_set_aside(w->writer);
    for (int64_t i = 0; i < w->shards; i++)
        tec_store_writer_set_aside(w->begun[i]);
}

tec_status tec_targets_settle(tec_targets_job *job)
{
    const int64_t makers = (int64_t)job->comm->size * job->workers;
    TEC_TRY(tec_comm_agree(
        job->comm, job->comm->rank == 0 ? tec_store_settle_rows(job->dir, &job->spec, makers, job->batch) : TEC_OK));
    tec_comm_broadcast(job->comm, &job->spec.shard_rows, sizeof job->spec.shard_rows, 0);
    return TEC_OK;
}

tec_status tec_targets_write(const tec_targets_job *job)
{
    writing w = {.job = job, .started = tec_seconds()};
    target_parts parts;
    char *missing = NULL;
    size_t bytes = 0;
    tec_stop_catch();
    tec_target_parts_find(&parts, job);
    tec_status status = tec_comm_agree(
        job->comm, job->comm->rank == 0 ? begin(job, &parts, (int64_t **)(void *)&missing, &bytes) : TEC_OK);
    if (status != TEC_OK)
        goto done;
    tec_comm_share_text(job->comm, &missing, &bytes, 0);
    take_share(&w, (const int64_t *)(const void *)missing, &parts);
    status = tec_comm_agree(job->comm, tec_target_maker_open(&w.maker, job, &job->spec, next_rows, &w));
    tec_phase_enter(TEC_PHASE_COMPUTE);
    if (status == TEC_OK)
        status = make_all(&w);
    if (status == TEC_OK) {
        tec_skipped_report(&w.maker.skipped, job->comm, "the training set");
        tec_findings_report(job->set, job->comm, "the training set");
    }
    set_aside(&w);
    tec_target_maker_close(&w.maker);
done:
    free(missing);
    free(w.shard);
    free(w.begun);
    free(w.first);
    tec_target_parts_free(&parts);
    return status;
}
