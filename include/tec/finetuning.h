/* Module train, public. The task of fine-tuning: a whole ViT learns the classes of labelled images. Local. */
#ifndef TEC_FINETUNING_H
#define TEC_FINETUNING_H

#include "tec/frozen.h"
#include "tec/mix.h"
#include "tec/task.h"

typedef struct tec_finetuning {
    tec_model_config model; /* kind CLASSIFIER, complete */
    tec_feed_view view;     /* its seed also draws stochastic depth and mixing */
    double drop_path;       /* stochastic depth: probability of the last block, growing linearly from 0 at the first */
    double smoothing;       /* of labels */
    tec_mix_settings mix;
    int repeats; /* of the recipe: views of an image in an epoch */
} tec_finetuning;

/* The recipe must keep two images together if `mix` is on. `set` is borrowed, and has labels. `base` is taken over: what a new run begins with; NULL: it begins with nothing, so
 * that weights are drawn. Images 2k and 2k + 1 of a step are mixed with each other, as timm's Mixup does in its mode
 * `batch` with images b and B - 1 - b; one whose partner cannot be read stays as it is. Free with tec_task_free. */
tec_task tec_task_finetuning(const tec_finetuning *finetuning, const tec_dataset *set, tec_frozen *base);

#endif
