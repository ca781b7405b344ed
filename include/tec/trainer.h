/* Module train, public. Optimiser steps over all ranks: images, averaged gradient, AdamW. */
#ifndef TEC_TRAINER_H
#define TEC_TRAINER_H

#include "tec/adamw.h"
#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/model.h"
#include "tec/recipe.h"
#include "tec/reducer.h"
#include "tec/task.h"

typedef struct tec_trainer tec_trainer;

typedef struct tec_step_result {
    double loss[TEC_MAX_LOSSES]; /* mean over the global batch */
    double gradient_norm;        /* L2, of the averaged gradient, before clipping */
    int64_t inputs;              /* model inputs over all ranks: images that could be decoded, times task->inputs */
    unsigned asked;              /* what any rank has requested */
    double waited, reduced;      /* seconds this rank waited for data; for other ranks and the gradient allreduce */
    double prepared;             /* seconds that it made model inputs of images, targets that are computed included */
} tec_step_result;

typedef struct tec_trainer_settings {
    const tec_task *task; /* borrowed, like all pointers here */
    const tec_recipe *recipe;
    const tec_dataset *set;
    tec_reading reading;
    tec_reduction reduction;
    tec_skipped *skipped; /* where images that are left out are noted, if reading.skip */
} tec_trainer_settings;

/* Collective; the same status on every rank. Creates model, optimiser and feed; initial weights are drawn from
 * recipe->seed. By reduction.memory weights, moments and running mean are in memory of the node: besides the trainer only
 * rank 0 writes to them, which tec_trainer_spread follows. TEC_USER_ERROR: an impossible architecture, fewer images than
 * a batch. */
tec_status tec_trainer_create(tec_trainer **out, const tec_comm *comm, const tec_trainer_settings *settings);
void tec_trainer_free(tec_trainer *trainer); /* collective; NULL is fine */

tec_model *tec_trainer_model(tec_trainer *trainer);
tec_adamw *tec_trainer_adamw(tec_trainer *trainer);

/* The running mean of the weights, laid out as tec_params.weight, with the tensors that are not trained; NULL without
 * recipe->ema. Whoever sets the weights sets it too. */
real *tec_trainer_average(tec_trainer *trainer);

/* Collective. Exchanges weights and running mean, if there is one: called in pairs, around a validation of the mean. */
void tec_trainer_swap_average(tec_trainer *trainer);

/* Collective. Gives rank 0's weights and moments to all ranks, and its running mean if that is `averaged`; else the mean
 * begins with the weights. */
void tec_trainer_spread(tec_trainer *trainer, bool averaged);
int64_t tec_trainer_steps_per_epoch(const tec_trainer *trainer);

/* Local. Starts loading the data of steps first .. last - 1. Call it once, before the first step. */
void tec_trainer_start(tec_trainer *trainer, int64_t first, int64_t last);

/* Local, the same on every rank. May a checkpoint be written after the last step? Not where something of its gradient is
 * left for the next one, which a run that is resumed would lose (TEC_SETTLE_STEPS). tec_trainer_settles: after how many
 * steps of the run one may, the last step's or later. tec_trainer_settle_steps: it is one step in so many. */
bool tec_trainer_settled(const tec_trainer *trainer);
int64_t tec_trainer_settles(const tec_trainer *trainer);
int tec_trainer_settle_steps(const tec_trainer *trainer);

/* What a rank may request of all: each passes a set of these to a step, after which all know the union. */
enum { TEC_ASK_CHECKPOINT = 1, TEC_ASK_STOP = 2 };

/* Collective; the same status on every rank. The gradient is the mean over the global batch, for any number of ranks.
 * TEC_DIVERGED: a loss or gradient that is not finite; the message has step and sample ids. TEC_USER_ERROR: an image
 * cannot be read and such images are not skipped. TEC_SYSTEM_ERROR: a damaged store. */
tec_status tec_trainer_step(tec_trainer *trainer, double lr, unsigned ask, tec_step_result *result);

#endif
