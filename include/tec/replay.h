/* Module replay, public. Replays a golden fixture with the code that trains, and says how far the results are from the
 * expected ones. Local. */
#ifndef TEC_REPLAY_H
#define TEC_REPLAY_H

#include "tec/error.h"
#include "tec/model_config.h"

enum { TEC_REPLAY_MAX = TEC_MAX_LOSSES + 4 };

/* One compared figure. */
typedef struct tec_replay_figure {
    const char *name; /* "loss_fea", "gradient", "feature", "adamw_loss", ... */
    double error;     /* relative: |got - want| / |want|; of tensors in the Euclidean norm, that of the worst tensor */
    char where[80];   /* the tensor with the worst error; "": a scalar */
    double limit;     /* what the error is compared with, as a multiple of the tolerance */
} tec_replay_figure;

typedef struct tec_replay_result {
    tec_replay_figure figure[TEC_REPLAY_MAX];
    int count;
} tec_replay_result;

/* Fixtures are of four kinds: pretrain, mae and finetune (losses, gradients, and AdamW steps if the file has them;
 * finetune also logits) and targets (feature, standardised feature, attention, top-k). The change of the weights under AdamW is allowed 50 tolerances:
 * its first steps have the size of lr whatever the size of the gradient, which magnifies rounding errors; what of it the
 * weights' own rounding explains, above all where layer-wise decay makes the steps tiny, does not count.
 * TEC_USER_ERROR: the file is not a complete fixture. */
tec_status tec_replay(const char *path, tec_replay_result *result);

#endif
