/* Features of a data set, in parallel: threads decode ahead, the model computes, rows stay on the rank that made
 * them. */
#include "tec/features.h"

#include "tec/augment.h"
#include "tec/clock.h"
#include "tec/findings_report.h"
#include "tec/hash.h"
#include "tec/loader.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/range.h"
#include "tec/skipped_report.h"
#include "tec/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCHES_BETWEEN_AGREEMENTS 16 /* how soon a failure on one rank ends the others */

typedef struct extraction {
    const tec_comm *comm;
    const tec_features_settings *settings;
    const tec_dataset *set;
    tec_frozen *frozen;
    const char *what;
    tec_features *out;
    tec_range batches; /* of this rank */
    int64_t asked, done;
    int batch;
    real *images;  /* [batch, c, S, S], those that could be read */
    size_t pixels; /* c * S * S */
    tec_feed *feed;
    tec_skipped skipped;
    double started;
} extraction;

/* tec_feed_next */
static int next_batch(void *context, tec_request *request)
{
    extraction *x = context;
    if (x->asked == x->batches.count)
        return 0;
    int64_t total = tec_dataset_size(x->set), first = (x->batches.first + x->asked++) * x->batch;
    int count = total - first < x->batch ? (int)(total - first) : x->batch;
    for (int i = 0; i < count; i++)
        request[i] = (tec_request){.sample = first + i};
    return count;
}

static tec_status check_finite(const extraction *x, const real *value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(value[i]))
            return tec_fail(TEC_USER_ERROR, "eval.model %s: features of the %s images are not finite",
                            x->settings->model, x->what);
    return TEC_OK;
}

static void show_progress(const extraction *x)
{
    int64_t total = tec_dataset_size(x->set);
    double share = (double)x->done / (double)x->batches.count, seconds = tec_seconds() - x->started;
    char left[32];
    tec_progress(TEC_PROGRESS_SECONDS, "features of the %s images: %.0f of %lld, %.0f images/s, %s left", x->what,
                 share * (double)total, (long long)total, share * (double)total / seconds,
                 tec_duration(left, seconds * (1 / share - 1)));
}

/* Takes the next batch, with its labels: images for the model, or pixels as features, go to `to`. */
static tec_status take_images(extraction *x, real *to, int *count)
{
    tec_feed_batch batch;
    tec_status status = tec_feed_take(x->feed, &batch);
    if (status == TEC_OK)
        tec_feed_pack(x->feed, &batch, to);
    for (int i = 0; i < batch.count && status == TEC_OK; i++) {
        x->out->label[x->out->count + i] = tec_dataset_label(x->set, batch.item[i].sample);
        x->out->content[x->out->count + i] = tec_hash_bytes(0, batch.item[i].square, x->pixels);
    }
    *count = batch.count;
    tec_feed_release(x->feed);
    return status;
}

static tec_status compute_batch(extraction *x)
{
    tec_features *out = x->out;
    real *value = tec_features_row(out, out->count);
    int count;
    TEC_TRY(take_images(x, x->frozen ? x->images : value, &count));
    if (x->frozen && count > 0)
        tec_frozen_features(x->frozen, x->images, count, x->settings->pooling, value);
    out->count += count;
    x->done++;
    show_progress(x);
    return check_finite(x, value, (size_t)count * (size_t)out->width);
}

static tec_status compute_all(extraction *x)
{
    int64_t total = tec_dataset_size(x->set);
    int64_t most = tec_share((total + x->batch - 1) / x->batch, 0, x->comm->size).count;
    tec_status status = TEC_OK;
    for (int64_t i = 0; i < most; i++) {
        if (i < x->batches.count && status == TEC_OK)
            status = compute_batch(x);
        if ((i + 1) % BATCHES_BETWEEN_AGREEMENTS == 0 || i + 1 == most) {
            status = tec_comm_agree(x->comm, status);
            if (status != TEC_OK)
                break;
        }
    }
    tec_progress_end();
    return status;
}

/* Numbers the rows consecutively over all ranks. */
static tec_status number_rows(extraction *x)
{
    const tec_comm *comm = x->comm;
    int64_t *count = tec_allocate_zeroed((size_t)comm->size, sizeof *count);
    count[comm->rank] = x->out->count;
    tec_comm_sum_int64(comm, count, comm->size);
    x->out->first = x->out->total = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        x->out->first += rank < comm->rank ? count[rank] : 0;
        x->out->total += count[rank];
    }
    free(count);
    if (x->out->total > 0)
        return TEC_OK;
    char what[96];
    snprintf(what, sizeof what, "none of the %s images could be decoded", x->what);
    return tec_skipped_fail(&x->skipped, comm, what);
}

static tec_status refuse_class(const extraction *x, int label, int64_t images)
{
    char which[96];
    if (images == 1)
        snprintf(which, sizeof which, "the only %s image", x->what);
    else
        snprintf(which, sizeof which, "none of the %lld %s images", (long long)images, x->what);
    return tec_fail(
        TEC_USER_ERROR,
        "%s of class `%s` could %sbe decoded: mend or convert those listed above, or leave the class out of "
        "both sets",
        which, tec_dataset_class_name(x->set, label), images == 1 ? "not " : "");
}

/* Collective. Refuses a class all of whose images have been left out. */
static tec_status check_classes(const extraction *x)
{
    int classes = x->out->classes;
    int64_t *left = tec_allocate_zeroed((size_t)classes, sizeof *left);
    int64_t *all = tec_allocate_zeroed((size_t)classes, sizeof *all);
    tec_status status = TEC_OK;
    for (int64_t i = 0; i < x->out->count; i++)
        if (x->out->label[i] >= 0)
            left[x->out->label[i]]++;
    for (int64_t i = 0; i < tec_dataset_size(x->set); i++)
        if (tec_dataset_label(x->set, i) >= 0)
            all[tec_dataset_label(x->set, i)]++;
    tec_comm_sum_int64(x->comm, left, classes);
    for (int c = 0; c < classes && status == TEC_OK; c++)
        if (all[c] > 0 && left[c] == 0)
            status = refuse_class(x, c, all[c]);
    free(all);
    free(left);
    return status;
}

static tec_status open_extraction(extraction *x)
{
    static const tec_normalisation none = {.std = {1, 1, 1}};
    const tec_features_settings *s = x->settings;
    size_t most = (size_t)(x->batches.count * x->batch);
    size_t pixels = (size_t)s->image_size * (size_t)s->image_size * (size_t)s->channels;
    x->out->classes = tec_dataset_classes(x->set);
    x->out->width = x->frozen ? tec_frozen_config(x->frozen)->width : (int)pixels;
    x->out->value = tec_allocate(most * (size_t)x->out->width * sizeof(real));
    x->out->label = tec_allocate(most * sizeof *x->out->label);
    x->out->content = tec_allocate(most * sizeof *x->out->content);
    x->pixels = pixels;
    if (x->frozen)
        x->images = tec_allocate((size_t)x->batch * pixels * sizeof(real));
    return tec_feed_open(&x->feed, x->set,
                         &(tec_feed_settings){.view = {.policy = TEC_VIEW_CENTER,
                                                       .size = s->image_size,
                                                       .channels = s->channels,
                                                       .normalisation = x->frozen ? s->normalisation : none,
                                                       .preprocessing = s->preprocessing},
                                              .threads = s->reading.workers,
                                              .depth = s->reading.prefetch,
                                              .batch = x->batch,
                                              .keep_squares = true, /* hashed, a quarter of the bytes of an image */
                                              .skipped = s->reading.skip ? &x->skipped : NULL,
                                              .next = next_batch,
                                              .order = x});
}

tec_status tec_features_compute(const tec_comm *comm, const tec_features_settings *settings, const tec_dataset *set,
                                tec_frozen *frozen, const char *what, tec_features *out)
{
    int64_t total = tec_dataset_size(set);
    int batch = total < settings->batch ? (int)total : settings->batch;
    *out = (tec_features){0};
    extraction x = {.comm = comm,
                    .settings = settings,
                    .set = set,
                    .frozen = frozen,
                    .what = what,
                    .out = out,
                    .batch = batch,
                    .batches = tec_share((total + batch - 1) / batch, comm->rank, comm->size),
                    .started = tec_seconds()};
    int64_t batches = (total + batch - 1) / batch;
    int idle = comm->size - (int)batches;
    if (total <= (int64_t)batch * (comm->size - 1))
        tec_warn(
            "the %s set has %lld batch%s of %d image%s, and %d rank%s none of them; a smaller eval.batch gives each rank "
            "some",
            what, (long long)batches, batches == 1 ? "" : "es", batch, tec_plural(batch), idle,
            idle == 1 ? " has" : "s have");
    tec_status status = tec_comm_agree(comm, open_extraction(&x));
    if (status == TEC_OK)
        status = compute_all(&x);
    if (status == TEC_OK)
        status = number_rows(&x);
    if (status == TEC_OK) {
        char name[64];
        snprintf(name, sizeof name, "the %s set", what);
        out->skipped = tec_skipped_report(&x.skipped, comm, name);
        tec_findings_report(set, comm, name);
        if (out->skipped > 0 && out->classes > 0)
            status = check_classes(&x);
    }
    tec_feed_close(x.feed);
    tec_skipped_free(&x.skipped);
    free(x.images);
    return status;
}

void tec_features_free(tec_features *features)
{
    free(features->value);
    free(features->label);
    free(features->content);
    *features = (tec_features){0};
}

void tec_features_normalize(tec_features *features)
{
    for (int64_t i = 0; i < features->count; i++) {
        real *row = tec_features_row(features, i);
        double square = 0;
        for (int j = 0; j < features->width; j++)
            square += (double)row[j] * row[j];
        double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int j = 0; j < features->width; j++)
            row[j] = (real)(row[j] * scale);
    }
}
