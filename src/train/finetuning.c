/* Fine-tuning as a task: stochastic depth and labels are attached to images, which are mixed in pairs. */
#include "tec/finetuning.h"

#include "tec/memory.h"
#include "tec/philox.h"

#include <stdlib.h>

typedef struct tuning {
    tec_finetuning settings;
    const tec_dataset *set;
    tec_frozen *base; /* NULL: none, or not needed any more */
} tuning;

/* What is attached to an image: [depth, 2] of stochastic depth, then [classes] probabilities. */
static size_t keep_count(const tuning *t)
{
    return 2 * (size_t)t->settings.model.depth;
}

static real *wanted_of(const tuning *t, const tec_feed_item *item)
{
    return (real *)item->attached + keep_count(t);
}

/* tec_feed_attach: whether a branch is kept. Labels follow with `examples`, when the partner is known. */
static tec_status draw_depth(void *own, int thread, tec_feed_item *item)
{
    (void)thread;
    const tuning *t = own;
    const int depth = t->settings.model.depth;
    real *keep = item->attached;
    tec_philox random =
        tec_philox_start(t->settings.view.seed, TEC_STREAM_DEPTH, (uint64_t)item->sample, (uint32_t)item->view, 0);
    for (int i = 0; i < depth; i++)
        for (int branch = 0; branch < 2; branch++) {
            double drop = depth > 1 ? t->settings.drop_path * i / (depth - 1) : 0;
            *keep++ = tec_philox_uniform(&random) < drop ? 0 : (real)(1 / (1 - drop));
        }
    return TEC_OK;
}

static void set_targets(const tuning *t, const tec_mix *mix, const tec_feed_item *item, const tec_feed_item *partner)
{
    tec_mix_target(mix, t->settings.smoothing, t->settings.model.classes, tec_dataset_label(t->set, item->sample),
                   tec_dataset_label(t->set, partner->sample), wanted_of(t, item));
}

/* Mixes the images of a chunk in pairs, whose places among the requests are 2k and 2k + 1. */
static void mix_pairs(const tuning *t, const tec_mix *mix, const tec_feed_batch *batch)
{
    const tec_feed_view *view = &t->settings.view;
    for (int i = 0; i < batch->count; i++) {
        const tec_feed_item *a = &batch->item[i], *b = i + 1 < batch->count ? a + 1 : a;
        if (a->index % 2 || b->index != a->index + 1)
            b = a;
        set_targets(t, mix, a, b);
        if (b == a)
            continue;
        set_targets(t, mix, b, a);
        tec_mix_pair(mix, view->size, view->channels, a->image, b->image);
        i++;
    }
}

/* What is drawn for a step is the same for all images of it. */
static int epoch_of(const tuning *t, const tec_feed_item *item)
{
    return t->settings.repeats > 1 ? item->view / t->settings.repeats : item->view;
}

static tec_status examples_of_images(const void *own, int64_t step, const tec_feed_batch *batch, tec_example *example)
{
    const tuning *t = own;
    tec_mix mix = {.lambda = 1};
    if (batch->count > 0)
        mix = tec_mix_draw(&t->settings.mix, t->settings.view.seed, step, epoch_of(t, &batch->item[0]),
                           t->settings.view.size);
    mix_pairs(t, &mix, batch);
    for (int i = 0; i < batch->count; i++)
        example[i] = (tec_example){.image = batch->item[i].image,
                                   .wanted = wanted_of(t, &batch->item[i]),
                                   .keep = t->settings.drop_path > 0 ? batch->item[i].attached : NULL};
    return TEC_OK;
}

static void begin(void *own, tec_model *model)
{
    tuning *t = own;
    if (t->base)
        tec_model_begin_with(model, t->base);
    tec_frozen_close(t->base);
    t->base = NULL;
}

static void free_tuning(void *own)
{
    tuning *t = own;
    tec_frozen_close(t->base);
    free(t);
}

tec_task tec_task_finetuning(const tec_finetuning *s, const tec_dataset *set, tec_frozen *base)
{
    tuning *t = tec_allocate_zeroed(1, sizeof *t);
    *t = (tuning){.settings = *s, .set = set, .base = base};
    tec_task task = {.model = s->model,
                     .visible = tec_model_patches(&s->model),
                     .inputs = 1,
                     .weight = {1},
                     .view = s->view,
                     .attach = draw_depth,
                     .attached_bytes = (keep_count(t) + (size_t)s->model.classes) * sizeof(real),
                     .examples = examples_of_images,
                     .begin = begin,
                     .own = t,
                     .free = free_tuning};
    task.view.policy = TEC_VIEW_RANDOM;
    return task;
}
