/* Module base, public. One block of memory for everything that a model needs in a step, laid out once.
 *
 * The layout function runs twice with the same calls, first over a NULL base to measure, then over the real block:
 *     tec_arena a = {0};
 *     lay_out(&a);
 *     tec_arena_reserve(&a);
 *     lay_out(&a);
 *
 * Local. Not thread-safe. */
#ifndef TEC_ARENA_H
#define TEC_ARENA_H

#include <stddef.h>

typedef struct tec_arena {
    char *base; /* NULL while measuring */
    size_t used, size;
    void *block; /* as allocated; base is its first aligned byte */
} tec_arena;

/* The next `bytes` bytes, aligned to 64; NULL while measuring. Asserts that the block is large enough. */
void *tec_arena_take(tec_arena *arena, size_t bytes);

/* Allocates a zeroed block of the size that was measured and starts over at its beginning; free it with tec_arena_free.
 * A large block takes no memory until it is written to, page by page. Ends the program when out of memory. */
void tec_arena_reserve(tec_arena *arena);
void tec_arena_free(tec_arena *arena);

#endif
