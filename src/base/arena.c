#include "tec/arena.h"
#include "tec/error.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
    arena->base = aligned_alloc(ALIGNMENT, arena->size);
    if (!arena->base)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: a workspace of %.1f MB cannot be had", arena->size / 1e6));
    memset(arena->base, 0, arena->size);
    arena->used = 0;
}

void tec_arena_free(tec_arena *arena)
{
    free(arena->base);
    *arena = (tec_arena){0};
}
