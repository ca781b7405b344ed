/* Bicubic resampling with antialias, as Pillow and PyTorch do it: the window of inputs of every output and its weights.
 */
#ifndef TEC_BASE_BICUBIC_H
#define TEC_BASE_BICUBIC_H

#include <stdint.h>

/* Most inputs that an output depends on when `in` values become `out`. */
int tec_bicubic_taps(int in, int64_t out);

/* Output `index` is the sum over k of weight[k] * input[*first + k]; returns how many k there are (1 .. taps). */
int tec_bicubic_window(int in, int64_t out, int64_t index, int *first, double *weight);

#endif
