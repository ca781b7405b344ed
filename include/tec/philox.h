/* Module base, public. Philox4x32-10, a counter-based random number generator (Salmon, Moraes, Dror, Shaw: Parallel
 * random numbers: as easy as 1, 2, 3; SC 2011).
 *
 * Every draw is a pure function of the seed, the purpose and up to three indices, so that no result depends on the
 * number of ranks or threads or on where a run was resumed. Local; all state is in the struct. */
#ifndef TEC_PHILOX_H
#define TEC_PHILOX_H

#include <stdint.h>

/* What a stream of numbers is for: keeps streams with the same indices apart. Behind each: its indices (a, b, c). */
typedef enum tec_stream {
    TEC_STREAM_INIT = 1,    /* a weight tensor: (tensor) */
    TEC_STREAM_ORDER = 2,   /* order of the samples: (epoch) */
    TEC_STREAM_VIEW = 3,    /* crop and flip: (image, view) */
    TEC_STREAM_MASK = 4,    /* hidden patches: (image, epoch, mask) */
    TEC_STREAM_PROBE = 5,   /* order of the samples of the linear probe: (epoch) */
    TEC_STREAM_TEST = 6,    /* tests and benchmarks */
    TEC_STREAM_AUGMENT = 7, /* RandAugment: (image, view) */
    TEC_STREAM_JITTER = 8,  /* colour jitter: (image, view) */
    TEC_STREAM_ERASE = 9,   /* random erasing: (image, view) */
    TEC_STREAM_MIX = 10,    /* mixup and CutMix: (step, epoch) */
    TEC_STREAM_DEPTH = 11,  /* stochastic depth: (image, epoch) */
    TEC_STREAM_CHOICE = 12  /* a part of a class: (class) */
} tec_stream;

/* One block of four words: ten rounds on the counter with the key. */
void tec_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

typedef struct tec_philox {
    uint32_t counter[4], key[2], block[4];
    int used; /* of the four words of `block` */
} tec_philox;

/* Starts the stream (seed, what, a, b, c), where a < 2^48 and c < 2^8 (asserted). Streams with different arguments
 * never overlap. A stream has 2^34 words. */
tec_philox tec_philox_start(uint64_t seed, tec_stream what, uint64_t a, uint32_t b, uint32_t c);

uint32_t tec_philox_word(tec_philox *p);
double tec_philox_uniform(tec_philox *p);                  /* [0, 1), 53 bits, two words */
double tec_philox_normal(tec_philox *p);                   /* mean 0, variance 1 (Box-Muller) */
double tec_philox_beta(tec_philox *p, double a, double b); /* Beta(a, b), in [0, 1]; a, b > 0 */
uint32_t tec_philox_below(tec_philox *p, uint32_t bound);  /* uniform in [0, bound), without bias; bound > 0 */

/* out [n]: 0 .. n - 1 shuffled (Fisher-Yates); n < 2^32 */
void tec_philox_permutation(tec_philox *p, int64_t n, int64_t *out);

#endif
