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

static tec_status examples_of_masks(const void *own, int64_t step, const tec_feed_batch *batch, tec_example *example)
{
    (void)step;
    const pretraining *p = own;
    for (int i = 0; i < batch->count; i++) {
        tec_sample sample = tec_source_sample(p->source, &batch->item[i]);
        if (p->online)
            TEC_TRY(tec_online_compute(p->online, batch->item[i].sample, batch->item[i].square, sample.base[0].feature,
                                       sample.base[0].attention, sample.base[0].topk));
        tec_example made = {.image = batch->item[i].image,
                            .feature = sample.base[0].feature,
                            .attention = sample.base[0].attention,
                            .topk = sample.base[0].topk};
        for (int b = 1; b < TEC_MAX_BASES; b++)
            made.more[b - 1] =
                (tec_base_targets){sample.base[b].feature, sample.base[b].attention, sample.base[b].topk};
        for (int m = 0; m < p->masks; m++, sample.shuffle += p->patches) {
            made.shuffle = sample.shuffle;
            *example++ = made;
        }
    }
    return TEC_OK;
}

static void free_pretraining(void *own)
{
    pretraining *p = own;
    tec_source_free(p->source);
    free(p);
}

/* The base models whose targets are learnt, and how many they are. */
static int list_bases(const tec_pretraining *s, tec_store *store, tec_source_base base[TEC_MAX_BASES])
{
    int bases = 0;
    if (s->online)
        base[bases++] = (tec_source_base){tec_online_spec(s->online), NULL};
    while (store && bases < TEC_MAX_BASES) {
        base[bases++] = (tec_source_base){tec_store_get_spec(store), store};
        store = bases < TEC_MAX_BASES ? s->more[bases - 1].store : NULL;
    }
    return bases;
}

tec_task tec_task_pretraining(const tec_pretraining *s, tec_store *store, int threads)
{
    pretraining *p = tec_allocate_zeroed(1, sizeof *p);
    tec_source_base base[TEC_MAX_BASES];
    const int bases = list_bases(s, store, base);
    const tec_store_spec *spec = bases ? base[0].spec : NULL;
    p->source = tec_source_create(&s->model, base, bases, s->masks, s->view.seed, threads);
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
    for (int i = 1; i < bases; i++) {
        task.weight[2 * i] = s->more[i - 1].feature_weight;
        task.weight[2 * i + 1] = s->more[i - 1].attention_weight;
    }
    task.view.policy = tec_source_policy(p->source);
    if (s->online)
        task.view.views = spec->views;
    return task;
}
