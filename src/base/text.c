/* New strings, what strings start and end with, words in lists. */
#include "tec/text.h"

#include "tec/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *format_list(const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: cannot format a string"));
    return text;
}

char *tec_string_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = format_list(format, args);
    va_end(args);
    return text;
}

void tec_string_append(char **text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *more = format_list(format, args);
    va_end(args);
    const size_t before = strlen(*text), count = strlen(more) + 1;
    char *longer = realloc(*text, before + count);
    if (!longer)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "out of memory: cannot format a string"));
    memcpy(longer + before, more, count);
    free(more);
    *text = longer;
}

/* In UTF-8 U+0080 to U+009F are control characters too, of two bytes. */
char *tec_string_printable(char *text)
{
    for (char *c = text; *c; c++) {
        unsigned char byte = (unsigned char)*c, next = (unsigned char)c[1];
        bool wide = byte == 0xc2 && next >= 0x80 && next < 0xa0;
        if (byte < 0x20 || byte == 0x7f || wide)
            *c = '?';
        if (wide)
            *++c = '?';
    }
    return text;
}

int tec_string_find(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

int tec_string_split_list(char *text, const char **part, int most)
{
    int count = 0;
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text[length - 1] = '\0';
        text++;
    }
    for (char *rest = text; rest; count++) {
        char *word = strsep(&rest, ",");
        word += strspn(word, " ");
        word[strcspn(word, " ")] = '\0';
        if (count < most)
            part[count] = word;
    }
    return count;
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
