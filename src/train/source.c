#include "tec/source.h"

#include "tec/memory.h"
#include "tec/philox.h"

#include <stdlib.h>
#include <string.h>

/* A loader thread's own: too large for its stack where images are large. */
typedef struct scratch {
    uint8_t *square; /* [S, S, c] the crop before normalisation */
    int64_t *order;  /* [L] */
    float *targets;  /* feature and attention as the store has them; NULL where that is the type of a slot */
} scratch;

struct tec_source {
    const tec_settings *settings;
    tec_model_config config;
    const tec_dataset *set;
    tec_store *store;
    bool stored_images;
    size_t image, feature, attention, topk, patches, masks; /* numbers of elements */
    scratch *scratch;                                       /* [data.workers] */
};

static void create_scratch(tec_source *s)
{
    int threads = s->settings->data.workers;
    s->scratch = tec_allocate_zeroed(threads, sizeof *s->scratch);
    for (int i = 0; i < threads; i++) {
        s->scratch[i].square = tec_allocate(s->image);
        s->scratch[i].order = tec_allocate(s->patches * sizeof *s->scratch[i].order);
        if (TEC_REAL_IS_DOUBLE)
            s->scratch[i].targets = tec_allocate((s->feature + s->attention) * sizeof *s->scratch[i].targets);
    }
}

tec_source *tec_source_create(const tec_settings *settings, const tec_model_config *config, const tec_dataset *set,
                              tec_store *store)
{
    tec_source *s = tec_allocate_zeroed(1, sizeof *s);
    s->settings = settings;
    s->config = *config;
    s->set = set;
    s->store = store;
    s->patches = tec_model_patches(config);
    s->masks = settings->pretrain.masks_per_image;
    s->image = (size_t)config->channels * config->image_size * config->image_size;
    if (store) {
        const tec_store_spec *spec = tec_store_get_spec(store);
        s->stored_images = spec->images;
        s->feature = s->patches * spec->width;
        s->attention = (size_t)(1 + spec->topk) * spec->heads * s->patches;
        s->topk = spec->topk;
    }
    create_scratch(s);
    return s;
}

void tec_source_free(tec_source *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->settings->data.workers; i++) {
        free(s->scratch[i].square);
        free(s->scratch[i].order);
        free(s->scratch[i].targets);
    }
    free(s->scratch);
    free(s);
}

size_t tec_source_slot_bytes(const tec_source *s)
{
    return (s->image + s->feature + s->attention) * sizeof(real) + (s->topk + s->masks * s->patches) * sizeof(int);
}

tec_sample tec_source_sample(const tec_source *s, void *slot)
{
    tec_sample sample = {.image = slot};
    real *behind = sample.image + s->image;
    if (s->store) {
        sample.feature = behind;
        sample.attention = sample.feature + s->feature;
        behind = sample.attention + s->attention;
    }
    sample.topk = (int *)behind;
    sample.shuffle = sample.topk + s->topk;
    return sample;
}

static void draw_masks(const tec_source *s, const tec_request *request, int64_t *order, int *shuffle)
{
    for (size_t m = 0; m < s->masks; m++, shuffle += s->patches) {
        tec_philox random =
            tec_philox_start(s->settings->run.seed, TEC_STREAM_MASK, request->sample, request->view, (uint32_t)m);
        tec_philox_permutation(&random, (int64_t)s->patches, order);
        for (size_t l = 0; l < s->patches; l++)
            shuffle[l] = (int)order[l];
    }
}

/* The square that the model sees, before normalisation: view NULL draws view number `epoch`. */
static tec_status cut_image(const tec_source *s, const tec_request *request, const tec_view *view, uint8_t *square)
{
    tec_image image;
    tec_view drawn;
    TEC_TRY(tec_dataset_read(s->set, request->sample, &image));
    if (!view) {
        tec_crop_settings crop = {.flip = s->settings->data.flip};
        memcpy(crop.scale, s->settings->data.crop_scale, sizeof crop.scale);
        memcpy(crop.ratio, s->settings->data.crop_ratio, sizeof crop.ratio);
        drawn = tec_view_draw(&crop, s->settings->run.seed, request->sample, request->view, image.height, image.width);
        view = &drawn;
    }
    tec_status status = tec_view_render(&image, view, s->config.image_size, square);
    tec_image_free(&image);
    if (status != TEC_OK) { /* a stored view of an image that has changed since */
        char name[256];
        tec_fail(status, "%s: %s", tec_dataset_name(s->set, request->sample, name, sizeof name), tec_error_message());
    }
    return status;
}

static void widen(const float *in, size_t n, real *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = in[i];
}

/* The stored row into `sample`, its image into the scratch; *view: the crop that the targets belong to. */
static tec_status read_targets(const tec_source *s, const tec_request *request, const scratch *mine, tec_view *view,
                               tec_sample *sample)
{
    const tec_store_spec *spec = tec_store_get_spec(s->store);
    int64_t number = request->sample * spec->views + request->view % spec->views;
    tec_store_row row = {.feature = mine->targets ? mine->targets : (float *)sample->feature,
                         .attention = mine->targets ? mine->targets + s->feature : (float *)sample->attention,
                         .topk = sample->topk,
                         .image = s->stored_images ? mine->square : NULL};
    if (tec_store_read(s->store, number, &row) != TEC_OK) /* never to be skipped as a bad image would be */
        return tec_fail(TEC_SYSTEM_ERROR, "%s", tec_error_message());
    if (row.sample < 0) {
        char name[256];
        return tec_fail(TEC_USER_ERROR, "%s: could not be decoded when the target store was written",
                        tec_dataset_name(s->set, request->sample, name, sizeof name));
    }
    if (mine->targets) {
        widen(row.feature, s->feature, sample->feature);
        widen(row.attention, s->attention, sample->attention);
    }
    *view = row.view;
    return TEC_OK;
}

tec_status tec_source_fetch(void *context, int thread, const tec_request *request, void *slot)
{
    const tec_source *s = context;
    const scratch *mine = &s->scratch[thread];
    tec_sample sample = tec_source_sample(s, slot);
    tec_view view;
    if (s->store)
        TEC_TRY(read_targets(s, request, mine, &view, &sample));
    if (!s->stored_images)
        TEC_TRY(cut_image(s, request, s->store ? &view : NULL, mine->square));
    tec_pixels_normalize(mine->square, s->config.image_size, s->config.channels, s->settings->data.mean,
                         s->settings->data.std, sample.image);
    draw_masks(s, request, mine->order, sample.shuffle);
    return TEC_OK;
}
