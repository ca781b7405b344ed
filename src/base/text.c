/* New strings, and what strings start and end with. */
#include "tec/text.h"

#include "tec/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *tec_string_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: cannot format a string"));
    return text;
}

char *tec_string_copy(const char *text)
{
    return tec_string_format("%s", text);
}

bool tec_string_starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool tec_string_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}
