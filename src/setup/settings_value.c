/* Parses one value, checks it against its row of the table, and stores it in tec_settings. */
#include "resolver.h"

#include "tec/suggest.h"
#include "tec/text.h"
#include "tec/utf8.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is wrong with a text; "": nothing. */
typedef char complaint[512];

static void parse_switch(const char *text, bool *out, complaint problem)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcasecmp(text, words[i])) {
            *out = i % 2;
            return;
        }
    snprintf(problem, sizeof(complaint), "`%.80s` is neither true nor false", text);
}

static void parse_choice(const tec_setting *s, const char *text, int *out, complaint problem)
{
    char choices[256];
    const char *choice[16];
    int count = 0;
    snprintf(choices, sizeof choices, "%s", s->choices);
    for (char *rest = choices; rest;)
        choice[count++] = strsep(&rest, "|");
    for (int i = 0; i < count; i++)
        if (!strcmp(choice[i], text)) {
            *out = i;
            return;
        }
    char range[256];
    const char *nearest = tec_suggest(text, choice, count);
    snprintf(problem, sizeof(complaint), "`%.80s` is not one of %s%s%s%s", text,
             tec_setting_range(s, range, sizeof range), nearest ? "; did you mean `" : "", nearest ? nearest : "",
             nearest ? "`?" : "");
}

static void check_range(const tec_setting *s, double value, const char *text, complaint problem)
{
    char range[128];
    bool inside =
        (s->low_open ? value > s->low : value >= s->low) && (s->high_open ? value < s->high : value <= s->high);
    if (!inside)
        snprintf(problem, sizeof(complaint), "%.80s is out of range (%s)", text,
                 tec_setting_range(s, range, sizeof range));
}

/* strtod would also accept hexadecimal numbers, "nan" and "infinity". */
static void parse_number(const tec_setting *s, const char *text, double *out, complaint problem)
{
    char *end = NULL;
    bool plain = text[0] && strspn(text, "+-.0123456789eE") == strlen(text);
    double value = plain ? strtod(text, &end) : 0;
    if (!plain || *end || end == text)
        snprintf(problem, sizeof(complaint), "`%.80s` is not a number", text);
    else if (!isfinite(value))
        snprintf(problem, sizeof(complaint), "%.80s is too large", text);
    else {
        *out = value;
        check_range(s, value, text, problem);
    }
}

static bool is_whole(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    return *digits && strspn(digits, "0123456789") == strlen(digits);
}

static void parse_int64(const tec_setting *s, const char *text, int64_t *out, complaint problem)
{
    if (!is_whole(text)) {
        snprintf(problem, sizeof(complaint), "`%.80s` is not a whole number", text);
        return;
    }
    *out = strtoll(text, NULL, 10); /* overflow gives the largest int64_t, which no range of the table includes */
    check_range(s, (double)*out, text, problem);
}

static void parse_int(const tec_setting *s, const char *text, int *out, complaint problem)
{
    int64_t value = 0;
    parse_int64(s, text, &value, problem);
    if (!problem[0])
        *out = (int)value;
}

static void parse_uint64(const tec_setting *s, const char *text, uint64_t *out, complaint problem)
{
    char range[64];
    errno = 0;
    if (!is_whole(text))
        snprintf(problem, sizeof(complaint), "`%.80s` is not a whole number", text);
    else if (*out = strtoull(text, NULL, 10), errno == ERANGE || text[0] == '-')
        snprintf(problem, sizeof(complaint), "%.80s is out of range (%s)", text,
                 tec_setting_range(s, range, sizeof range));
}

static void parse_text(const char *text, char **out, complaint problem)
{
    if (!tec_utf8_valid(text)) {
        snprintf(problem, sizeof(complaint),
                 "the text is not valid UTF-8, and could not be written to a settings file");
        return;
    }
    free(*out);
    *out = tec_string_copy(text);
}

static void parse(const tec_setting *s, const char *text, void *out, int element, complaint problem)
{
    switch (s->type) {
    case TEC_SETTING_SWITCH:
        parse_switch(text, out, problem);
        break;
    case TEC_SETTING_CHOICE:
        parse_choice(s, text, out, problem);
        break;
    case TEC_SETTING_INT:
    case TEC_SETTING_INTS:
        parse_int(s, text, (int *)out + element, problem);
        break;
    case TEC_SETTING_INT64:
        parse_int64(s, text, out, problem);
        break;
    case TEC_SETTING_UINT64:
        parse_uint64(s, text, out, problem);
        break;
    case TEC_SETTING_NUMBER:
    case TEC_SETTING_NUMBERS:
        parse_number(s, text, (double *)out + element, problem);
        break;
    case TEC_SETTING_TEXT:
        parse_text(text, out, problem);
        break;
    }
}

tec_status tec_resolver_assign(tec_resolver *resolver, int index, tec_place place, const char *const *text, int count)
{
    const tec_setting *s = &tec_settings_table[index];
    void *out = (char *)resolver->settings + s->offset;
    bool fill = count == 1 && s->one_for_all;
    const int numbers = s->fewer && count > 0 && count < s->length && !fill ? count : s->length;
    if (count != numbers && !fill)
        return tec_resolver_fail(resolver, place, "%s.%s: expected %s%d %s, got %d", s->section, s->key,
                                 s->fewer         ? "1 to "
                                 : s->one_for_all ? "1 or "
                                                  : "",
                                 s->length, s->length > 1 ? "numbers" : "value", count);
    for (int i = 0; i < numbers; i++) {
        complaint problem = "";
        parse(s, text[fill ? 0 : i], out, i, problem);
        if (problem[0])
            return tec_resolver_fail(resolver, place, "%s.%s: %s", s->section, s->key, problem);
    }
    resolver->place[index] = place;
    resolver->given[index] = count;
    resolver->settings->numbers[index] = numbers;
    resolver->settings->given[index] = place.line != 0;
    return TEC_OK;
}
