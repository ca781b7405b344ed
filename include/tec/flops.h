/* Floating-point operations of matrix products: exactly those that the model asks tec_gemm for, 2 m n k each. Local;
 * counted from shapes alone. */
#ifndef TEC_FLOPS_H
#define TEC_FLOPS_H

#include "tec/model_config.h"

/* Forward and backward of a micro-batch of `count` inputs with `visible` visible patches and `topk` further queries. */
double tec_flops_train(const tec_model_config *config, int count, int visible, int topk);

/* tec_frozen_targets of `count` images. */
double tec_flops_targets(const tec_model_config *config, int count, int topk);

#endif
