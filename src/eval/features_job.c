/* Computes the parts of a file of features that are missing: of n ranks, each takes every n-th. */
#include "tec/features_job.h"

#include "extract.h"
#include "features_assemble.h"
#include "features_begin.h"

#include "tec/alone.h"
#include "tec/clock.h"
#include "tec/findings_report.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/skipped_report.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A batch of this rank's parts. */
typedef struct position {
    int64_t part;  /* index among them */
    int64_t batch; /* within it */
} position;

typedef struct writing {
    extractor extractor;
    const tec_features_job *job;
    tec_feature_spec spec;
    features_begun begun; /* rank 0's; of the others only dir, parts and part_batches are set */
    int64_t *part, parts; /* this rank's, and how many */
    position asked, computed;
    int64_t batches, done; /* of them */
    row_part file;
    real *value;  /* [batch, row] */
    void *stored; /* the same, as stored */
    int64_t *sample;
    uint64_t *content;
    int64_t rows;  /* of the part, whose samples and contents these are */
    int64_t noted; /* images left out that parts tell of */
    double started;
} writing;

static tec_feature_spec spec_of(const tec_features_job *job)
{
    const tec_features_settings *s = &job->settings;
    const tec_model_config *config = tec_frozen_config(job->frozen);
    const bool patches = s->tap.pooling == TEC_POOL_NONE;
    tec_feature_spec spec = {.model_hash = tec_frozen_hash(job->frozen),
                             .data_hash = tec_dataset_fingerprint(job->set),
                             .images = tec_dataset_size(job->set),
                             .batch = tec_extract_batch(s, job->set),
                             .width = config->width,
                             .heads = config->heads,
                             .norm_eps = config->variant.norm_eps > 0 ? config->variant.norm_eps : 1e-6,
                             .patches = patches ? tec_model_patches(config) : 0,
                             .tokens = (int)s->tap.pooling,
                             .layer = s->tap.layer ? s->tap.layer : config->depth,
                             .norm = !s->tap.raw && !config->variant.no_norm && !(patches && config->variant.fc_norm),
                             .type = (int)job->type,
                             .image_size = s->image_size,
                             .channels = s->channels,
                             .resize = (int)s->preprocessing.resize,
                             .crop_pct = s->preprocessing.crop_pct,
                             .interpolation = (int)s->preprocessing.filter,
                             .strict_images = job->strict};
    tec_bands_range_words(tec_dataset_bands(job->set), spec.range);
    tec_bands_chosen_words(tec_dataset_bands(job->set), spec.bands);
    memcpy(spec.mean, s->normalisation.mean, sizeof spec.mean);
    memcpy(spec.std, s->normalisation.std, sizeof spec.std);
    return spec;
}

/* -- this rank's batches -- */

static int64_t batches_of_part(const writing *w, int64_t part)
{
    const int64_t all = tec_extract_batches(&w->job->settings, w->job->set);
    return tec_min_int64(w->begun.part_batches, all - part * w->begun.part_batches);
}

/* Returns the batch at `p`, and moves on. */
static int64_t step(const writing *w, position *p)
{
    const int64_t part = w->part[p->part], batch = part * w->begun.part_batches + p->batch;
    if (++p->batch == batches_of_part(w, part))
        *p = (position){.part = p->part + 1};
    return batch;
}

/* extract_next */
static int64_t next_batch(void *context)
{
    writing *w = context;
    return w->asked.part == w->parts ? -1 : step(w, &w->asked);
}

/* What was said of images of this part that were left out. This rank's parts rise, and so do the images noted. */
static char *notes_of(writing *w, int64_t part, size_t *bytes)
{
    const int64_t end = (part + 1) * w->begun.part_batches * w->spec.batch;
    const tec_skipped *s = &w->extractor.skipped;
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    for (; out && w->noted < s->count && s->sample[w->noted] < end; w->noted++) {
        fprintf(out, "%lld %s", (long long)s->sample[w->noted], s->message[w->noted]);
        putc(0, out);
    }
    if (!out || fclose(out) != 0 || !text)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory"));
    return text;
}

static tec_status commit(writing *w, int64_t part)
{
    size_t bytes;
    char *notes = notes_of(w, part, &bytes);
    tec_status status = tec_row_part_commit(&w->file, w->sample, w->content, notes, bytes);
    free(notes);
    return status;
}

static void show_progress(const writing *w)
{
    const int64_t missing = w->begun.missing_count * w->begun.part_batches * w->spec.batch;
    const int64_t images = tec_min_int64(missing, w->spec.images);
    tec_progress_count("features", "images", (int64_t)((double)images * (double)w->done / (double)w->batches), images,
                       w->started);
}

/* A step of tec_extract_all: computes the next batch, and opens and commits parts on the way. */
static tec_status compute_batch(void *context)
{
    writing *w = context;
    const int64_t at = w->computed.part, part = w->part[at];
    int count;
    if (w->computed.batch == 0) {
        w->rows = 0;
        TEC_TRY(tec_row_part_open(&w->file, w->begun.dir, part, tec_feature_row_bytes(&w->spec)));
    }
    step(w, &w->computed);
    TEC_TRY(tec_extract(&w->extractor, w->value, w->sample + w->rows, w->content + w->rows, &count));
    tec_feature_encode(w->job->type, w->value, (size_t)count * w->extractor.row, w->stored);
    TEC_TRY(tec_row_part_put(&w->file, w->stored, count));
    w->rows += count;
    w->done++;
    show_progress(w);
    return w->computed.part != at ? commit(w, part) : TEC_OK;
}

/* -- the whole job -- */

/* For tec_comm_alone, as listing parts and putting them together take their time. */
static tec_status begin(void *context)
{
    writing *w = context;
    return tec_features_begin(w->job, &w->spec, w->job->comm->size, &w->begun);
}

/* Collective. Takes this rank's share of the missing parts, and memory for a batch. */
static tec_status take_share(writing *w)
{
    const tec_comm *comm = w->job->comm;
    features_begun *b = &w->begun;
    int64_t number[3] = {b->part_batches, b->parts, b->missing_count};
    char *missing = (char *)b->missing;
    size_t bytes = (size_t)b->missing_count * sizeof *b->missing;
    tec_comm_broadcast(comm, number, sizeof number, 0);
    tec_comm_share_text(comm, &missing, &bytes, 0);
    b->missing = (int64_t *)(void *)missing;
    b->part_batches = number[0];
    b->parts = number[1];
    b->missing_count = number[2];
    if (comm->rank != 0)
        b->dir = tec_string_format("%s.parts", w->job->path);
    w->part = tec_allocate((size_t)(b->missing_count / comm->size + 1) * sizeof *w->part);
    for (int64_t i = comm->rank; i < b->missing_count; i += comm->size) {
        w->part[w->parts++] = b->missing[i];
        w->batches += batches_of_part(w, b->missing[i]);
    }
    const size_t batch = (size_t)w->spec.batch, images = batch * (size_t)b->part_batches;
    w->value = tec_allocate(batch * tec_feature_row_numbers(&w->spec) * sizeof *w->value);
    w->stored = tec_allocate(batch * tec_feature_row_bytes(&w->spec));
    w->sample = tec_allocate(images * sizeof *w->sample);
    w->content = tec_allocate(images * sizeof *w->content);
    return tec_comm_agree(comm, tec_extract_open(&w->extractor));
}

typedef struct finish {
    writing *w;
    tec_skipped skipped; /* of all parts */
    int64_t rows;
} finish;

static tec_status assemble(void *context)
{
    finish *f = context;
    const row_parts all = tec_features_parts(&f->w->begun, &f->w->spec);
    return tec_features_assemble(f->w->job, &f->w->spec, &all, f->w->begun.parts, &f->skipped, &f->rows);
}

/* Collective. */
static tec_status put_together(writing *w, tec_features_made *out)
{
    const tec_comm *comm = w->job->comm;
    finish f = {.w = w};
    tec_status status = tec_comm_alone(comm, assemble, &f);
    tec_comm_broadcast(comm, &f.rows, sizeof f.rows, 0);
    out->rows = f.rows;
    if (status == TEC_OK && f.rows == 0)
        status = tec_skipped_fail(&f.skipped, comm, "none of the images could be decoded");
    if (status == TEC_OK)
        out->left_out = tec_skipped_report(&f.skipped, comm, "the images");
    tec_skipped_free(&f.skipped);
    return status;
}

static void close_writing(writing *w, bool done)
{
    tec_extract_close(&w->extractor);
    if (w->job->comm->rank != 0) { /* what is on the disk is rank 0's */
        free(w->begun.dir);
        free(w->begun.missing);
    } else {
        tec_features_end(&w->begun, done);
    }
    free(w->part);
    free(w->value);
    free(w->stored);
    free(w->sample);
    free(w->content);
}

tec_status tec_features_write(const tec_features_job *job, tec_features_made *out)
{
    writing w = {.job = job, .spec = spec_of(job), .begun = {.lock = -1}, .file = {.fd = -1}, .started = tec_seconds()};
    w.extractor = (extractor){.settings = &job->settings,
                              .set = job->set,
                              .frozen = job->frozen,
                              .what = "given",
                              .next = next_batch,
                              .context = &w};
    *out = (tec_features_made){0};
    tec_status status = tec_comm_alone(job->comm, begin, &w);
    if (status == TEC_OK)
        status = take_share(&w);
    if (status == TEC_OK)
        status = tec_extract_all(job->comm, w.batches, compute_batch, &w);
    tec_row_part_discard(&w.file);
    if (status == TEC_OK)
        tec_findings_report(job->set, job->comm, "the images");
    if (status == TEC_OK)
        status = put_together(&w, out);
    close_writing(&w, status == TEC_OK);
    return status;
}
