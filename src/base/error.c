#include "tec/error.h"
#include "tec/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Thread_local char last_message[1024];
static void (*end_all_ranks)(tec_status status);

tec_status tec_fail(tec_status status, const char *format, ...)
{
    char text[sizeof last_message];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0)
        snprintf(text, sizeof text, "unknown error");
    va_end(args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    memcpy(last_message, text, sizeof text);
    return status;
}

const char *tec_error_message(void)
{
    return last_message;
}

void tec_set_abort(void (*end_all)(tec_status status))
{
    end_all_ranks = end_all;
}

void tec_abort(tec_status status)
{
    if (end_all_ranks)
        end_all_ranks(status);
    tec_log_error(-1, last_message);
    exit(status);
}

static void *or_abort(void *memory, unsigned long count, unsigned long bytes)
{
    if (!memory)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: %lu x %lu bytes cannot be had", count, bytes));
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

char *tec_string_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    return or_abort(length < 0 ? NULL : text, 1, strlen(format));
}
