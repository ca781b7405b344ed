/* Module train, public. One optimiser step over all ranks: images in, averaged gradient, AdamW. */
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
    int64_t inputs;              /* model inputs of all ranks: images that could be decoded, times task->inputs */
    unsigned asked;              /* what any rank asked for */
    double waited, reduced;      /* seconds that this rank waited: for data; for other ranks and the sum of gradients */
} tec_step_result;

typedef struct tec_trainer_settings {
    const tec_task *task; /* borrowed, as all pointers here */
    const tec_recipe *recipe;
    const tec_dataset *set;
    tec_reading reading;
    tec_reduction reduction;
    tec_skipped *skipped; /* where images left out are noted, if reading.skip */
} tec_trainer_settings;

/* Collective; the same status on every rank. Builds model, optimiser and feed; weights are drawn from recipe->seed.
 * TEC_USER_ERROR: an impossible architecture, fewer images than a batch. */
tec_status tec_trainer_create(tec_trainer **out, const tec_comm *comm, const tec_trainer_settings *settings);
void tec_trainer_free(tec_trainer *trainer); /* NULL is fine */

tec_model *tec_trainer_model(tec_trainer *trainer);
tec_adamw *tec_trainer_adamw(tec_trainer *trainer);
int64_t tec_trainer_steps_per_epoch(const tec_trainer *trainer);

/* Local. Asks for the data of the steps first .. last - 1; to be called once, before the first step. */
void tec_trainer_start(tec_trainer *trainer, int64_t first, int64_t last);

/* What a rank may ask of all: a set of these goes into a step, and all ranks know after it. */
enum { TEC_ASK_CHECKPOINT = 1, TEC_ASK_STOP = 2 };

/* Collective; the same status on every rank. The gradient is the mean over the global batch whatever the number of
 * ranks. TEC_DIVERGED: a loss or gradient that is not finite, with step and sample ids; TEC_USER_ERROR: an image that
 * cannot be read where those are not skipped; TEC_SYSTEM_ERROR: a damaged store. */
tec_status tec_trainer_step(tec_trainer *trainer, double lr, unsigned ask, tec_step_result *result);

#endif
