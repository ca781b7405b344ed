/* Module base, public. Decoding and checking UTF-8. Local. */
#ifndef TEC_UTF8_H
#define TEC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Decodes one character of a 0-terminated string and moves *text past it. 0: the end; -1: not UTF-8 (overlong forms,
 * surrogates and values above 10FFFF included). */
int32_t tec_utf8_next(const char **text);

bool tec_utf8_valid(const char *text);

/* The length of the byte order mark that some editors put before UTF-8: 3, or 0 if there is none. */
static inline size_t tec_utf8_mark(const void *text, size_t bytes)
{
    return bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

#endif
