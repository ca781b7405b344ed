/* The operators of a Vision Transformer, forward and backward. All are local, allocate nothing and use the OpenMP
 * threads that tec_threads_set gave; results depend on that number only by the order of floating-point sums.
 *
 * Shapes: R rows (tokens of all images of a micro-batch), I inputs, O outputs, D width, H heads, L patches, N tokens of
 * a sequence. Matrices are row-major and dense unless a row distance is given. Gradients are `d` + name. Weight
 * gradients are added to; other outputs are overwritten unless a function says otherwise. */
#ifndef TEC_OPS_H
#define TEC_OPS_H

#include "tec/real.h"

#include <stdbool.h>
#include <stdint.h>

/* -- linear: y = x weight^T + bias --------------------------------------------------------------------------------
 *   x [R, I] (row distance ldx)   weight [O, I]   bias [O]   y [R, O] (row distance ldy) */
void tec_linear_forward(const real *x, int ldx, const real *weight, const real *bias, int R, int I, int O, real *y,
                        int ldy);

/* y [R, O] = residual [R, O] + x weight^T + bias, what a residual branch ends with; all dense; y may be residual. */
void tec_linear_residual(const real *x, const real *weight, const real *bias, const real *residual, int R, int I, int O,
                         real *y);

/* dx = dy weight (beta 0) or dx += dy weight (beta 1); dx NULL: not wanted. dweight, dbias are added to. */
void tec_linear_backward(const real *dy, int lddy, const real *x, int ldx, const real *weight, int R, int I, int O,
                         real *dx, int lddx, real beta, real *dweight, real *dbias);

/* dbias [O] += column sums of dy [R, O]. */
void tec_bias_backward(const real *dy, int lddy, int R, int O, real *dbias);

/* out [n] = a [n] + b [n]; on the calling thread; out may be a. */
void tec_add(const real *a, const real *b, int n, real *out);

/* -- layer norm: y = (x - mean) * rstd * weight + bias, biased variance (PyTorch's LayerNorm)
 * -------------------------- x, y [R, D]   weight, bias [D]   mean, rstd [R] (for backward) */
void tec_layernorm_forward(const real *x, const real *weight, const real *bias, real eps, int R, int D, real *y,
                           real *mean, real *rstd);

/* dx += the gradient if `add`, else dx = it. dx may not overlap dy. */
void tec_layernorm_backward(const real *dy, const real *x, const real *mean, const real *rstd, const real *weight,
                            int R, int D, real *dx, bool add, real *dweight, real *dbias);

/* The same over the concatenation of `parts` matrices x[p] [R, D]: y [R, parts * D], weight, bias [parts * D]. Backward
 * overwrites dy [R, parts * D] by the gradient of the concatenation. */
void tec_layernorm_concat_forward(const real *const *x, int parts, const real *weight, const real *bias, real eps,
                                  int R, int D, real *y, real *mean, real *rstd);
void tec_layernorm_concat_backward(real *dy, const real *const *x, int parts, const real *mean, const real *rstd,
                                   const real *weight, int R, int D, real *dweight, real *dbias);

/* -- GELU, exact (erf): Hendrycks and Gimpel, arXiv 1606.08415 --------------------------------------------------------
 * In:  x [R, O] without its bias.  Out: y = gelu(x + bias), x = gelu'(x + bias), so that backward is one product. */
void tec_gelu_forward(real *x, const real *bias, int R, int O, real *y);
void tec_gelu_forward_only(real *x, const real *bias, int R, int O); /* in place, no derivative */

/* dy [R, O] *= derivative; dbias [O] += its column sums. */
void tec_gelu_backward(real *dy, const real *derivative, int R, int O, real *dbias);

/* -- SwiGLU: y = silu(a) * b (arXiv 2002.05202), forward only ---------------------------------------------------------
 * x [R, 2 O]: a in the first O columns, b in the others.  y [R, O] */
void tec_swiglu_forward(const real *x, int R, int O, real *y);

/* -- attention ------------------------------------------------------------------------------------------------------
 * Sequences of N tokens; of sequence s only the queries first[s] .. N-1 are computed, and their rows stand at row[s] of
 * q and out (row[s+1] - row[s] = N - first[s]). Keys and values of sequence s stand at row s * N.
 *   q [M, D] (ldq), k, v [sequences * N, D] (ldkv), head h = columns h * D/H ...   out [M, D]
 *   prob: softmax(q k^T / sqrt(D/H)), for backward: head h of sequence s at H * N * row[s] + h * (N - first[s]) * N.
 *   prob NULL: not kept; `scratch` then holds threads * N * N reals. */
typedef struct tec_sequences {
    int count, N;
    const int *first; /* [count] */
    const int *row;   /* [count + 1] */
} tec_sequences;

void tec_attention_forward(const tec_sequences *seq, const real *q, int ldq, const real *k, const real *v, int ldkv,
                           int D, int H, real *out, real *prob, real *scratch);

/* dq, dk, dv are overwritten and have the row distances of q, k, v. scratch [threads * N * N]. */
void tec_attention_backward(const tec_sequences *seq, const real *dout, const real *q, int ldq, const real *k,
                            const real *v, int ldkv, const real *prob, int D, int H, real *dq, real *dk, real *dv,
                            real *scratch);

/* In-place softmax of each row of x [R, n]. */
void tec_softmax_rows(real *x, int R, int n);

/* -- targets and losses ----------------------------------------------------------------------------------------------
 * Patch-relation enhancement of the feature target (TEC, arXiv 2210.11016, section 3.2): each channel standardised over
 * the patches, (x - mean) / sqrt(var + 1e-6), unbiased variance.   feature, out [L, C], may be the same */
void tec_standardize_patches(const real *feature, int L, int C, real *out);

/* Mean squared error of one image's hidden patches: returns sum over rows and channels of (pred - target[index])^2, and
 * overwrites pred by scale * 2 * (pred - target).   pred [n, C]   target [L, C]   index [n] rows of target (NULL: 0 ..
 * n-1) */
double tec_mse_rows(real *pred, const real *target, const int *index, int n, int C, real scale);

/* Cross-entropy of one attention row set: -sum over rows of sum_l softmax(target / tau)[order[l]] *
 * log_softmax(logit)[l]; logit is overwritten by scale * d/dlogit.   logit [n, L] keys in shuffled order   target [n,
 * L] (row distance target_stride) logits in patch order   order [L]: patch of the l-th key   scratch [L] */
double tec_cross_entropy_rows(real *logit, const real *target, int target_stride, const int *order, int n, int L,
                              real tau, real scale, real *scratch);

/* One image [c, S, S] -> rows of patches `index` [n]: out [n, c * p * p], channel slowest (the order of a convolution's
 * weight). */
void tec_patches_gather(const real *image, int channels, int size, int patch, const int *index, int n, real *out);

/* MAE's pixel target of the patches `index` [n]: out [n, p * p * c], channel fastest; if `standardise`, every row has
 * its mean subtracted and is divided by sqrt(unbiased variance + 1e-6) (norm_pix_loss, arXiv 2111.06377). */
void tec_pixel_target(const real *image, int channels, int size, int patch, const int *index, int n, bool standardise,
                      real *out);

#endif
