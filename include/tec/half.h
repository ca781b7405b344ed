/* Module base, public. Rows of float32 to IEEE float16 and back. Local, thread-safe.
 *
 * To float16: round to nearest, ties to even. A finite value too large for float16 becomes the largest finite one
 * (+-65504), so that one outlier does not turn a row into infinities; infinities and NaNs are kept, so that a check for
 * them still finds them. To float32: exact. */
#ifndef TEC_HALF_H
#define TEC_HALF_H

#include <stddef.h>
#include <stdint.h>

/* in [count], out [count] */
void tec_half_from_float(const float *in, size_t count, uint16_t *out);
void tec_half_to_float(const uint16_t *in, size_t count, float *out);

/* The same in plain C: the fallback on processors without F16C, and the reference for tests. */
void tec_half_from_float_portable(const float *in, size_t count, uint16_t *out);
void tec_half_to_float_portable(const uint16_t *in, size_t count, float *out);

#endif
