/* Features of a data set in parallel: threads decode ahead, the model computes, rows stay where they were made. */
#include "tec/features.h"

#include "tec/augment.h"
#include "tec/clock.h"
#include "tec/loader.h"
#include "tec/log.h"
#include "tec/memory.h"
#include "tec/range.h"
#include "tec/skipped.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_SECONDS 10
#define BATCHES_BETWEEN_AGREEMENTS 16 /* a failure on one rank ends the others after so many batches */

static const double no_mean[3] = {0, 0, 0}, no_std[3] = {1, 1, 1};

typedef struct extraction {
    const tec_comm *comm;
    const tec_settings *settings;
    const tec_dataset *set;
    tec_frozen *frozen;
    const char *what;
    tec_features *out;
    tec_range batches; /* of the data set, that are this rank's */
    int64_t submitted, done;
    int batch;
    size_t pixels; /* c * S * S */
    real *images;  /* [batch, c, S, S], those that could be decoded */
    tec_request *request;
    uint8_t *scratch; /* [threads, S, S, c] */
    tec_loader *loader;
    tec_skipped skipped;
    double started;
} extraction;

/* tec_fetch: one image, cut and normalised for evaluation. */
static tec_status fetch_image(void *context, int thread, const tec_request *request, void *slot)
{
    const extraction *x = context;
    const tec_settings *s = x->settings;
    uint8_t *pixels = x->scratch + (size_t)thread * x->pixels;
    tec_image image;
    TEC_TRY(tec_dataset_read(x->set, request->sample, &image));
    tec_status status = tec_view_center(&image, s->data.image_size, pixels);
    if (status == TEC_OK)
        tec_pixels_normalize(pixels, s->data.image_size, s->data.channels, x->frozen ? s->data.mean : no_mean,
                             x->frozen ? s->data.std : no_std, slot);
    tec_image_free(&image);
    return status;
}

static void submit_ahead(extraction *x, int depth)
{
    int64_t total = tec_dataset_size(x->set);
    for (; x->submitted < x->batches.count && x->submitted - x->done < depth; x->submitted++) {
        int64_t first = (x->batches.first + x->submitted) * x->batch;
        int count = total - first < x->batch ? (int)(total - first) : x->batch;
        for (int i = 0; i < count; i++)
            x->request[i] = (tec_request){.sample = first + i};
        tec_loader_submit(x->loader, x->request, count);
    }
}

/* Packs the images that could be decoded and their labels; *count of them. */
static tec_status take_images(extraction *x, const tec_batch *batch, int *count)
{
    int taken = 0;
    for (int i = 0; i < batch->count; i++) {
        if (batch->status[i] == TEC_OK) {
            memcpy(x->images + taken * x->pixels, batch->slot[i], x->pixels * sizeof(real));
            x->out->label[x->out->count + taken++] = tec_dataset_label(x->set, batch->request[i].sample);
        } else if (x->settings->data.on_bad_image == TEC_BAD_IMAGE_SKIP && batch->status[i] == TEC_USER_ERROR) {
            tec_skipped_note(&x->skipped, batch->request[i].sample, batch->message[i]);
        } else {
            return tec_fail(batch->status[i], "%s", batch->message[i]);
        }
    }
    *count = taken;
    return TEC_OK;
}

static tec_status check_finite(const extraction *x, const real *value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(value[i]))
            return tec_fail(TEC_USER_ERROR, "eval.model %s: features of the %s images are not finite",
                            x->settings->eval.model, x->what);
    return TEC_OK;
}

static void say_progress(const extraction *x)
{
    int64_t total = tec_dataset_size(x->set);
    double share = (double)x->done / (double)x->batches.count, seconds = tec_seconds() - x->started;
    char left[32];
    tec_progress(PROGRESS_SECONDS, "features of the %s images: %.0f of %lld, %.0f images/s, %s left", x->what,
                 share * (double)total, (long long)total, share * (double)total / seconds,
                 tec_duration(left, seconds * (1 / share - 1)));
}

static tec_status compute_batch(extraction *x, int depth)
{
    tec_features *out = x->out;
    tec_batch batch;
    int count = 0;
    submit_ahead(x, depth);
    tec_loader_wait(x->loader, &batch);
    tec_status status = take_images(x, &batch, &count);
    tec_loader_release(x->loader);
    TEC_TRY(status);

    real *value = out->value + (size_t)out->count * out->width;
    if (!x->frozen)
        memcpy(value, x->images, count * x->pixels * sizeof(real));
    else if (count > 0)
        tec_frozen_features(x->frozen, x->images, count, (tec_pooling)x->settings->eval.pooling, value);
    out->count += count;
    x->done++;
    say_progress(x);
    return check_finite(x, value, (size_t)count * out->width);
}

static tec_status compute_all(extraction *x, int depth)
{
    int64_t total = tec_dataset_size(x->set);
    int64_t most = tec_share((total + x->batch - 1) / x->batch, 0, x->comm->size).count;
    tec_status status = TEC_OK;
    for (int64_t i = 0; i < most; i++) {
        if (i < x->batches.count && status == TEC_OK)
            status = compute_batch(x, depth);
        if ((i + 1) % BATCHES_BETWEEN_AGREEMENTS == 0 || i + 1 == most) {
            status = tec_comm_agree(x->comm, status);
            if (status != TEC_OK)
                break;
        }
    }
    tec_progress_end();
    return status;
}

/* Numbers the rows of all ranks through. */
static tec_status number_rows(extraction *x)
{
    const tec_comm *comm = x->comm;
    int64_t *count = tec_allocate_zeroed(comm->size, sizeof *count);
    count[comm->rank] = x->out->count;
    tec_comm_sum_int64(comm, count, comm->size);
    x->out->first = x->out->total = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        x->out->first += rank < comm->rank ? count[rank] : 0;
        x->out->total += count[rank];
    }
    free(count);
    if (x->out->total == 0)
        return tec_fail(TEC_USER_ERROR, "none of the %s images could be decoded", x->what);
    return TEC_OK;
}

static tec_status open_extraction(extraction *x, int threads, int depth)
{
    const tec_settings *s = x->settings;
    int64_t most = x->batches.count * x->batch;
    x->pixels = (size_t)s->data.image_size * s->data.image_size * s->data.channels;
    x->out->classes = tec_dataset_classes(x->set);
    x->out->width = x->frozen ? tec_frozen_config(x->frozen)->width : (int)x->pixels;
    x->out->value = tec_allocate((size_t)most * x->out->width * sizeof(real));
    x->out->label = tec_allocate((size_t)most * sizeof *x->out->label);
    x->images = tec_allocate(x->batch * x->pixels * sizeof(real));
    x->request = tec_allocate(x->batch * sizeof *x->request);
    x->scratch = tec_allocate(threads * x->pixels);
    tec_loader_settings loader = {.threads = threads,
                                  .depth = depth,
                                  .batch = x->batch,
                                  .slot_bytes = x->pixels * sizeof(real),
                                  .fetch = fetch_image,
                                  .context = x};
    return tec_loader_open(&x->loader, &loader);
}

tec_status tec_features_compute(const tec_comm *comm, const tec_settings *settings, const tec_dataset *set,
                                tec_frozen *frozen, const char *what, tec_features *out)
{
    int threads = settings->data.workers > 0 ? settings->data.workers : 1;
    int depth = settings->data.prefetch > 0 ? settings->data.prefetch : 1;
    int64_t total = tec_dataset_size(set);
    int batch = total < settings->eval.batch ? (int)total : settings->eval.batch;
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
    tec_status status = tec_comm_agree(comm, open_extraction(&x, threads, depth));
    if (status == TEC_OK)
        status = compute_all(&x, depth);
    if (status == TEC_OK) {
        char name[64];
        snprintf(name, sizeof name, "the %s set", what);
        out->skipped = tec_skipped_report(&x.skipped, comm, name);
        status = number_rows(&x);
    }
    tec_loader_close(x.loader);
    tec_skipped_free(&x.skipped);
    free(x.scratch);
    free(x.request);
    free(x.images);
    return status;
}

void tec_features_free(tec_features *features)
{
    free(features->value);
    free(features->label);
    *features = (tec_features){0};
}

void tec_features_normalize(tec_features *features)
{
    for (int64_t i = 0; i < features->count; i++) {
        real *row = features->value + (size_t)i * features->width;
        double square = 0;
        for (int j = 0; j < features->width; j++)
            square += (double)row[j] * row[j];
        double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int j = 0; j < features->width; j++)
            row[j] = (real)(row[j] * scale);
    }
}
