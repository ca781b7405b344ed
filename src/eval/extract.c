/* From batches of images to features. */
#include "extract.h"

#include "tec/finite.h"
#include "tec/hash.h"
#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/rounds.h"

#include <stdlib.h>

int tec_extract_batch(const tec_features_settings *settings, const tec_dataset *set)
{
    return (int)tec_min_int64(tec_dataset_size(set), settings->batch);
}

int64_t tec_extract_batches(const tec_features_settings *settings, const tec_dataset *set)
{
    const int batch = tec_extract_batch(settings, set);
    return (tec_dataset_size(set) + batch - 1) / batch;
}

static size_t pixels_of(const tec_features_settings *s)
{
    return tec_size_area(s->image_size) * (size_t)s->channels;
}

size_t tec_extract_row(const tec_features_settings *settings, const tec_frozen *frozen)
{
    if (!frozen)
        return pixels_of(settings);
    const tec_model_config *config = tec_frozen_config(frozen);
    const int rows = settings->tap.pooling == TEC_POOL_NONE ? tec_model_patches(config) : 1;
    return (size_t)rows * (size_t)config->width;
}

/* tec_feed_next */
static int next_batch(void *context, tec_request *request)
{
    extractor *x = context;
    const int64_t at = x->next(x->context);
    if (at < 0)
        return 0;
    const int64_t first = at * x->batch;
    const int count = (int)tec_min_int64(tec_dataset_size(x->set) - first, x->batch);
    for (int i = 0; i < count; i++)
        request[i] = (tec_request){.sample = first + i};
    return count;
}

tec_status tec_extract_open(extractor *x)
{
    const tec_features_settings *s = x->settings;
    tec_normalisation none = {0};
    for (int c = 0; c < s->channels; c++)
        none.std[c] = 1;
    x->batch = tec_extract_batch(s, x->set);
    x->row = tec_extract_row(s, x->frozen);
    x->pixels = pixels_of(s);
    if (x->frozen)
        x->images = tec_allocate((size_t)x->batch * x->pixels * sizeof(real));
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

void tec_extract_close(extractor *x)
{
    tec_feed_close(x->feed);
    tec_skipped_free(&x->skipped);
    free(x->images);
}

/* Images for the model, or pixels as features, go to `to`. */
static tec_status take_images(extractor *x, real *to, int64_t *sample, uint64_t *content, int *count)
{
    tec_feed_batch batch;
    const size_t bytes = x->pixels * (tec_dataset_has_values(x->set) ? sizeof(float) : 1);
    tec_status status = tec_feed_take(x->feed, &batch);
    if (status == TEC_OK)
        tec_feed_pack(x->feed, &batch, to);
    for (int i = 0; i < batch.count && status == TEC_OK; i++) {
        sample[i] = batch.item[i].sample;
        content[i] = tec_hash_bytes(0, batch.item[i].square, bytes);
    }
    *count = batch.count;
    tec_feed_release(x->feed);
    return status;
}

tec_status tec_extract(extractor *x, real *value, int64_t *sample, uint64_t *content, int *count)
{
    TEC_TRY(take_images(x, x->frozen ? x->images : value, sample, content, count));
    if (x->frozen && *count > 0)
        tec_frozen_tap(x->frozen, x->images, *count, &x->settings->tap, value);
    if (tec_finite_find_other(value, *count * (int64_t)x->row) >= 0)
        return tec_fail(TEC_USER_ERROR, "%s: features of the %s images are not finite", x->settings->model, x->what);
    return TEC_OK;
}

tec_status tec_extract_all(const tec_comm *comm, int64_t batches, tec_status (*step)(void *context), void *context)
{
    enum { BATCHES_BETWEEN_AGREEMENTS = 16 };
    const tec_rounds rounds = {.steps = batches, .each = BATCHES_BETWEEN_AGREEMENTS, .step = step, .context = context};
    return tec_comm_rounds(comm, &rounds);
}
