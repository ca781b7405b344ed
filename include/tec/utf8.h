/* Just enough of UTF-8 for settings: is it, and which characters must be escaped in YAML. Local. */
#ifndef TEC_CONFIG_UTF8_H
#define TEC_CONFIG_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* Reads one character of a 0-terminated text and moves *text behind it. -1: not UTF-8 (overlong forms, surrogates and
 * values above 10FFFF are not); 0: the end. */
int32_t tec_utf8_next(const char **text);

bool tec_utf8_valid(const char *text);

#endif
