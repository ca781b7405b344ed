/* Module train, public. What a model is trained for: how images are cropped, what is attached to them, and how they
 * become model inputs and losses. The loop around it (trainer, run) is the same for every task. Local. */
#ifndef TEC_TASK_H
#define TEC_TASK_H

#include "tec/feed.h"
#include "tec/model.h"
#include "tec/online.h"
#include "tec/store.h"

typedef struct tec_task {
    tec_model_config model;
    int visible, topk; /* visible patches and patch queries of a model input, as for tec_model_create */
    int inputs;        /* model inputs per image */
    double weight[TEC_MAX_LOSSES];

    tec_feed_view view;
    tec_feed_attach *attach;
    size_t attached_bytes;
    bool keep_squares; /* `examples` needs them, for targets that a base model computes in the step */
    /* Makes the model inputs of a batch, example [batch->count * inputs], those of an image together, in step `step` of
     * its epoch. They point into the batch, whose images may be changed. Local; TEC_USER_ERROR: a base model that
     * computes targets in the step is not sound. */
    tec_status (*examples)(const void *own, int64_t step, const tec_feed_batch *batch, tec_example *example);
    /* Fills in the weights of a new run, after they were drawn. NULL: they stay so. */
    void (*begin)(void *own, tec_model *model);
    void *own; /* context of attach and examples */
    void (*free)(void *own);
} tec_task;

void tec_task_free(tec_task *task);

/* Pretraining: objective tec (stored targets) or mae (pixels). */
typedef struct tec_pretraining {
    tec_model_config model; /* kind TEC or MAE, complete */
    tec_feed_view view;     /* of images without a stored crop; its seed also draws the masks */
    double mask_ratio;
    int masks; /* per image and step */
    double feature_weight, attention_weight;
    struct {
        tec_store *store; /* of a further base model, of the same views; NULL: there are no more */
        double feature_weight, attention_weight;
    } more[TEC_MAX_BASES - 1];
    tec_online *online; /* borrowed: targets are computed in the step, and there is no store; NULL: they are read */
} tec_pretraining;

/* All stores are borrowed; `store` NULL: objective mae, or pretraining->online. `threads`: those of the feed. Free with
 * tec_task_free. */
tec_task tec_task_pretraining(const tec_pretraining *pretraining, tec_store *store, int threads);

#endif
