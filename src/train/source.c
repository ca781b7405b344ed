#include "tec/source.h"

#include "tec/philox.h"

#include <stdlib.h>
#include <string.h>

struct tec_source {
    const tec_settings *settings;
    tec_model_config config;
    const tec_dataset *set;
    tec_store *store;
    bool stored_images;
    size_t image, feature, attention, topk, patches, masks; /* numbers of elements */
};

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
    return s;
}

void tec_source_free(tec_source *s)
{
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

static void draw_masks(const tec_source *s, const tec_request *request, int *shuffle)
{
    int64_t order[s->patches];
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
    return status;
}

/* Targets come as float and int32; without REAL=double these are the slot's own types. */
static void widen(const float *in, size_t n, real *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = in[i];
}

static tec_status read_targets(const tec_source *s, const tec_request *request, uint8_t *square, tec_store_row *row,
                               tec_sample *sample)
{
    const tec_store_spec *spec = tec_store_get_spec(s->store);
    int64_t number = request->sample * spec->views + request->view % spec->views;
    float *wide = TEC_REAL_IS_DOUBLE ? tec_allocate((s->feature + s->attention) * sizeof *wide) : NULL;
    row->feature = wide ? wide : (float *)sample->feature;
    row->attention = wide ? wide + s->feature : (float *)sample->attention;
    row->topk = sample->topk;
    row->image = s->stored_images ? square : NULL;
    tec_status status = tec_store_read(s->store, number, row);
    if (status == TEC_OK && wide) {
        widen(row->feature, s->feature, sample->feature);
        widen(row->attention, s->attention, sample->attention);
    }
    free(wide);
    if (status != TEC_OK) /* never to be skipped as an image that cannot be decoded would be */
        return tec_fail(TEC_SYSTEM_ERROR, "%s", tec_error_message());
    if (row->sample < 0) {
        char name[256];
        status = tec_fail(TEC_USER_ERROR, "%s: could not be decoded when the target store was written",
                          tec_dataset_name(s->set, request->sample, name, sizeof name));
    }
    return status;
}

tec_status tec_source_fetch(void *context, int thread, const tec_request *request, void *slot)
{
    (void)thread;
    const tec_source *s = context;
    tec_sample sample = tec_source_sample(s, slot);
    uint8_t square[s->image];
    tec_store_row row = {0};
    if (s->store)
        TEC_TRY(read_targets(s, request, square, &row, &sample));
    if (!s->stored_images)
        TEC_TRY(cut_image(s, request, s->store ? &row.view : NULL, square));
    tec_pixels_normalize(square, s->config.image_size, s->config.channels, s->settings->data.mean,
                         s->settings->data.std, sample.image);
    draw_masks(s, request, sample.shuffle);
    return TEC_OK;
}
