/* Module train, public. How a model is trained, whatever it learns, and how a step is divided among ranks and into
 * micro-batches. Local. */
#ifndef TEC_RECIPE_H
#define TEC_RECIPE_H

#include "tec/model_config.h"

#include <stdint.h>

typedef struct tec_recipe {
    int epochs;
    int batch;         /* global: images of a step over all ranks */
    int micro_batch;   /* model inputs that a rank computes at once; 0: tec_model_micro_batch */
    double lr, min_lr; /* after the warm-up, and at the end of the cosine */
    double warmup_epochs;
    double beta1, beta2, weight_decay; /* of AdamW */
    double clip_norm;                  /* largest norm of the gradient; 0: off */
    uint64_t seed;                     /* of first weights and of the order of images */

    int log_steps;             /* steps per line of log.jsonl */
    double progress_seconds;   /* between progress lines where stderr is no terminal */
    int checkpoint_epochs;     /* a checkpoint every so many epochs, and at the end */
    double checkpoint_minutes; /* and every so many minutes; 0: off */
    int64_t stop_after_steps;  /* ends the run after a checkpoint at this step, as a time limit would; 0: off */
} tec_recipe;

/* What falls to a rank in a step. */
typedef struct tec_step_shape {
    int images;      /* of this rank */
    int most;        /* of the rank that has most */
    int chunk;       /* images that are read, and go through the model, together */
    int micro_batch; /* model inputs that go through it at once */
} tec_step_shape;

/* `inputs`: model inputs that are made of an image (masks). Every rank has the same chunk and micro_batch. */
tec_step_shape tec_step_shape_of(const tec_recipe *recipe, const tec_model_config *config, int inputs, int rank,
                                 int ranks);

/* Patches that stay visible. */
int tec_step_visible(const tec_model_config *config, double mask_ratio);

#endif
