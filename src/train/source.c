/* Draws masks and reads stored targets, on the threads of a feed. */
#include "tec/source.h"

#include "tec/memory.h"
#include "tec/minmax.h"
#include "tec/philox.h"

#include <stdlib.h>

/* Of one thread; too large for its stack if images are large. */
typedef struct scratch {
    int64_t *order; /* [L] */
    float *targets; /* feature and attention as stored; NULL if `real` is float, as they are read in place then */
} scratch;

/* The targets of one base model. */
typedef struct targets {
    tec_store *store;                /* NULL: they are not read */
    size_t feature, attention, topk; /* elements per sample */
} targets;

struct tec_source {
    targets base[TEC_MAX_BASES];
    int bases; /* 0: no targets */
    uint64_t seed;
    size_t numbers, topk; /* of all of them */
    size_t patches, masks;
    int threads;
    scratch *scratch; /* [threads] */
};

tec_source *tec_source_create(const tec_model_config *config, const tec_source_base *base, int bases, int masks,
                              uint64_t seed, int threads)
{
    tec_source *s = tec_allocate_zeroed(1, sizeof *s);
    size_t most = 0;
    s->seed = seed;
    s->masks = (size_t)masks;
    s->patches = (size_t)tec_model_patches(config);
    for (s->bases = 0; s->bases < bases; s->bases++, base++) {
        targets *t = &s->base[s->bases];
        t->store = base->store;
        t->feature = tec_store_row_features(base->spec);
        t->attention = tec_store_row_logits(base->spec);
        t->topk = (size_t)base->spec->topk;
        s->numbers += t->feature + t->attention;
        s->topk += t->topk;
        most = tec_max_size(most, base->store ? t->feature + t->attention : 0);
    }
    s->threads = threads;
    s->scratch = tec_allocate_zeroed((size_t)threads, sizeof *s->scratch);
    for (int i = 0; i < threads; i++) {
        s->scratch[i].order = tec_allocate(s->patches * sizeof *s->scratch[i].order);
        if (TEC_REAL_IS_DOUBLE)
            s->scratch[i].targets = tec_allocate(most * sizeof *s->scratch[i].targets);
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
    return s->numbers * sizeof(real) + (s->topk + s->masks * s->patches) * sizeof(int);
}

tec_sample tec_source_sample(const tec_source *s, const tec_feed_item *item)
{
    tec_sample sample = {0};
    real *numbers = item->attached;
    sample.shuffle = (int *)(numbers + s->numbers);
    for (int i = 0; i < s->bases; i++) {
        sample.base[i].feature = numbers;
        sample.base[i].attention = numbers + s->base[i].feature;
        sample.base[i].topk = sample.shuffle;
        numbers += s->base[i].feature + s->base[i].attention;
        sample.shuffle += s->base[i].topk;
    }
    return sample;
}

tec_view_policy tec_source_policy(const tec_source *s)
{
    if (!s->base[0].store)
        return TEC_VIEW_RANDOM;
    return tec_store_get_spec(s->base[0].store)->images ? TEC_VIEW_GIVEN_SQUARE : TEC_VIEW_GIVEN_CROP;
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

static bool same_view(const tec_view *a, const tec_view *b)
{
    return a->top == b->top && a->left == b->left && a->height == b->height && a->width == b->width &&
           a->flip == b->flip;
}

/* Reads the row of base model `i` into `sample`; of the first one also its image into the item's square, and the crop that
 * the targets of all belong to. */
static tec_status read_targets(const tec_source *s, const scratch *mine, int i, tec_feed_item *item, tec_sample *sample)
{
    const targets *base = &s->base[i];
    const tec_store_spec *spec = tec_store_get_spec(base->store);
    int64_t number = item->sample * spec->views + item->view % spec->views;
    real *feature = sample->base[i].feature, *attention = sample->base[i].attention;
    tec_store_row row = {.feature = mine->targets ? mine->targets : (float *)feature,
                         .attention = mine->targets ? mine->targets + base->feature : (float *)attention,
                         .topk = sample->base[i].topk,
                         .image = i == 0 && spec->images ? item->square : NULL};
    if (tec_store_read(base->store, number, &row) != TEC_OK) /* must not be skipped as a bad image */
        return tec_fail(TEC_SYSTEM_ERROR, "%s", tec_error_message());
    if (row.sample < 0)
        return tec_fail(TEC_USER_ERROR, "could not be decoded when the target store was written");
    if (mine->targets) {
        tec_real_from_float(row.feature, base->feature, feature);
        tec_real_from_float(row.attention, base->attention, attention);
    }
    if (i > 0 && !same_view(&row.view, &item->crop))
        return tec_fail(TEC_SYSTEM_ERROR,
                        "view %lld of image %lld is another in target store %d than in the first: make them anew with "
                        "`tec targets`",
                        (long long)(item->view % spec->views), (long long)item->sample, i + 1);
    item->crop = row.view;
    return TEC_OK;
}

tec_status tec_source_attach(void *source, int thread, tec_feed_item *item)
{
    const tec_source *s = source;
    const scratch *mine = &s->scratch[thread];
    tec_sample sample = tec_source_sample(s, item);
    for (int i = 0; i < s->bases && s->base[i].store; i++)
        TEC_TRY(read_targets(s, mine, i, item, &sample));
    draw_masks(s, item, mine->order, sample.shuffle);
    return TEC_OK;
}
