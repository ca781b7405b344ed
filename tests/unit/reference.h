/* Tests. Vision Transformer, TEC and MAE in plain loops of doubles, one image at a time, patches in their own order:
 * what the models' forward passes are compared with. Tensors are found by their names in checkpoints. Results belong to
 * the running test (gradient.h). */
#ifndef TEC_TESTS_REFERENCE_H
#define TEC_TESTS_REFERENCE_H

#include "tec/model.h"

/* y = x NAME.weight^T + NAME.bias
 *
 *   x  [R, I]
 *   y  [R, O]  O from the tensor */
double *reference_linear(const tec_params *params, const char *name, const double *x, int R, int I);
double *reference_norm(const tec_params *params, const char *name, const double *x, int R, int D, double eps);
double *reference_mlp(const tec_params *params, const char *name, const double *x, int R, int D);

/* Returns the block's output.
 *
 *   x       [N, D]
 *   logit   [H, N, N]  scaled, before softmax; NULL: not needed
 *   result  [N, D] */
double *reference_block(const tec_params *params, const char *name, const double *x, int N, int D, int H,
                        double *logit);
double *reference_block_of(const tec_params *params, tec_block_form form, const char *name, const double *x, int N,
                           int D, int H, double *logit);

/* The tokens of a ViT before its first block: the class token, then patches keep[0 .. n - 1], with their positions.
 *
 *   class_row  [D]         NULL: there is none
 *   result     [1 + n, D]  [n, D] without it */
double *reference_tokens(const tec_params *params, const tec_model_config *config, const double *class_row,
                         const real *image, const int *keep, int n);

const real *reference_tensor(const tec_params *params, const char *name);

/* The losses [TEC_MAX_LOSSES] of one example as tec_model_forward defines them. */
void reference_losses(const tec_params *params, const tec_model_config *config, const tec_example *example, int visible,
                      int topk, double *loss);

#endif
