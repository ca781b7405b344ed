/* Module base, public. Allocation that succeeds or ends the program. Local. */
#ifndef TEC_MEMORY_H
#define TEC_MEMORY_H

#include <stddef.h>

/* malloc and calloc that end the program by tec_abort(TEC_SYSTEM_ERROR) instead of returning NULL, as nothing sensible
 * can go on without memory. Never NULL, not even for 0 bytes. The caller calls free(). */
void *tec_allocate(size_t bytes);
void *tec_allocate_zeroed(size_t count, size_t bytes);

/* The peak of this process's resident memory so far, in MB of 2^20 bytes. */
double tec_memory_peak(void);

/* How memory of `bytes` bytes is given back that does not come from malloc. */
typedef void tec_release(void *memory, size_t bytes);

/* Makes room for one more element in an array of `count` elements of `bytes` bytes: doubles an array that is full,
 * *capacity elements (64 at first, from NULL and 0). Returns the array, which may have moved. */
void *tec_grow(void *array, size_t count, size_t *capacity, size_t bytes);

/* Advises the kernel to back a block of at least 4 MB with huge pages, which matrix products gain from as they walk
 * through it in long strides. No effect where there are none. tec_allocate_zeroed does this for its result. */
void tec_ask_for_huge_pages(void *block, size_t bytes);

#endif
