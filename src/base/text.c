/* Formatting into new strings. */
#include "tec/text.h"

#include "tec/error.h"

#include <stdarg.h>
#include <stdio.h>

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
