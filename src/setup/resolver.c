/* Error messages about a value, with the place where it was given. */
#include "resolver.h"

#include <stdarg.h>
#include <stdio.h>

tec_status tec_resolver_fail(const tec_resolver *resolver, tec_place place, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0)
        message[0] = '\0';
    va_end(args);
    if (place.line > 0)
        return tec_fail(TEC_USER_ERROR, "%s:%ld:%ld: %s", resolver->yaml_name, place.line, place.column, message);
    return tec_fail(TEC_USER_ERROR, "%s%s", place.line < 0 ? "command line: " : "", message);
}
