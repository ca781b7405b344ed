/* Module train, public. What a model is trained for: how images are cut, what is attached to them, and how model inputs
 * with their losses come of that. The loop around it (trainer, run) is the same for every task. Local. */
#ifndef TEC_TASK_H
#define TEC_TASK_H

#include "tec/feed.h"
#include "tec/model.h"
#include "tec/store.h"

typedef struct tec_task {
    tec_model_config model;
    int visible, topk; /* patches and further queries of a model input, as tec_model_create takes them */
    int inputs;        /* model inputs of an image */
    double weight[TEC_MAX_LOSSES];

    tec_feed_view view;
    tec_feed_attach *attach;
    size_t attached_bytes;
    /* The model inputs of a batch -> example [batch->count * inputs], those of an image together. Borrows the batch. */
    void (*examples)(const void *own, const tec_feed_batch *batch, tec_example *example);
    void *own; /* context of attach and examples */
    void (*free)(void *own);
} tec_task;

void tec_task_free(tec_task *task);

/* Pretraining, objective tec (targets of a store) or mae (pixels). */
typedef struct tec_pretraining {
    tec_model_config model; /* kind TEC or MAE, complete */
    tec_feed_view view;     /* of images that no store gives a crop of; its seed is that of the masks too */
    double mask_ratio;
    int masks; /* of an image in a step */
    double feature_weight, attention_weight;
} tec_pretraining;

/* `store` is borrowed; NULL: objective mae. For feeds of `threads` threads. Free with tec_task_free. */
tec_task tec_task_pretraining(const tec_pretraining *pretraining, tec_store *store, int threads);

#endif
