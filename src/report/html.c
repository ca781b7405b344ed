/* Pieces of HTML. */
#include "html.h"

#include "chart.h"

#include "tec/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* What stands for a character that means something in HTML; NULL: nothing. */
static const char *entity(int32_t code)
{
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Control characters, surrogates and non-characters may not occur in a page. */
static bool is_allowed(int32_t code)
{
    if (code < 0x20)
        return code == '\n' || code == '\t';
    return !(code >= 0x7f && code < 0xa0) && !(code >= 0xfdd0 && code <= 0xfdef) && (code & 0xfffe) != 0xfffe;
}

void tec_html_text(FILE *out, const char *text)
{
    while (*text) {
        const char *start = text;
        int32_t code = tec_utf8_next(&text);
        if (code < 0)
            text = start + 1;
        if (code < 0 || !is_allowed(code))
            fputs("\xef\xbf\xbd", out);
        else if (entity(code))
            fputs(entity(code), out);
        else
            fwrite(start, 1, (size_t)(text - start), out);
    }
}

void tec_html_put(FILE *out, const char *before, const char *text, const char *after)
{
    fputs(before, out);
    tec_html_text(out, text);
    fputs(after, out);
}

double tec_json_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    double number = json_is_number(value) ? json_number_value(value) : (double)NAN;
    return fabs(number) < 1e200 ? number : (double)NAN; /* beyond that no axis can be drawn */
}

const char *tec_json_text(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : otherwise;
}

/* Puts commas between the thousands of a whole number of digits. */
static void group_digits(char *text, size_t size, const char *digits)
{
    size_t length = strlen(digits), used = 0;
    for (size_t i = 0; i < length && used + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

char *tec_number_text(char *text, size_t size, double value, int digits)
{
    char plain[64];
    if (!isfinite(value)) {
        snprintf(text, size, "\xe2\x80\x93");
    } else if (fabs(value) >= 1000 && fabs(value) < 1e15) {
        snprintf(plain, sizeof plain, "%.0f", value);
        group_digits(text, size, plain);
    } else {
        snprintf(text, size, "%.*g", digits, value);
        tec_axis_shorten(text);
    }
    return text;
}

char *tec_duration_text(char *text, size_t size, double seconds)
{
    long long whole = isfinite(seconds) ? llround(seconds) : 0;
    if (!isfinite(seconds))
        snprintf(text, size, "\xe2\x80\x93");
    else if (whole >= 3600)
        snprintf(text, size, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
    else if (whole >= 60)
        snprintf(text, size, "%lld min %lld s", whole / 60, whole % 60);
    else
        snprintf(text, size, "%.1f s", seconds);
    return text;
}
