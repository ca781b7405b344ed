/* The tasks that a model can be trained for. */
#include "tec/task.h"

#include "tec/memory.h"
#include "tec/recipe.h"
#include "tec/source.h"

#include <stdlib.h>

void tec_task_free(tec_task *task)
{
    if (task->free)
        task->free(task->own);
    *task = (tec_task){0};
}

/* ---- pretraining: predicts the hidden patches of an image, mask by mask ---- */

typedef struct pretraining {
    tec_source *source;
    tec_online *online; /* NULL: targets are attached already, or there are none */
    int masks, patches;
} pretraining;

static tec_status attach_targets(void *own, int thread, tec_feed_item *item)
{
    const pretraining *p = own;
    return tec_source_attach(p->source, thread, item);
}

static void examples_of_masks(const void *own, int64_t step, const tec_feed_batch *batch, tec_example *example)
{
    (void)step;
    const pretraining *p = own;
    for (int i = 0; i < batch->count; i++) {
        tec_sample sample = tec_source_sample(p->source, &batch->item[i]);
        if (p->online)
            tec_online_compute(p->online, batch->item[i].square, sample.feature, sample.attention, sample.topk);
        for (int m = 0; m < p->masks; m++, sample.shuffle += p->patches)
            *example++ = (tec_example){.image = batch->item[i].image,
                                       .shuffle = sample.shuffle,
                                       .feature = sample.feature,
                                       .attention = sample.attention,
                                       .topk = sample.topk};
    }
}

static void free_pretraining(void *own)
{
    pretraining *p = own;
    tec_source_free(p->source);
    free(p);
}

tec_task tec_task_pretraining(const tec_pretraining *s, tec_store *store, int threads)
{
    pretraining *p = tec_allocate_zeroed(1, sizeof *p);
    const tec_store_spec *spec = s->online ? tec_online_spec(s->online) : store ? tec_store_get_spec(store) : NULL;
    p->source = tec_source_create(&s->model, spec, store, s->masks, s->view.seed, threads);
    p->online = s->online;
    p->masks = s->masks;
    p->patches = tec_model_patches(&s->model);
    tec_task task = {.model = s->model,
                     .visible = tec_step_visible(&s->model, s->mask_ratio),
                     .topk = spec ? spec->topk : 0,
                     .inputs = s->masks,
                     .weight = {spec ? s->feature_weight : 1, s->attention_weight},
                     .view = s->view,
                     .attach = attach_targets,
                     .attached_bytes = tec_source_bytes(p->source),
                     .keep_squares = s->online != NULL,
                     .examples = examples_of_masks,
                     .own = p,
                     .free = free_pretraining};
    task.view.policy = tec_source_policy(p->source);
    if (s->online)
        task.view.views = spec->views;
    return task;
}
