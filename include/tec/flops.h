/* Module model, public. Floating-point operations of matrix products: exactly those for which the model calls tec_gemm,
 * 2 m n k each, counted from shapes alone. Local. */
#ifndef TEC_FLOPS_H
#define TEC_FLOPS_H

#include "tec/model_config.h"

/* Forward and backward of a micro-batch of `count` inputs with `visible` visible patches and `topk` query patches; of a
 * classifier, all patches and 0. */
double tec_flops_train(const tec_model_config *config, int count, int visible, int topk);

/* Of that, what `attention` and `mlp` branches ask for, each of one image in one block, which stochastic depth may leave
 * out. Of a classifier. */
double tec_flops_branches(const tec_model_config *config, double attention, double mlp);

/* tec_model_classify of `count` images. */
double tec_flops_classify(const tec_model_config *config, int count);

/* tec_frozen_targets of `count` images with `topk` query patches. */
double tec_flops_targets(const tec_model_config *config, int count, int topk);

#endif
