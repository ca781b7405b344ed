/* Allocation that never returns NULL, and arrays that grow. */
#include "tec/memory.h"

#include "tec/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static void *or_abort(void *memory, size_t count, size_t bytes)
{
    if (!memory)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: cannot allocate %zu x %zu bytes", count, bytes));
    return memory;
}

void *tec_allocate(size_t bytes)
{
    return or_abort(malloc(bytes ? bytes : 1), 1, bytes);
}

void *tec_allocate_zeroed(size_t count, size_t bytes)
{
    void *block = or_abort(calloc(count ? count : 1, bytes ? bytes : 1), count, bytes);
    tec_ask_for_huge_pages(block, count * bytes);
    return block;
}

void *tec_grow(void *array, size_t count, size_t *capacity, size_t bytes)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? 2 * *capacity : 64;
    return or_abort(realloc(array, *capacity * bytes), *capacity, bytes);
}

void tec_ask_for_huge_pages(void *block, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const size_t least = 4 << 20;
    if (bytes < least)
        return;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)block + page - 1) / page * page, end = ((uintptr_t)block + bytes) / page * page;
    madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)block;
    (void)bytes;
#endif
}

double tec_memory_peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}
