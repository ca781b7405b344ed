/* Vision Transformer, TEC and MAE in plain loops of doubles, one image at a time, patches in their own order: what the
 * models' forward passes are compared with. Tensors are found by their public names. Results belong to the test under
 * way (gradient.h). */
#ifndef TEC_TESTS_REFERENCE_H
#define TEC_TESTS_REFERENCE_H

#include "tec/model.h"

/* y [R, O] = x [R, I] NAME.weight^T + NAME.bias, O from the tensor */
double *reference_linear(const tec_params *params, const char *name, const double *x, int R, int I);
double *reference_norm(const tec_params *params, const char *name, const double *x, int R, int D, double eps);
double *reference_mlp(const tec_params *params, const char *name, const double *x, int R, int D);

/* x [N, D] -> [N, D]; logit [H, N, N] scaled, before softmax (NULL: not wanted) */
double *reference_block(const tec_params *params, const char *name, const double *x, int N, int D, int H,
                        double *logit);

/* The tokens of a ViT before its first block: class_row [D], then patches keep[0 .. n-1], with positions. [1 + n, D] */
double *reference_tokens(const tec_params *params, const tec_model_config *config, const double *class_row,
                         const real *image, const int *keep, int n);

const real *reference_tensor(const tec_params *params, const char *name);

/* The losses of one example as tec_model_forward defines them. */
void reference_losses(const tec_params *params, const tec_model_config *config, const tec_example *example, int visible,
                      int topk, double loss[TEC_MAX_LOSSES]);

#endif
