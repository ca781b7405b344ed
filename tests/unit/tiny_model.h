/* Tests. Models small enough to be differentiated number by number: one per path through the code, with random weights
 * and examples. */
#ifndef TEC_TESTS_TINY_MODEL_H
#define TEC_TESTS_TINY_MODEL_H

#include "tec/model.h"

enum { TINY_MODELS = 11, TINY_EXAMPLES = 4 };

typedef struct tiny_model {
    const char *name;
    tec_model_config config;
    int visible, topk;
    tec_model *model; /* from here on set by tiny_model_make */
    tec_params *params;
    tec_example example[TINY_EXAMPLES];
} tiny_model;

/* Model i for micro-batches of at most `batch`; of several bases the second does not know example 1. The data of examples
 * belong to the running test (gradient.h). */
tiny_model tiny_model_make(int i, int batch);
void tiny_model_free(tiny_model *tiny);

/* Not an initialisation for training: no tensor is zero or constant, so that every one of them matters. */
void tiny_weights(tec_params *params);

/* Zeroes gradient and losses [TEC_MAX_LOSSES], then runs forward and backward of `count` examples from `first` on. */
void tiny_model_run(tiny_model *tiny, int first, int count, const double *weight, double scale, double *loss);

#endif
