/* Measuring and drawing from one block of memory. */
#include "tec/arena.h"

#include "tec/error.h"
#include "tec/memory.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define ALIGNMENT 64u /* a cache line, and the widest vector */

void *tec_arena_take(tec_arena *arena, size_t bytes)
{
    assert(bytes <= SIZE_MAX - ALIGNMENT - arena->used);
    size_t start = arena->used;
    arena->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!arena->base)
        return NULL;
    assert(arena->used <= arena->size);
    return arena->base + start;
}

void tec_arena_reserve(tec_arena *arena)
{
    assert(!arena->base);
    arena->size = arena->used ? arena->used : ALIGNMENT;
    arena->block = calloc(1, arena->size + ALIGNMENT);
    if (!arena->block)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: cannot allocate a workspace of %.1f MB",
                           (double)arena->size / 1e6));
    tec_ask_for_huge_pages(arena->block, arena->size);
    arena->base = (char *)arena->block + (ALIGNMENT - (uintptr_t)arena->block % ALIGNMENT) % ALIGNMENT;
    arena->used = 0;
}

void tec_arena_free(tec_arena *arena)
{
    free(arena->block);
    *arena = (tec_arena){0};
}
