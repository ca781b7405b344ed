/* Opcodes that push numbers and strings. */
#include "pickle_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- numbers -- */

tec_status tec_pickle_do_constant(pickle_machine *m, int value)
{
    pickle_value *out = NULL;
    TEC_TRY(tec_pickle_push_new(m, value < 0 ? PICKLE_NONE : PICKLE_BOOL, &out));
    out->integer = value > 0;
    return TEC_OK;
}

static tec_status push_integer(pickle_machine *m, int64_t integer)
{
    pickle_value *out = NULL;
    TEC_TRY(tec_pickle_push_new(m, PICKLE_INT, &out));
    out->integer = integer;
    return TEC_OK;
}

static tec_status push_text(pickle_machine *m, pickle_kind kind, const void *at, size_t size)
{
    pickle_value *out = NULL;
    TEC_TRY(tec_pickle_push_new(m, kind, &out));
    out->text = (pickle_text){at, size};
    return TEC_OK;
}

tec_status tec_pickle_do_unsigned(pickle_machine *m, int width)
{
    uint64_t number = 0;
    TEC_TRY(tec_pickle_take_number(m, width, &number));
    return push_integer(m, (int64_t)number);
}

tec_status tec_pickle_do_signed(pickle_machine *m, int width)
{
    uint64_t number = 0;
    TEC_TRY(tec_pickle_take_number(m, width, &number));
    return push_integer(m, (int32_t)(uint32_t)number);
}

/* Little-endian, two's complement, of any length. */
tec_status tec_pickle_do_long(pickle_machine *m, int width)
{
    uint64_t size = 0;
    const unsigned char *byte = NULL;
    TEC_TRY(tec_pickle_take_number(m, width, &size));
    TEC_TRY(tec_pickle_take(m, size, &byte));
    if (size > 8)
        return push_text(m, PICKLE_BIG_INT, byte, size);
    uint64_t number = size > 0 && (byte[size - 1] & 0x80) ? UINT64_MAX : 0;
    for (size_t i = size; i-- > 0;)
        number = number << 8 | byte[i];
    return push_integer(m, (int64_t)number);
}

tec_status tec_pickle_do_float(pickle_machine *m, int width)
{
    const unsigned char *byte = NULL;
    TEC_TRY(tec_pickle_take(m, (uint64_t)width, &byte));
    uint64_t bits = 0;
    for (int i = 0; i < width; i++)
        bits = bits << 8 | byte[i]; /* big-endian, unlike all other numbers */
    pickle_value *out = NULL;
    TEC_TRY(tec_pickle_push_new(m, PICKLE_FLOAT, &out));
    memcpy(&out->number, &bits, sizeof out->number);
    return TEC_OK;
}

/* Copies a line to text [64]. False: empty, or too long for any number but a big integer. */
static bool short_line(pickle_text line, char *text)
{
    if (line.size == 0 || line.size > 63)
        return false;
    memcpy(text, line.at, line.size);
    text[line.size] = 0;
    return true;
}

tec_status tec_pickle_do_int_line(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_text line = {0};
    TEC_TRY(tec_pickle_take_line(m, &line));
    if (*m->opcode == 'I' && (tec_pickle_text_is(line, "00") || tec_pickle_text_is(line, "01")))
        return tec_pickle_do_constant(m, line.at[1] == '1');
    char text[64], *end;
    if (!short_line(line, text))
        return line.size == 0 ? tec_pickle_damaged(m, "a bad number")
                              : push_text(m, PICKLE_BIG_INT, line.at, line.size);
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || (*end != 0 && strcmp(end, "L") != 0))
        return tec_pickle_damaged(m, "a bad number");
    return errno ? push_text(m, PICKLE_BIG_INT, line.at, line.size) : push_integer(m, number);
}

tec_status tec_pickle_do_float_line(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_text line = {0};
    TEC_TRY(tec_pickle_take_line(m, &line));
    char text[64], *end = text;
    double number = short_line(line, text) ? strtod(text, &end) : 0;
    if (end == text || *end)
        return tec_pickle_damaged(m, "a bad number");
    pickle_value *out = NULL;
    TEC_TRY(tec_pickle_push_new(m, PICKLE_FLOAT, &out));
    out->number = number;
    return TEC_OK;
}

/* -- strings -- */

static tec_status counted(pickle_machine *m, int width, pickle_kind kind)
{
    uint64_t size = 0;
    const unsigned char *at = NULL;
    TEC_TRY(tec_pickle_take_number(m, width, &size));
    TEC_TRY(tec_pickle_take(m, size, &at));
    return push_text(m, kind, at, size);
}

tec_status tec_pickle_do_text(pickle_machine *m, int width)
{
    return counted(m, width, PICKLE_TEXT);
}

tec_status tec_pickle_do_bytes(pickle_machine *m, int width)
{
    return counted(m, width, PICKLE_BYTES);
}

/* The value of `digits` hexadecimal digits; -1: they are not. */
static long hexadecimal(const char *at, const char *end, int digits)
{
    long number = 0;
    if (end - at < digits)
        return -1;
    for (int i = 0; i < digits; i++) {
        char c = at[i], lower = (char)(c | 32);
        if (c >= '0' && c <= '9')
            number = 16 * number + (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            number = 16 * number + (lower - 'a' + 10);
        else
            return -1;
    }
    return number;
}

/* Writes one character as UTF-8; returns where the next one goes. */
static char *put_utf8(char *to, unsigned long c)
{
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    int more = (c >= 0x80) + (c >= 0x800) + (c >= 0x10000); /* bytes after the first */
    *to++ = (char)(first[more] | c >> (6 * more));
    while (more-- > 0)
        *to++ = (char)(0x80 | (c >> (6 * more) & 0x3f));
    return to;
}

/* Decodes one character of a line, which may be an escape sequence; returns what follows. Quoted strings and raw
 * Unicode have different escapes. */
static const char *unescaped(const char *at, const char *end, bool quoted, unsigned long *c)
{
    static const struct {
        char letter, means;
        bool quoted;
        int digits;
    } escapes[] = {
        {'x', 0, true, 2},    {'u', 0, false, 4},    {'U', 0, false, 8},    {'n', '\n', true, 0}, {'t', '\t', true, 0},
        {'r', '\r', true, 0}, {'\\', '\\', true, 0}, {'\'', '\'', true, 0}, {'"', '"', true, 0},
    };
    *c = (unsigned char)*at;
    if (*at != '\\' || end - at < 2)
        return at + 1;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        if (escapes[i].letter == at[1] && escapes[i].quoted == quoted) {
            long number = hexadecimal(at + 2, end, escapes[i].digits);
            if (number < 0 || number > 0x10ffff)
                return at + 1;
            *c = escapes[i].digits ? (unsigned long)number : (unsigned char)escapes[i].means;
            return at + 2 + escapes[i].digits;
        }
    return at + 1;
}

static tec_status push_unescaped(pickle_machine *m, pickle_text line, bool quoted)
{
    char *text = tec_pickle_room(m->pickle, 2 * line.size + 4), *to = text;
    for (const char *at = line.at, *end = line.at + line.size; at < end;) {
        unsigned long c;
        at = unescaped(at, end, quoted, &c);
        to = put_utf8(to, c);
    }
    return push_text(m, PICKLE_TEXT, text, (size_t)(to - text));
}

tec_status tec_pickle_do_quoted_line(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_text line = {0};
    TEC_TRY(tec_pickle_take_line(m, &line));
    char quote = line.size >= 2 ? line.at[0] : 0;
    if ((quote != '\'' && quote != '"') || line.at[line.size - 1] != quote)
        return tec_pickle_damaged(m, "a string without quotes");
    return push_unescaped(m, (pickle_text){line.at + 1, line.size - 2}, true);
}

tec_status tec_pickle_do_unicode_line(pickle_machine *m, int parameter)
{
    (void)parameter;
    pickle_text line = {0};
    TEC_TRY(tec_pickle_take_line(m, &line));
    return push_unescaped(m, line, false);
}
