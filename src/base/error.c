/* The message of the last failure, and ending the program with it. */
#include "tec/error.h"

#include "tec/log.h"
#include "tec/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    memcpy(last_message, tec_string_printable(text), sizeof text);
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
    exit((int)status);
}
