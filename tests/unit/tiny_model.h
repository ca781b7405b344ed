/* Models small enough to be differentiated number by number: one per way through the code, with random weights and
 * examples. */
#ifndef TEC_TESTS_TINY_MODEL_H
#define TEC_TESTS_TINY_MODEL_H

#include "tec/model.h"

enum { TINY_MODELS = 8, TINY_EXAMPLES = 4 };

typedef struct tiny_model {
    const char *name;
    tec_model_config config;
    int visible, topk;
    tec_model *model; /* from here by tiny_model_make */
    tec_params *params;
    tec_example example[TINY_EXAMPLES];
} tiny_model;

/* Model i for micro-batches of at most `batch`. The example's data belong to the test under way (gradient.h). */
tiny_model tiny_model_make(int i, int batch);
void tiny_model_free(tiny_model *tiny);

/* Not a training initialisation: no tensor is zero or the same throughout, so that every one of them matters. */
void tiny_weights(tec_params *params);

/* Zeroes the gradient; forward and backward of `count` examples from `first` on. Losses as of tec_model_forward, from
 * 0. */
void tiny_model_run(tiny_model *tiny, int first, int count, const double weight[2], double scale, double loss[2]);

#endif
