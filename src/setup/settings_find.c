/* Finds settings by name, and suggests another name when there is none. */
#include "settings_table.h"

#include "tec/settings.h"
#include "tec/suggest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int tec_setting_find(const char *section, const char *key)
{
    for (int i = 0; i < tec_settings_count; i++)
        if (!strcmp(tec_settings_table[i].section, section) && !strcmp(tec_settings_table[i].key, key))
            return i;
    return -1;
}

bool tec_settings_has_section(const char *section)
{
    for (int i = 0; i < tec_settings_count; i++)
        if (!strcmp(tec_settings_table[i].section, section))
            return true;
    return false;
}

/* Appends formatted text; what does not fit is cut off. */
static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

char *tec_setting_range(const tec_setting *s, char *text, size_t size)
{
    text[0] = '\0';
    if (s->choices) {
        for (const char *c = s->choices; *c; c++)
            append(text, size, "%.*s", *c == '|' ? 3 : 1, *c == '|' ? " | " : c);
        if (s->type == TEC_SETTING_TEXT)
            append(text, size, " | FILE");
    } else if (s->type == TEC_SETTING_UINT64) {
        append(text, size, "0 <= x < 2^64");
    } else if (s->type != TEC_SETTING_TEXT && s->type != TEC_SETTING_SWITCH) {
        if (isinf(s->high))
            append(text, size, "x %s %.15g", s->low_open ? ">" : ">=", s->low);
        else
            append(text, size, "%.15g %s x %s %.15g", s->low,
                   s->low_open ? "<" : "<=", s->high_open ? "<" : "<=", s->high);
    }
    return text;
}

/* What stands before item `i` of a list in words. */
static const char *between(int i, int count, const char *last)
{
    if (i == 0)
        return "";
    return i == count - 1 ? last : ", ";
}

/* Lists the sections that do have the key: "`targets.batch`, `pretrain.batch` or `probe.batch`". Returns how many. */
static int name_owners(const char *key, char *text, size_t size)
{
    int owner[TEC_SETTINGS_MOST], owners = 0;
    for (int i = 0; i < tec_settings_count; i++)
        if (!strcmp(tec_settings_table[i].key, key))
            owner[owners++] = i;
    text[0] = '\0';
    for (int i = 0; i < owners; i++)
        append(text, size, "%s`%s.%s`", between(i, owners, " or "), tec_settings_table[owner[i]].section, key);
    return owners;
}

/* The most similar key of the section (NULL: of any section). */
static const tec_setting *nearest_key(const char *section, const char *key)
{
    const char *name[TEC_SETTINGS_MOST] = {NULL};
    int row[TEC_SETTINGS_MOST], names = 0;
    for (int i = 0; i < tec_settings_count; i++) {
        if (section && strcmp(tec_settings_table[i].section, section) != 0)
            continue;
        row[names] = i;
        name[names++] = tec_settings_table[i].key;
    }
    const char *nearest = tec_suggest(key, name, names);
    for (int i = 0; nearest && i < names; i++)
        if (name[i] == nearest)
            return &tec_settings_table[row[i]];
    return NULL;
}

char *tec_setting_unknown(const char *section, const char *key, char *text, size_t size)
{
    char owners[256];
    const tec_setting *nearest;
    snprintf(text, size, "unknown key `%.80s` in %s", key, section);
    if (name_owners(key, owners, sizeof owners))
        append(text, size, "; did you mean %s?", owners);
    else if ((nearest = nearest_key(section, key)))
        append(text, size, "; did you mean `%s`?", nearest->key);
    else if ((nearest = nearest_key(NULL, key)))
        append(text, size, "; did you mean `%s.%s`?", nearest->section, nearest->key);
    else
        append(text, size, "; `tec COMMAND --help` lists the keys");
    return text;
}

char *tec_setting_unknown_section(const char *section, char *text, size_t size)
{
    char owners[256];
    const char *name[TEC_SETTINGS_MOST] = {NULL};
    int names = 0;
    for (int i = 0; i < tec_settings_count; i++)
        if (names == 0 || strcmp(name[names - 1], tec_settings_table[i].section) != 0)
            name[names++] = tec_settings_table[i].section;
    const char *nearest = tec_suggest(section, name, names);
    snprintf(text, size, "unknown section `%.80s`", section);
    if (nearest)
        append(text, size, "; did you mean `%s`?", nearest);
    else if (name_owners(section, owners, sizeof owners))
        append(text, size, "; did you mean %s?", owners);
    else {
        append(text, size, "; there are ");
        for (int i = 0; i < names; i++)
            append(text, size, "%s%s", between(i, names, " and "), name[i]);
    }
    return text;
}
