#include "make.h"

#include "tec/augment.h"
#include "tec/memory.h"
#include "tec/ops.h"

#include <stdlib.h>
#include <string.h>

/* A slot of the loader: the normalised image, the crop before that, and where it was cut. */
static tec_view *view_of(const tec_target_maker *m, void *slot)
{
    return (tec_view *)(void *)((real *)slot + m->pixels);
}

static uint8_t *square_of(const tec_target_maker *m, void *slot)
{
    return (uint8_t *)(view_of(m, slot) + 1);
}

/* tec_fetch */
static tec_status fetch_view(void *context, int thread, const tec_request *request, void *slot)
{
    (void)thread;
    const tec_target_maker *m = context;
    const tec_store_spec *spec = &m->spec;
    tec_crop_settings crop = {.flip = spec->flip};
    memcpy(crop.scale, spec->crop_scale, sizeof crop.scale);
    memcpy(crop.ratio, spec->crop_ratio, sizeof crop.ratio);
    tec_image image;
    TEC_TRY(tec_dataset_read(m->set, request->sample, &image));
    tec_view *view = view_of(m, slot);
    *view = tec_view_draw(&crop, spec->seed, request->sample, request->view, image.height, image.width);
    tec_status status = tec_view_render(&image, view, spec->image_size, square_of(m, slot));
    if (status == TEC_OK)
        tec_pixels_normalize(square_of(m, slot), spec->image_size, spec->channels, spec->mean, spec->std, slot);
    tec_image_free(&image);
    return status;
}

static size_t features(const tec_target_maker *m)
{
    return (size_t)m->spec.patches * (size_t)m->spec.width;
}

static size_t logits(const tec_target_maker *m)
{
    return (size_t)(1 + m->spec.topk) * (size_t)m->spec.heads * (size_t)m->spec.patches;
}

tec_status tec_target_maker_open(tec_target_maker *m, const tec_settings *settings, const tec_store_spec *spec,
                                 const tec_dataset *set, tec_frozen *frozen)
{
    size_t batch = (size_t)settings->targets.batch, K = (size_t)spec->topk;
    *m = (tec_target_maker){
        .settings = settings, .spec = *spec, .set = set, .frozen = frozen, .batch = settings->targets.batch};
    m->depth = settings->data.prefetch > 0 ? settings->data.prefetch : 1;
    m->pixels = (size_t)spec->channels * (size_t)spec->image_size * (size_t)spec->image_size;
    m->row = tec_allocate_zeroed(batch, sizeof *m->row);
    m->request = tec_allocate(batch * sizeof *m->request);
    m->images = tec_allocate(batch * m->pixels * sizeof *m->images);
    m->feature = tec_allocate(batch * features(m) * sizeof *m->feature);
    m->attention = tec_allocate(batch * logits(m) * sizeof *m->attention);
    m->topk = tec_allocate(batch * K * sizeof *m->topk);
    m->single = tec_allocate(batch * (features(m) + logits(m)) * sizeof *m->single);
    m->picked = tec_allocate(batch * K * sizeof *m->picked);
    tec_loader_settings loader = {.threads = settings->data.workers > 0 ? settings->data.workers : 1,
                                  .depth = m->depth,
                                  .batch = m->batch,
                                  .slot_bytes = m->pixels * (sizeof(real) + 1) + sizeof(tec_view),
                                  .fetch = fetch_view,
                                  .context = m};
    return tec_loader_open(&m->loader, &loader);
}

void tec_target_maker_close(tec_target_maker *m)
{
    tec_loader_close(m->loader);
    tec_skipped_free(&m->skipped);
    free(m->row);
    free(m->request);
    free(m->images);
    free(m->feature);
    free(m->attention);
    free(m->topk);
    free(m->single);
    free(m->picked);
    *m = (tec_target_maker){0};
}

void tec_target_maker_submit(tec_target_maker *m, const int64_t *rows, int count)
{
    for (int i = 0; i < count; i++)
        m->request[i] = (tec_request){rows[i] / m->spec.views, (int)(rows[i] % m->spec.views)};
    tec_loader_submit(m->loader, m->request, count);
}

/* Packs the images that could be decoded; the rows of the others become void. */
static tec_status take_images(tec_target_maker *m, const tec_batch *batch, int *images)
{
    *images = 0;
    for (int i = 0; i < batch->count; i++) {
        m->row[i] = (tec_store_row){.sample = -1};
        if (batch->status[i] == TEC_OK) {
            memcpy(m->images + (size_t)(*images)++ * m->pixels, batch->slot[i], m->pixels * sizeof *m->images);
            m->row[i].sample = batch->request[i].sample;
            m->row[i].view = *view_of(m, batch->slot[i]);
            m->row[i].image = square_of(m, batch->slot[i]);
        } else if (batch->status[i] == TEC_USER_ERROR && m->settings->data.on_bad_image == TEC_BAD_IMAGE_SKIP) {
            tec_skipped_note(&m->skipped, batch->request[i].sample, batch->message[i]);
        } else {
            return tec_fail(batch->status[i], "%s", batch->message[i]);
        }
    }
    return TEC_OK;
}

static float *narrow(const real *in, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)in[i];
    return out;
}

/* The n-th image computed belongs to `row`. */
static void take_targets(tec_target_maker *m, int n, tec_store_row *row)
{
    size_t image = (size_t)n, K = (size_t)m->spec.topk;
    real *feature = m->feature + image * features(m);
    float *single = m->single + image * (features(m) + logits(m));
    tec_standardize_patches(feature, m->spec.patches, m->spec.width, feature);
    row->feature = narrow(feature, features(m), single);
    row->attention = narrow(m->attention + image * logits(m), logits(m), single + features(m));
    row->topk = m->picked + image * K;
    for (size_t k = 0; k < K; k++)
        row->topk[k] = m->topk[image * K + k];
}

tec_status tec_target_maker_take(tec_target_maker *m, int *count)
{
    tec_batch batch;
    int images, n = 0;
    tec_loader_wait(m->loader, &batch);
    *count = batch.count;
    TEC_TRY(take_images(m, &batch, &images));
    if (images > 0)
        tec_frozen_targets(m->frozen, m->images, images, m->spec.last_layers, m->spec.topk, m->feature, m->attention,
                           m->topk);
    for (int i = 0; i < batch.count; i++)
        if (m->row[i].sample >= 0)
            take_targets(m, n++, &m->row[i]);
    return TEC_OK;
}

void tec_target_maker_pass(tec_target_maker *m)
{
    tec_batch batch;
    tec_loader_wait(m->loader, &batch);
    tec_loader_release(m->loader);
}

void tec_target_maker_release(tec_target_maker *m)
{
    tec_loader_release(m->loader);
}
