/* One optimiser step over all ranks: images in, averaged gradient, AdamW. */
#ifndef TEC_TRAINER_H
#define TEC_TRAINER_H

#include "tec/adamw.h"
#include "tec/comm.h"
#include "tec/dataset.h"
#include "tec/model.h"
#include "tec/settings.h"
#include "tec/skipped.h"
#include "tec/store.h"

typedef struct tec_trainer tec_trainer;

typedef struct tec_step_result {
    double loss[TEC_MAX_LOSSES]; /* mean over the global batch */
    double gradient_norm;        /* L2, of the averaged gradient, before clipping */
    int64_t inputs;              /* model inputs of all ranks: images that could be decoded times masks_per_image */
    unsigned asked;              /* what any rank asked for */
    double waited, reduced;      /* seconds that this rank waited: for data; for other ranks and the sum of gradients */
} tec_step_result;

/* Collective; the same status on every rank. Builds model, optimiser and loader; store NULL: objective mae. Everything
 * passed in is borrowed. Weights are initialised from run.seed. skipped: where images left out are noted
 * (data.on_bad_image: skip). */
tec_status tec_trainer_create(tec_trainer **out, const tec_comm *comm, const tec_settings *settings,
                              const tec_model_config *config, const tec_dataset *set, tec_store *store,
                              tec_skipped *skipped);
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
 * cannot be decoded where data.on_bad_image is stop; TEC_SYSTEM_ERROR: a damaged store. */
tec_status tec_trainer_step(tec_trainer *trainer, double lr, unsigned ask, tec_step_result *result);

#endif
