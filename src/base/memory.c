/* Allocation that never returns NULL. */
#include "tec/memory.h"

#include "tec/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void *or_abort(void *memory, unsigned long count, unsigned long bytes)
{
    if (!memory)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: cannot allocate %lu x %lu bytes", count, bytes));
    return memory;
}

void *tec_allocate(unsigned long bytes)
{
    return or_abort(malloc(bytes ? bytes : 1), 1, bytes);
}

void *tec_allocate_zeroed(unsigned long count, unsigned long bytes)
{
    void *block = or_abort(calloc(count ? count : 1, bytes ? bytes : 1), count, bytes);
    tec_ask_for_huge_pages(block, count * bytes);
    return block;
}

void tec_ask_for_huge_pages(void *block, unsigned long bytes)
{
#ifdef MADV_HUGEPAGE
    const unsigned long least = 4 << 20;
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
