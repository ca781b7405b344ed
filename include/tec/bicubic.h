/* Module base, public. Bicubic resampling with antialiasing, as in Pillow and PyTorch, and Pillow's other filters: which
 * inputs make an output, and their weights. Local. */
#ifndef TEC_BICUBIC_H
#define TEC_BICUBIC_H

#include <stdint.h>

typedef enum tec_filter { TEC_FILTER_AUTO, TEC_FILTER_BICUBIC, TEC_FILTER_BILINEAR, TEC_FILTER_LANCZOS } tec_filter;
#define TEC_FILTER_LIST(BETWEEN) "auto" BETWEEN "bicubic" BETWEEN "bilinear" BETWEEN "lanczos"
#define TEC_FILTER_WORDS TEC_FILTER_LIST("|")

/* The largest number of inputs that an output depends on when `in` values are resampled to `out`. TEC_FILTER_AUTO is
 * bicubic. */
int tec_filter_taps(tec_filter filter, int in, int64_t out);

/* Output `index` is the sum over k < n of weight[k] * input[*first + k].
 *   weight   [tec_filter_taps(filter, in, out)]   the first n are set
 * Returns n (1 .. taps). */
int tec_filter_window(tec_filter filter, int in, int64_t out, int64_t index, int *first, double *weight);

const char *tec_filter_name(tec_filter filter);

#endif
