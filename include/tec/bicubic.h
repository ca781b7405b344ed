/* Module base, public. Bicubic resampling with antialiasing, as in Pillow and PyTorch: which inputs make an output, and
 * their weights. Local. */
#ifndef TEC_BICUBIC_H
#define TEC_BICUBIC_H

#include <stdint.h>

/* The largest number of inputs that an output depends on when `in` values are resampled to `out`. */
int tec_bicubic_taps(int in, int64_t out);

/* Output `index` is the sum over k < n of weight[k] * input[*first + k].
 *   weight   [tec_bicubic_taps(in, out)]   the first n are set
 * Returns n (1 .. taps). */
int tec_bicubic_window(int in, int64_t out, int64_t index, int *first, double *weight);

#endif
