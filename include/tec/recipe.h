/* Module train, public. How a model is trained, whatever the task, and how a step is divided among ranks and into
 * micro-batches. Local. */
#ifndef TEC_RECIPE_H
#define TEC_RECIPE_H

#include "tec/model_config.h"
#include "tec/range.h"

#include <stdbool.h>

#include <stdint.h>

typedef struct tec_recipe {
    int epochs;
    int batch;       /* global: images per step over all ranks */
    int micro_batch; /* model inputs that a rank computes at once; 0: tec_model_micro_batch */
    double lr,
        min_lr; /* after warm-up (tec_setup_recipe scales pretrain.blr to the batch), and at the end of the cosine */
    double warmup_epochs;
    double beta1, beta2, weight_decay; /* of AdamW */
    double clip_norm;                  /* of the gradient; 0: no clipping */
    double layer_decay;                /* classifiers: tec_model_decay_layers; 0: none */
    double ema;                        /* decay of a running mean of the weights; 0: none */
    int repeats;                       /* how often an image is in an epoch, in the same batch; 0, 1: once */
    int together; /* images n k .. n k + n - 1 of a step are on one rank and in one chunk: 2 where they are mixed; 0, 1: any */
    bool exact;    /* a chunk is n images and a micro-batch, whatever the ranks; their gradients are summed exactly */
    uint64_t seed; /* of the initial weights and the order of images */

    int log_steps;             /* steps per line of log.jsonl */
    int compare_steps;         /* steps between comparisons of the ranks' weights; 0: only before checkpoints */
    double progress_seconds;   /* between progress lines, if stderr is not a terminal */
    int checkpoint_epochs;     /* epochs between checkpoints; there is one at the end in any case */
    int validate_epochs;       /* epochs between validations, of a run that has any; one at the end in any case */
    double checkpoint_minutes; /* minutes between further checkpoints; 0: none */
    int64_t stop_after_steps;  /* write a checkpoint at this step and stop, as at a time limit; 0: off */
    const char *section;       /* of the settings that it comes from, for messages; NULL: pretrain */
} tec_recipe;

static inline int tec_recipe_repeats(const tec_recipe *recipe)
{
    return recipe->repeats > 1 ? recipe->repeats : 1;
}

static inline const char *tec_recipe_section(const tec_recipe *recipe)
{
    return recipe->section ? recipe->section : "pretrain";
}

/* How many images stay together. */
static inline int tec_recipe_together(const tec_recipe *recipe)
{
    return recipe->together > 1 ? recipe->together : 1;
}

/* Groups of such images in a step. */
static inline int tec_recipe_groups(const tec_recipe *recipe)
{
    return (recipe->batch + tec_recipe_together(recipe) - 1) / tec_recipe_together(recipe);
}

/* Which images of a step are a rank's. */
tec_range tec_step_share(const tec_recipe *recipe, int rank, int ranks);

/* A rank's part of a step. */
typedef struct tec_step_shape {
    int images;      /* of this rank */
    int most;        /* of the rank with the most */
    int chunk;       /* images that are read and computed together */
    int micro_batch; /* model inputs that the model computes at once */
} tec_step_shape;

/* `inputs`: model inputs per image (masks). chunk and micro_batch are the same on every rank. */
tec_step_shape tec_step_shape_of(const tec_recipe *recipe, const tec_model_config *config, int inputs, int rank,
                                 int ranks);

/* Logs how many model inputs are computed at once where exact sums do not allow for as many as micro_batch says. */
void tec_recipe_say_micro_batch(const tec_recipe *recipe, int inputs);

/* Visible patches per model input. */
int tec_step_visible(const tec_model_config *config, double mask_ratio);

#endif
