/* Takes text files apart into lines and columns. */
#include "label_lines.h"

#include "tec/memory.h"
#include "tec/text.h"
#include "tec/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Cuts blanks off both ends. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
    return text;
}

static char divider_of(const tec_lines *lines)
{
    for (const char *divider = "\t,; "; *divider; divider++) {
        size_t with = 0;
        while (with < lines->count && strchr(lines->line[with].text, *divider))
            with++;
        if (with == lines->count)
            return *divider;
    }
    return 0;
}

void tec_lines_split(tec_lines *out, const char *text)
{
    size_t room = 0;
    int number = 0;
    *out = (tec_lines){.text = tec_string_copy(text + tec_utf8_mark(text, strlen(text)))};
    char *rest = out->text;
    while (rest) {
        char *next = strchr(rest, '\n');
        if (next)
            *next++ = 0;
        number++;
        char *line = trim(rest);
        if (*line) {
            out->line = tec_grow(out->line, out->count, &room, sizeof *out->line);
            out->line[out->count++] = (tec_line){line, number};
        }
        rest = next;
    }
    out->divider = divider_of(out);
}

void tec_lines_free(tec_lines *lines)
{
    free(lines->line);
    free(lines->text);
    *lines = (tec_lines){0};
}

/* ---- columns ---- */

/* Ends the column at `text` and returns what follows its divider; NULL: it is the last. */
static char *cut(char *text, char divider)
{
    char *end = text;
    if (*text == '"' && divider != ' ') {
        end = strchr(text + 1, '"');
        end = end ? end : text;
    }
    while (*end && *end != divider)
        end++;
    if (!*end)
        return NULL;
    *end++ = 0;
    while (divider == ' ' && *end == ' ')
        end++;
    return end;
}

static char *unquote(char *text)
{
    size_t length = strlen(text);
    if (length < 2 || *text != '"' || text[length - 1] != '"')
        return text;
    text[length - 1] = 0;
    return text + 1;
}

void tec_columns_split(tec_columns *out, const char *line, char divider)
{
    *out = (tec_columns){.text = tec_string_copy(line)};
    char *rest = out->text;
    size_t room = 0;
    while (rest) {
        char *column = rest;
        out->column = tec_grow(out->column, (size_t)out->count, &room, sizeof *out->column);
        rest = divider ? cut(rest, divider) : NULL;
        out->column[out->count++] = unquote(trim(column));
    }
}

void tec_columns_free(tec_columns *columns)
{
    free(columns->column);
    free(columns->text);
    *columns = (tec_columns){0};
}
