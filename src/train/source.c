/* Draws masks and reads stored targets, on the threads of a feed. */
#include "tec/source.h"

#include "tec/memory.h"
#include "tec/philox.h"

#include <stdlib.h>

/* Of one thread; too large for its stack if images are large. */
typedef struct scratch {
    int64_t *order; /* [L] */
    float *targets; /* feature and attention as stored; NULL if `real` is float, as they are read in place then */
} scratch;

struct tec_source {
    tec_store *store; /* NULL: targets are not read */
    bool targets;     /* there are some */
    uint64_t seed;
    size_t feature, attention, topk; /* elements per sample */
    size_t patches, masks;
    int threads;
    scratch *scratch; /* [threads] */
};

tec_source *tec_source_create(const tec_model_config *config, const tec_store_spec *spec, tec_store *store, int masks,
                              uint64_t seed, int threads)
{
    tec_source *s = tec_allocate_zeroed(1, sizeof *s);
    s->store = store;
    s->seed = seed;
    s->masks = (size_t)masks;
    s->patches = (size_t)tec_model_patches(config);
    s->targets = spec != NULL;
    if (spec) {
        s->feature = s->patches * (size_t)spec->width;
        s->attention = (size_t)(1 + spec->topk) * (size_t)spec->heads * s->patches;
        s->topk = (size_t)spec->topk;
    }
    s->threads = threads;
    s->scratch = tec_allocate_zeroed((size_t)threads, sizeof *s->scratch);
    for (int i = 0; i < threads; i++) {
        s->scratch[i].order = tec_allocate(s->patches * sizeof *s->scratch[i].order);
        if (TEC_REAL_IS_DOUBLE && store)
            s->scratch[i].targets = tec_allocate((s->feature + s->attention) * sizeof *s->scratch[i].targets);
    }
    return s;
}

void tec_source_free(tec_source *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->threads; i++) {
        free(s->scratch[i].order);
        free(s->scratch[i].targets);
    }
    free(s->scratch);
    free(s);
}

size_t tec_source_bytes(const tec_source *s)
{
    return (s->feature + s->attention) * sizeof(real) + (s->topk + s->masks * s->patches) * sizeof(int);
}

tec_sample tec_source_sample(const tec_source *s, const tec_feed_item *item)
{
    tec_sample sample = {0};
    real *numbers = item->attached;
    if (s->targets) {
        sample.feature = numbers;
        sample.attention = numbers + s->feature;
    }
    sample.topk = (int *)(numbers + s->feature + s->attention);
    sample.shuffle = sample.topk + s->topk;
    return sample;
}

tec_view_policy tec_source_policy(const tec_source *s)
{
    if (!s->store)
        return TEC_VIEW_RANDOM;
    return tec_store_get_spec(s->store)->images ? TEC_VIEW_GIVEN_SQUARE : TEC_VIEW_GIVEN_CROP;
}

static void draw_masks(const tec_source *s, const tec_feed_item *item, int64_t *order, int *shuffle)
{
    for (size_t m = 0; m < s->masks; m++, shuffle += s->patches) {
        tec_philox random =
            tec_philox_start(s->seed, TEC_STREAM_MASK, (uint64_t)item->sample, (uint32_t)item->view, (uint32_t)m);
        tec_philox_permutation(&random, (int64_t)s->patches, order);
        for (size_t l = 0; l < s->patches; l++)
            shuffle[l] = (int)order[l];
    }
}

static void widen(const float *in, size_t n, real *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = in[i];
}

/* Reads the stored row into `sample`, its image into the item's square, and the crop that its targets belong to. */
static tec_status read_targets(const tec_source *s, const scratch *mine, tec_feed_item *item, tec_sample *sample)
{
    const tec_store_spec *spec = tec_store_get_spec(s->store);
    int64_t number = item->sample * spec->views + item->view % spec->views;
    tec_store_row row = {.feature = mine->targets ? mine->targets : (float *)sample->feature,
                         .attention = mine->targets ? mine->targets + s->feature : (float *)sample->attention,
                         .topk = sample->topk,
                         .image = spec->images ? item->square : NULL};
    if (tec_store_read(s->store, number, &row) != TEC_OK) /* must not be skipped as a bad image */
        return tec_fail(TEC_SYSTEM_ERROR, "%s", tec_error_message());
    if (row.sample < 0)
        return tec_fail(TEC_USER_ERROR, "could not be decoded when the target store was written");
    if (mine->targets) {
        widen(row.feature, s->feature, sample->feature);
        widen(row.attention, s->attention, sample->attention);
    }
    item->crop = row.view;
    return TEC_OK;
}

tec_status tec_source_attach(void *source, int thread, tec_feed_item *item)
{
    const tec_source *s = source;
    const scratch *mine = &s->scratch[thread];
    tec_sample sample = tec_source_sample(s, item);
    if (s->store)
        TEC_TRY(read_targets(s, mine, item, &sample));
    draw_masks(s, item, mine->order, sample.shuffle);
    return TEC_OK;
}
