/* tec targets: runs a base model over the images and stores its targets, or verifies a store. */
#include "jobs.h"

#include "tec/checkpoint.h"
#include "tec/clock.h"
#include "tec/files.h"
#include "tec/log.h"
#include "tec/phase.h"
#include "tec/targets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPTION_WORKER, OPTION_VERIFY };

static const tec_option options[] = {
    {"worker", TEC_OPTION_PART, "i/n",
     .help = "work as the i-th of n independent workers (1/n .. n/n), as in a Slurm array"},
    {"verify", .help = "verify a store instead: re-read every shard, recompute targets.verify_samples rows"},
    {0}};

static tec_status check_call(const tec_invocation *call)
{
    const tec_settings *settings = &call->settings;
    if (call->option[OPTION_VERIFY].times && call->option[OPTION_WORKER].times)
        return tec_fail(TEC_USER_ERROR, "--verify checks all of a store, with any number of ranks: leave out --worker");
    if (!settings->base.model[0])
        return tec_fail(TEC_USER_ERROR, "base.model is not given: name the model file whose targets are to be stored");
    if (settings->targets.online)
        return tec_fail(TEC_USER_ERROR,
                        "targets.online is given: targets are computed in the step of `tec pretrain` and "
                        "need no store; leave it out to make one");
    if (!settings->targets.dir[0])
        return tec_fail(TEC_USER_ERROR, "targets.dir is not given: name a directory for the target store");
    return TEC_OK;
}

/* Of what is 0 everywhere there is none. */
static double relative(double difference, double square)
{
    return square > 0 ? sqrt(difference / square) : 0;
}

static void print_error(tec_target_type type, const tec_store_error *e)
{
    printf("storage %s: relative error of feature %.2e, of attention (%s) %.2e\n", tec_target_type_name(type),
           relative(e->feature_difference, e->feature_square),
           tec_target_type_name(type == TEC_TARGET_INT8 ? TEC_TARGET_INT8 : TEC_TARGET_FLOAT16),
           relative(e->attention_difference, e->attention_square));
    if (!(e->feature_square > 0))
        tec_warn(
            "every patch of an image has the same feature, and there is nothing to learn: does base.model hold its "
            "weights, and do the images differ from patch to patch?");
}

/* Collective. */
static tec_status print_store(const tec_targets_job *job, const tec_settings *settings)
{
    tec_store *store;
    const int64_t *void_row;
    TEC_TRY(tec_setup_store(job->comm, settings, &store));
    if (job->comm->rank == 0) {
        const tec_store_spec *spec = tec_store_get_spec(store);
        printf("target store %s: %lld images, %d views each, %lld void rows, %lld shards, %lld bytes\n", job->dir,
               (long long)spec->samples, spec->views, (long long)tec_store_void_rows(store, &void_row),
               (long long)tec_store_shards(spec), (long long)tec_store_bytes(store));
        print_error(job->spec.type, tec_store_get_error(store));
    }
    tec_store_close(store);
    return TEC_OK;
}

/* Collective. Whoever finds that no shard is missing any more writes the manifest. */
static tec_status finish(const tec_targets_job *job, const tec_settings *settings)
{
    const char *dir = job->dir;
    int64_t missing = 0;
    TEC_TRY(tec_comm_agree(job->comm, job->comm->rank == 0 ? tec_store_finish(dir, &job->spec, &missing) : TEC_OK));
    tec_comm_broadcast(job->comm, &missing, sizeof missing, 0);
    if (missing == 0)
        return print_store(job, settings);
    tec_comm_sum_double(job->comm, &job->result->error.feature_difference, 4);
    if (job->comm->rank == 0) {
        printf("target store %s: %lld of %lld shards are not there yet; "
               "the worker that makes the last one completes the store\n",
               dir, (long long)missing, (long long)tec_store_shards(&job->spec));
        if (job->result->error.feature_square > 0)
            print_error(job->spec.type, &job->result->error);
    }
    return TEC_OK;
}

/* On rank 0. What was given and made the store otherwise than it is, but does not matter to its verification. */
static void warn_of_making(const tec_targets_job *job, const tec_settings *settings, const tec_store_spec *found)
{
    const int64_t batch = tec_store_batch(job->dir, found);
    if (tec_settings_given(settings, "targets", "batch") && batch > 0 && batch != job->batch)
        tec_warn(
            "target store %s was made with targets.batch %lld, not %d: rows that are recomputed may differ in their "
            "last digits, which is allowed for",
            job->dir, (long long)batch, job->batch);
    const int64_t most = tec_store_shard_rows(found, settings->targets.shard_mb);
    if (tec_settings_given(settings, "targets", "shard_mb") && found->shard_rows > most)
        tec_warn("target store %s has shards of %lld rows, more than the %lld of targets.shard_mb %d, which does not "
                 "alter a store that is there",
                 job->dir, (long long)found->shard_rows, (long long)most, settings->targets.shard_mb);
}

static tec_status verify_store(const tec_targets_job *job, const tec_settings *settings)
{
    tec_store *store;
    TEC_TRY(tec_comm_agree(job->comm, job->comm->rank == 0 ? tec_setup_same_images(settings, job->set) : TEC_OK));
    TEC_TRY(tec_setup_store(job->comm, settings, &store));
    tec_status status = tec_setup_same_storage(settings, tec_store_get_spec(store));
    if (status == TEC_OK && job->comm->rank == 0)
        warn_of_making(job, settings, tec_store_get_spec(store));
    if (status == TEC_OK)
        status = tec_targets_verify(job, store, settings->targets.verify_samples);
    tec_store_close(store);
    return status;
}

/* On rank 0. A store that is gone on with must be of the same images. */
static tec_status check_images(const tec_targets_job *job, const tec_settings *settings)
{
    TEC_TRY(tec_directory_make(job->dir));
    return tec_setup_same_images(settings, job->set);
}

static tec_status write_store(tec_targets_job *job, const tec_settings *settings)
{
    double started = tec_seconds();
    TEC_TRY(tec_comm_agree(job->comm, job->comm->rank == 0 ? check_images(job, settings) : TEC_OK));
    TEC_TRY(tec_targets_settle(job));
    TEC_TRY(tec_targets_write(job));
    double seconds = tec_seconds() - started;
    tec_phase_enter(TEC_PHASE_SAVE);
    TEC_TRY(finish(job, settings));
    int64_t made = job->result->made;
    tec_comm_sum_int64(job->comm, &made, 1);
    if (job->comm->rank == 0)
        printf("made %lld views in %.1f s on %d ranks: %.1f images/s\n", (long long)made, seconds, job->comm->size,
               (double)made / seconds);
    return TEC_OK;
}

static tec_status run(tec_comm *comm, const tec_invocation *call)
{
    const tec_settings *settings = &call->settings;
    const tec_argument *worker = &call->option[OPTION_WORKER];
    tec_targets_result result = {0};
    tec_targets_job job = {.comm = comm,
                           .dir = settings->targets.dir,
                           .batch = settings->targets.batch,
                           .reading = tec_setup_reading(settings),
                           .worker = worker->part,
                           .workers = worker->parts,
                           .deadline = tec_deadline_read(settings->run.max_minutes),
                           .result = &result};
    tec_dataset *set = NULL;
    tec_normalisation normalisation;
    TEC_TRY(check_call(call));
    TEC_TRY(tec_setup_frozen(comm, settings, settings->base.model, job.batch, &job.frozen, &normalisation, NULL));
    tec_status status = tec_setup_check_base(settings, tec_frozen_config(job.frozen));
    if (status == TEC_OK)
        status = tec_setup_dataset(comm, settings, true, &set);
    if (status == TEC_OK) {
        job.set = set;
        job.spec = tec_setup_store_spec(settings, tec_frozen_config(job.frozen), tec_frozen_hash(job.frozen),
                                        &normalisation, set);
        status = call->option[OPTION_VERIFY].times ? verify_store(&job, settings) : write_store(&job, settings);
    }
    tec_dataset_close(set);
    tec_frozen_close(job.frozen);
    return status;
}

static const char *const sections[] = {"data", "base", "targets", "run", NULL};

const tec_command tec_command_targets = {
    .name = "targets",
    .usage = "[-c CONFIG.yaml] [--worker i/n] [--verify] [section.key=value ...]",
    .summary = "run a base model over the images and store its targets",
    .details =
        "Runs base.model over every view of every image of data.train and writes its targets to "
        "targets.dir, as shards that any number of ranks or workers share. Existing shards are "
        "not made again: started once more, the command makes the missing ones. The store is "
        "complete when it has a manifest. SIGTERM, SIGUSR1, Ctrl-C and the time limit (run.max_minutes, "
        "SLURM_JOB_END_TIME) end the command with exit code 0; finished shards and rows are kept.\n\n"
        "--verify, with the same settings, re-reads every shard (attributes, shapes, "
        "checksums, finiteness) and recomputes targets.verify_samples rows. Settings that the store was not made with "
        "are refused. Exit code 0 if all is well; 1, with one line about the first thing that is wrong.",
    .options = options,
    .sections = sections,
    .parallel = true,
    .run = run,
};
