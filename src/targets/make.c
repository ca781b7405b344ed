/* Computes rows of a target store from images. */
#include "make.h"

#include "tec/memory.h"
#include "tec/ops.h"

#include <stdlib.h>

static tec_feed_settings feed_settings(target_maker *m, tec_feed_next *next, void *order)
{
    const tec_store_spec *spec = &m->spec;
    const tec_reading *reading = &m->job->reading;
    tec_feed_settings settings = {.view = {.policy = TEC_VIEW_RANDOM,
                                           .size = spec->image_size,
                                           .channels = spec->channels,
                                           .crop = {.flip = spec->flip},
                                           .seed = spec->seed},
                                  .threads = reading->workers,
                                  .depth = reading->prefetch,
                                  .batch = m->job->batch,
                                  .keep_squares = true,
                                  .skipped = reading->skip ? &m->skipped : NULL,
                                  .next = next,
                                  .order = order};
    for (int i = 0; i < 2; i++) {
        settings.view.crop.scale[i] = spec->crop_scale[i];
        settings.view.crop.ratio[i] = spec->crop_ratio[i];
    }
    for (int c = 0; c < spec->channels; c++) {
        settings.view.normalisation.mean[c] = spec->mean[c];
        settings.view.normalisation.std[c] = spec->std[c];
    }
    return settings;
}

tec_status tec_target_maker_open(target_maker *m, const tec_targets_job *job, const tec_store_spec *spec,
                                 tec_feed_next *next, void *order)
{
    size_t batch = (size_t)job->batch, K = (size_t)spec->topk;
    size_t pixels = (size_t)spec->channels * tec_size_area(spec->image_size);
    *m = (target_maker){
        .job = job, .spec = *spec, .features = tec_store_row_features(spec), .logits = tec_store_row_logits(spec)};
    m->row = tec_allocate_zeroed(batch, sizeof *m->row);
    m->images = tec_allocate(batch * pixels * sizeof *m->images);
    m->feature = tec_allocate(batch * m->features * sizeof *m->feature);
    m->attention = tec_allocate(batch * m->logits * sizeof *m->attention);
    m->topk = tec_allocate(batch * K * sizeof *m->topk);
    m->single = tec_allocate(batch * (m->features + m->logits) * sizeof *m->single);
    m->picked = tec_allocate(batch * K * sizeof *m->picked);
    tec_feed_settings settings = feed_settings(m, next, order);
    return tec_feed_open(&m->feed, job->set, &settings);
}

void tec_target_maker_close(target_maker *m)
{
    tec_feed_close(m->feed);
    tec_skipped_free(&m->skipped);
    free(m->row);
    free(m->images);
    free(m->feature);
    free(m->attention);
    free(m->topk);
    free(m->single);
    free(m->picked);
    *m = (target_maker){0};
}

tec_request tec_target_maker_request(const tec_store_spec *spec, int64_t row)
{
    return (tec_request){.sample = row / spec->views, .view = (int)(row % spec->views)};
}

/* Makes the row of the n-th image that was computed. */
static void fill_row(target_maker *m, size_t n, const tec_feed_item *item)
{
    size_t K = (size_t)m->spec.topk;
    real *feature = m->feature + n * m->features, *attention = m->attention + n * m->logits;
    float *single = m->single + n * (m->features + m->logits);
    int32_t *picked = m->picked + n * K;
    if (!m->spec.plain_features)
        tec_standardize_patches(feature, m->spec.patches, m->spec.width, feature);
    for (size_t k = 0; k < K; k++)
        picked[k] = m->topk[n * K + k];
    tec_real_to_float(feature, m->features, single);
    tec_real_to_float(attention, m->logits, single + m->features);
    m->row[item->index] = (tec_store_row){.sample = item->sample,
                                          .view = item->crop,
                                          .image = item->square,
                                          .feature = single,
                                          .attention = single + m->features,
                                          .topk = picked};
}

tec_status tec_target_maker_take(target_maker *m, int *count)
{
    tec_feed_batch batch;
    tec_status status = tec_feed_take(m->feed, &batch);
    *count = batch.asked;
    TEC_TRY(status);
    for (int i = 0; i < batch.asked; i++)
        m->row[i] = (tec_store_row){.sample = -1};
    tec_feed_pack(m->feed, &batch, m->images);
    if (batch.count > 0)
        tec_frozen_targets(m->job->frozen, m->images, batch.count, m->spec.last_layers, m->spec.topk, m->feature,
                           m->attention, m->topk);
    for (int i = 0; i < batch.count; i++)
        fill_row(m, (size_t)i, &batch.item[i]);
    return TEC_OK;
}

void tec_target_maker_release(target_maker *m)
{
    tec_feed_release(m->feed);
}

void tec_target_maker_skip(target_maker *m)
{
    tec_feed_skip(m->feed);
}
