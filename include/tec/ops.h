/* Module ops, public. The operators of a Vision Transformer, forward and backward.
 *
 * All functions are local and take their scratch memory from the caller. Linear layers, layer norm, GELU, SwiGLU,
 * rotary positions and attention run on the OpenMP threads that tec_threads_set (tec/gemm.h) asked for, the others on
 * the calling thread. The number of threads changes results only through the order of floating-point sums.
 *
 * Matrices are row-major and dense unless a row stride (ldx, counted in elements) is given. A gradient is named `d` +
 * name. Gradients of weights and biases are added to (+=); all other outputs are overwritten unless a function says
 * otherwise.
 *
 *   R  rows: the tokens of all images of a micro-batch
 *   I  inputs of a linear layer
 *   O  outputs of a linear layer
 *   D  width
 *   H  heads
 *   N  tokens of a sequence
 *   L  patches of an image
 *   C  width of the base model
 *   S  size of an image (H x W), p side of a patch, in pixels
 *   c  channels of an image */
#ifndef TEC_OPS_H
#define TEC_OPS_H

#include "tec/real.h"
#include "tec/size.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- linear: y = x weight^T + bias ----
 *
 *   x       [R, I]  row stride ldx
 *   weight  [O, I]
 *   bias    [O]     NULL: none
 *   y       [R, O]  row stride ldy */
void tec_linear_forward(const real *x, int ldx, const real *weight, const real *bias, int R, int I, int O, real *y,
                        int ldy);

/* What a residual branch ends with: y = residual + x weight^T + bias. All dense.
 *
 *   x         [R, I]
 *   weight    [O, I]
 *   bias      [O]
 *   residual  [R, O]
 *   y         [R, O]  may be residual */
void tec_linear_residual(const real *x, const real *weight, const real *bias, const real *residual, int R, int I, int O,
                         real *y);

/* dx = beta * dx + dy weight, where beta is 0 or 1.
 *
 *   dy       [R, O]  row stride lddy
 *   x        [R, I]  row stride ldx
 *   weight   [O, I]
 *   dx       [R, I]  row stride lddx; NULL: not computed
 *   dweight  [O, I]  += dy^T x
 *   dbias    [O]     += column sums of dy; NULL: not computed */
void tec_linear_backward(const real *dy, int lddy, const real *x, int ldx, const real *weight, int R, int I, int O,
                         real *dx, int lddx, real beta, real *dweight, real *dbias);

/* dbias += column sums of dy.
 *
 *   dy     [R, O]  row stride lddy
 *   dbias  [O] */
void tec_bias_backward(const real *dy, int lddy, int R, int O, real *dbias);

/* out = a + b, elementwise, on the calling thread.
 *
 *   a, b  [n]
 *   out   [n]  may be a */
void tec_add(const real *a, const real *b, int n, real *out);

/* ---- layer norm: y = (x - mean) * rstd * weight + bias, biased variance, as PyTorch's LayerNorm ----
 *
 *   x, y          [R, D]
 *   weight, bias  [D]
 *   mean, rstd    [R]  kept for backward */
void tec_layernorm_forward(const real *x, const real *weight, const real *bias, real eps, int R, int D, real *y,
                           real *mean, real *rstd);

/* With `add` dx += the gradient, otherwise dx = the gradient.
 *
 *   dy, x           [R, D]
 *   mean, rstd      [R]     of forward
 *   weight          [D]
 *   dx              [R, D]  may not overlap dy
 *   dweight, dbias  [D]     added to */
void tec_layernorm_backward(const real *dy, const real *x, const real *mean, const real *rstd, const real *weight,
                            int R, int D, real *dx, bool add, real *dweight, real *dbias);

/* The same over the concatenation of the rows of `parts` matrices.
 *
 *   x[p]            [R, D]          p = 0 .. parts - 1
 *   y               [R, parts * D]
 *   weight, bias    [parts * D]
 *   mean, rstd      [R]
 *   dy              [R, parts * D]  overwritten by the gradient of the concatenation
 *   dweight, dbias  [parts * D]     added to */
void tec_layernorm_concat_forward(const real *const *x, int parts, const real *weight, const real *bias, real eps,
                                  int R, int D, real *y, real *mean, real *rstd);
void tec_layernorm_concat_backward(real *dy, const real *const *x, int parts, const real *mean, const real *rstd,
                                   const real *weight, int R, int D, real *dweight, real *dbias);

/* ---- GELU, exact (erf): Hendrycks and Gimpel, arXiv 1606.08415 ----
 *
 *   x     [R, O]  in: input without its bias; out: gelu'(x + bias), so that backward is one product
 *   bias  [O]
 *   y     [R, O]  gelu(x + bias) */
void tec_gelu_forward(real *x, const real *bias, int R, int O, real *y);

/* In place and without the derivative: x [R, O] becomes gelu(x + bias). */
void tec_gelu_forward_only(real *x, const real *bias, int R, int O);

/* The approximations that some base models were trained with, in place, forward only: with u = x + bias,
 *
 *   gelu_tanh   u / 2 * (1 + tanh(sqrt(2 / pi) * (u + 0.044715 u^3)))
 *   quick_gelu  u / (1 + exp(-1.702 u)) */
void tec_gelu_tanh_forward_only(real *x, const real *bias, int R, int O);
void tec_quick_gelu_forward_only(real *x, const real *bias, int R, int O);

/*   dy          [R, O]  in: gradient of y; out: gradient of x
 *   derivative  [R, O]  what forward left in x
 *   dbias       [O]     added to */
void tec_gelu_backward(real *dy, const real *derivative, int R, int O, real *dbias);

/* ---- SwiGLU: y = silu(a) * b (arXiv 2002.05202) ----
 *
 *   x  [R, 2 O]  a in the first O columns, b in the others
 *   y  [R, O] */
void tec_swiglu_forward(const real *x, int R, int O, real *y);

/*   dy  [R, O]
 *   x   [R, 2 O]  in: the input; out: its gradient */
void tec_swiglu_backward(const real *dy, int R, int O, real *x);

/* ---- stochastic depth (arXiv 1603.09382): y = residual + keep * branch, one number for each sequence of N rows ----
 *
 *   branch    [R', D]  of the sequences whose number is not 0, on end: the others' need not be computed
 *   keep      [R / N]  0 or 1 / (1 - probability of 0), drawn by the caller
 *   residual  [R, D]
 *   y         [R, D]   may be residual */
void tec_branch_forward(const real *branch, const real *keep, const real *residual, int R, int N, int D, real *y);

/* The gradient of the residual is dy itself.
 *
 *   dy       [R, D]
 *   dbranch  [R', D]  as branch */
void tec_branch_backward(const real *dy, const real *keep, int R, int N, int D, real *dbranch);

/* ---- attention ---- */

/* `count` sequences of N tokens each. Of sequence s only the queries first[s] .. N - 1 are computed. They are the rows
 * from row[s] to row[s + 1] - 1 of q and out, so that row[s + 1] - row[s] = N - first[s]. All N keys and values of
 * sequence s are rows of k and v, from row s * N on. */
typedef struct tec_sequences {
    int count, N;
    const int *first; /* [count] */
    const int *row;   /* [count + 1] */
} tec_sequences;

/* A bias of the logits by how query and key lie to each other (Swin, arXiv 2103.14030; BEiT): logit [i, j] of head h gets
 * table[index[i, j], h]. Only where all queries are computed. */
typedef struct tec_relative {
    const int *index;  /* [N, N] */
    const real *table; /* [T, H] */
    real *dtable;      /* [T, H]  added to by backward */
} tec_relative;

/* out = prob v, prob = softmax(q k^T / sqrt(D / H) + bias), by heads: head h has the columns from h * D/H on.
 *
 *   q        [row[count], D]       row stride ldq
 *   k, v     [count * N, D]        row stride ldkv
 *   out      [row[count], D]
 *   prob     [row[count] * H * N]  kept for backward; NULL: not kept. Head h of sequence s is a matrix
 *                                  [N - first[s], N] that begins at H * N * row[s] + h * (N - first[s]) * N
 *   scratch  [threads, N, N]       needed only without prob
 *   relative                       NULL: no bias */
void tec_attention_forward(const tec_sequences *seq, const real *q, int ldq, const real *k, const real *v, int ldkv,
                           int D, int H, const tec_relative *relative, real *out, real *prob, real *scratch);

/* Shapes as in forward, prob included.
 *
 *   dout     as out
 *   dq       as q, with its row stride
 *   dk, dv   as k and v, with their row stride
 *   scratch  [threads, N, N] */
void tec_attention_backward(const tec_sequences *seq, const real *dout, const real *q, int ldq, const real *k,
                            const real *v, int ldkv, const real *prob, int D, int H, const tec_relative *relative,
                            real *dq, real *dk, real *dv, real *scratch);

/* Rotary positions (arXiv 2104.09864): the columns of each head are `planes` planes, in which the rows of a patch are
 * turned by angles of their own. Rows of the tokens before the patches stay as they are. */
typedef struct tec_rotary {
    int prefix, patches, planes; /* tokens before the patches; L; D / H / 2 */
    bool pairs;                  /* plane j is columns 2 j and 2 j + 1 of the head; false: j and j + planes */
    bool by_head;                /* every head has angles of its own */
    const real *cosine, *sine;   /* [L, planes] of the angles; by_head: [L, H, planes] */
} tec_rotary;

/* Turns x in place; `back`: by the opposite angles, which makes the gradient of what came out that of x.
 *
 *   x  [count * (prefix + L), H * 2 * planes]  row stride ldx */
void tec_rotary_turn(const tec_rotary *rotary, real *x, int ldx, int count, int H, bool back);

/* Softmax of each row of x [R, n], in place, on the calling thread. */
void tec_softmax_rows(real *x, int R, int n);

/* ---- targets and losses of one image, on the calling thread ---- */

/* Patch-relation enhancement of the feature target (TEC, arXiv 2210.11016, section 3.2): each channel is standardised
 * over the patches, (x - mean) / sqrt(var + 1e-6) with the unbiased variance.
 *
 *   feature  [L, C]
 *   out      [L, C]  may be feature */
void tec_standardize_patches(const real *feature, int L, int C, real *out);

/* Squared error of the hidden patches. Returns the sum of (pred - target[index])^2 over rows and channels, and
 * overwrites pred by scale * 2 * (pred - target[index]).
 *
 *   pred    [n, C]  in: prediction; out: gradient
 *   target  [L, C]
 *   index   [n]     rows of target; NULL: 0 .. n - 1 */
double tec_mse_rows(real *pred, const real *target, const int *index, int n, int C, real scale);

/* Cross-entropy of n attention rows. Returns
 *   - sum over rows and over l of softmax(target / tau)[order[l]] * log_softmax(logit)[l],
 * and overwrites logit by scale times the derivative.
 *
 *   logit    [n, L]  in: logits, keys in shuffled order; out: gradient
 *   target   [n, L]  logits in the order of patches, row stride target_stride
 *   order    [L]     patch of the l-th key
 *   scratch  [L] */
double tec_cross_entropy_rows(real *logit, const real *target, int target_stride, const int *order, int n, int L,
                              real tau, real scale, real *scratch);

/* Cross-entropy of an image's classes. Returns - sum of wanted * log_softmax(logit), and overwrites logit by scale times
 * the derivative.
 *
 *   logit   [classes]  in: logits; out: gradient
 *   wanted  [classes]  probabilities: one class, smoothed or mixed */
double tec_class_loss(real *logit, const real *wanted, int classes, real scale);

/* ---- patches of one image, on the calling thread ---- */

/* Patches as rows, channel slowest: the order of a convolution's weight.
 *
 *   image  [c, H, W]
 *   index  [n]             the patches, numbered along the rows of the grid; NULL: 0 .. n - 1
 *   out    [n, c * p * p] */
void tec_patches_gather(const real *image, int channels, tec_size size, int patch, const int *index, int n, real *out);

/* MAE's pixel target, channel fastest. With `standardise` the mean of each row is subtracted and the row is divided by
 * sqrt(unbiased variance + 1e-6): norm_pix_loss, arXiv 2111.06377.
 *
 *   image  [c, H, W]
 *   index  [n]
 *   out    [n, p * p * c] */
void tec_pixel_target(const real *image, int channels, tec_size size, int patch, const int *index, int n,
                      bool standardise, real *out);

#endif
