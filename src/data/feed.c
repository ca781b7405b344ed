/* A loader whose slots hold images ready for a model: cropped by a policy, normalised, with the client's data. */
#include "tec/feed.h"

#include "tec/erase.h"
#include "tec/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct tec_feed {
    const tec_dataset *set;
    tec_feed_settings settings;
    tec_loader *loader;
    size_t pixels;        /* c * H * W */
    bool values;          /* squares are of floats */
    size_t square_bytes;  /* of a square */
    char *scratch;        /* [threads, H, W, c]; NULL: squares are kept */
    tec_request *request; /* [batch] */
    tec_feed_item *item;  /* [batch] of the batch that was taken */
    int under_way;        /* batches requested and not yet released */
    bool ended;           /* `next` has no more */
};

/* ---- a slot: image, attached data, crop, square ---- */

/* Such that what follows is aligned as floats are. */
static size_t attached_room(const tec_feed *f)
{
    return (f->settings.attached_bytes + sizeof(float) - 1) / sizeof(float) * sizeof(float);
}

static size_t slot_bytes(const tec_feed *f)
{
    size_t square = f->settings.keep_squares ? f->square_bytes : 0;
    return f->pixels * sizeof(real) + attached_room(f) + sizeof(tec_view) + square;
}

static char *attached_of(const tec_feed *f, void *slot)
{
    return (char *)((real *)slot + f->pixels);
}

static char *crop_of(const tec_feed *f, void *slot)
{
    return attached_of(f, slot) + attached_room(f);
}

static void *square_of(const tec_feed *f, void *slot)
{
    return crop_of(f, slot) + sizeof(tec_view);
}

/* ---- filling a slot, on a thread of the loader ---- */

static tec_status crop_center(const tec_feed *f, const tec_image *image, tec_feed_item *item)
{
    return tec_view_center(image, &f->settings.view.preprocessing, f->settings.view.size, item->square);
}

static tec_status crop_given(const tec_feed *f, const tec_image *image, tec_feed_item *item)
{
    return tec_view_render(image, &item->crop, f->settings.view.size, item->square);
}

static tec_status crop_random(const tec_feed *f, const tec_image *image, tec_feed_item *item)
{
    const tec_feed_view *view = &f->settings.view;
    const int number = view->views > 0 ? item->view % view->views : item->view;
    item->crop = tec_view_draw(&view->crop, view->seed, item->sample, number, image->height, image->width);
    return crop_given(f, image, item);
}

/* By tec_view_policy; NULL: the square is there already. */
typedef tec_status crop_function(const tec_feed *f, const tec_image *image, tec_feed_item *item);
static crop_function *const crop_by[] = {
    [TEC_VIEW_CENTER] = crop_center,
    [TEC_VIEW_RANDOM] = crop_random,
    [TEC_VIEW_GIVEN_CROP] = crop_given,
    [TEC_VIEW_GIVEN_SQUARE] = NULL,
};

/* Alters the colours and the geometry of a square that is not normalised yet. */
static void alter_square(const tec_feed *f, const tec_feed_item *item)
{
    const tec_feed_view *view = &f->settings.view;
    const tec_augmentation *how = &view->augmentation;
    tec_image square = {
        .width = view->size.width, .height = view->size.height, .channels = view->channels, .pixels = item->square};
    assert(!f->values || (how->rand.layers == 0 && how->jitter <= 0));
    if (how->rand.layers > 0)
        tec_rand_augment_apply(&how->rand, view->seed, item->sample, item->view, view->normalisation.mean, &square);
    else if (how->jitter > 0)
        tec_color_jitter_apply(how->jitter, view->seed, item->sample, item->view, &square);
}

static void normalize(const tec_feed *f, const tec_feed_item *item)
{
    const tec_feed_view *view = &f->settings.view;
    const tec_normalisation *n = &view->normalisation;
    tec_square_normalize(item->square, f->values, view->size, view->channels, n->mean, n->std, item->image);
}

/* Prefixes the message with the image's name if the image is to blame. */
static tec_status name_image(const tec_feed *f, int64_t sample, tec_status status)
{
    char name[256];
    if (status == TEC_USER_ERROR)
        tec_fail(status, "%s: %s", tec_dataset_name(f->set, sample, name, sizeof name), tec_error_message());
    return status;
}

static tec_status read_square(const tec_feed *f, crop_function *crop, tec_feed_item *item)
{
    tec_image image;
    TEC_TRY(tec_dataset_read(f->set, item->sample, &image));
    tec_status status = crop(f, &image, item);
    tec_image_free(&image);
    return name_image(f, item->sample, status); /* for example a given crop of an image that has changed since */
}

/* tec_fetch */
static tec_status fill(void *context, int thread, const tec_request *request, void *slot)
{
    const tec_feed *f = context;
    const tec_feed_view *view = &f->settings.view;
    tec_feed_item item = {.sample = request->sample,
                          .view = request->view,
                          .image = slot,
                          .square =
                              f->scratch ? (void *)(f->scratch + (size_t)thread * f->square_bytes) : square_of(f, slot),
                          .attached = attached_of(f, slot)};
    if (f->settings.attach)
        TEC_TRY(name_image(f, item.sample, f->settings.attach(f->settings.source, thread, &item)));
    if (crop_by[view->policy])
        TEC_TRY(read_square(f, crop_by[view->policy], &item));
    alter_square(f, &item);
    normalize(f, &item);
    if (view->augmentation.erase > 0)
        tec_erase_apply(view->augmentation.erase, view->seed, item.sample, item.view, view->size, view->channels,
                        item.image);
    memcpy(crop_of(f, slot), &item.crop, sizeof item.crop);
    return TEC_OK;
}

/* ---- on the owner's thread ---- */

tec_status tec_feed_open(tec_feed **out, const tec_dataset *set, const tec_feed_settings *s)
{
    assert(s->next && (s->attach || s->view.policy < TEC_VIEW_GIVEN_CROP));
    *out = NULL;
    tec_feed *f = tec_allocate_zeroed(1, sizeof *f);
    f->set = set;
    f->settings = *s;
    f->pixels = (size_t)s->view.channels * tec_size_area(s->view.size);
    f->values = tec_dataset_has_values(set);
    f->square_bytes = f->pixels * (f->values ? sizeof(float) : 1);
    f->scratch = s->keep_squares ? NULL : tec_allocate((size_t)s->threads * f->square_bytes);
    f->request = tec_allocate((size_t)s->batch * sizeof *f->request);
    f->item = tec_allocate((size_t)s->batch * sizeof *f->item);
    tec_loader_settings loader = {.threads = s->threads,
                                  .depth = s->depth,
                                  .batch = s->batch,
                                  .slot_bytes = slot_bytes(f),
                                  .fetch = fill,
                                  .context = f};
    tec_status status = tec_loader_open(&f->loader, &loader);
    if (status != TEC_OK) {
        tec_feed_close(f);
        return status;
    }
    *out = f;
    return TEC_OK;
}

void tec_feed_close(tec_feed *f)
{
    if (!f)
        return;
    tec_loader_close(f->loader);
    free(f->item);
    free(f->request);
    free(f->scratch);
    free(f);
}

void tec_feed_ahead(tec_feed *f)
{
    while (!f->ended && f->under_way < f->settings.depth) {
        int count = f->settings.next(f->settings.order, f->request);
        f->ended = count == 0;
        if (f->ended)
            break;
        tec_loader_submit(f->loader, f->request, count);
        f->under_way++;
    }
}

static tec_feed_item item_of(const tec_feed *f, const tec_batch *batch, int index)
{
    void *slot = batch->slot[index];
    tec_feed_item item = {.sample = batch->request[index].sample,
                          .view = batch->request[index].view,
                          .index = index,
                          .image = slot,
                          .square = f->settings.keep_squares ? square_of(f, slot) : NULL,
                          .attached = attached_of(f, slot)};
    memcpy(&item.crop, crop_of(f, slot), sizeof item.crop);
    return item;
}

static tec_status fail_image(tec_status status, const char *message)
{
    return tec_fail(status, "%s%s", message,
                    status == TEC_USER_ERROR ? "; data.on_bad_image=skip leaves out images that cannot be read" : "");
}

tec_status tec_feed_take(tec_feed *f, tec_feed_batch *out)
{
    tec_batch batch;
    *out = (tec_feed_batch){.item = f->item};
    tec_feed_ahead(f);
    if (f->under_way == 0)
        return TEC_OK;
    tec_loader_wait(f->loader, &batch);
    out->asked = batch.count;
    for (int i = 0; i < batch.count; i++) {
        if (batch.status[i] == TEC_OK)
            f->item[out->count++] = item_of(f, &batch, i);
        else if (batch.status[i] == TEC_USER_ERROR && f->settings.skipped)
            tec_skipped_note(f->settings.skipped, batch.request[i].sample, batch.message[i]);
        else
            return fail_image(batch.status[i], batch.message[i]);
    }
    return TEC_OK;
}

void tec_feed_release(tec_feed *f)
{
    if (f->under_way == 0)
        return;
    tec_loader_release(f->loader);
    f->under_way--;
    tec_feed_ahead(f);
}

void tec_feed_skip(tec_feed *f)
{
    tec_batch batch;
    tec_feed_ahead(f);
    if (f->under_way > 0)
        tec_loader_wait(f->loader, &batch);
    tec_feed_release(f);
}

void tec_feed_pack(const tec_feed *f, const tec_feed_batch *batch, real *images)
{
    for (int i = 0; i < batch->count; i++)
        memcpy(images + (size_t)i * f->pixels, batch->item[i].image, f->pixels * sizeof *images);
}

double tec_feed_waited(const tec_feed *f)
{
    return tec_loader_waited(f->loader);
}
