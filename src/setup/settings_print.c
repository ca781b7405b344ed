/* Prints settings as YAML, or the value of one. */
#include "tec/settings.h"

#include "settings_table.h"

#include "tec/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Prints the fewest digits that give the same number when they are read. */
static void print_number(double value, FILE *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

/* Control characters, and what YAML treats as a line break or does not allow. */
static bool must_escape(int32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0x2028 || code == 0x2029 || code == 0xfffe ||
           code == 0xffff;
}

static void print_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (const char *start = text; *text; start = text) {
        int32_t code = tec_utf8_next(&text);
        if (code < 0) /* impossible: strings are checked when they are read */
            break;
        if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (char)code);
        else if (must_escape(code))
            fprintf(out, "\\u%04" PRIx32, (uint32_t)code);
        else
            fwrite(start, 1, (size_t)(text - start), out);
    }
    fputc('"', out);
}

static void print_choice(const char *choices, int value, FILE *out)
{
    for (; value > 0; value--)
        choices = strchr(choices, '|') + 1;
    fwrite(choices, 1, strcspn(choices, "|"), out);
}

/* Is the text one of the words that the setting may have beside a name? */
static bool is_choice(const tec_setting *s, const char *text)
{
    size_t length = strlen(text);
    for (const char *word = s->choices; word && length; word = strchr(word, '|'), word += word != NULL)
        if (!strncmp(word, text, length) && (word[length] == '|' || !word[length]))
            return true;
    return false;
}

static void print_element(const tec_setting *s, const void *value, int element, FILE *out)
{
    switch (s->type) {
    case TEC_SETTING_SWITCH:
        fputs(*(const bool *)value ? "true" : "false", out);
        break;
    case TEC_SETTING_CHOICE:
        print_choice(s->choices, *(const int *)value, out);
        break;
    case TEC_SETTING_INT:
    case TEC_SETTING_INTS:
        fprintf(out, "%d", ((const int *)value)[element]);
        break;
    case TEC_SETTING_INT64:
        fprintf(out, "%" PRId64, *(const int64_t *)value);
        break;
    case TEC_SETTING_UINT64:
        fprintf(out, "%" PRIu64, *(const uint64_t *)value);
        break;
    case TEC_SETTING_NUMBER:
    case TEC_SETTING_NUMBERS:
        print_number(((const double *)value)[element], out);
        break;
    case TEC_SETTING_TEXT:
        if (is_choice(s, *(char *const *)value))
            fputs(*(char *const *)value, out);
        else
            print_text(*(char *const *)value, out);
        break;
    }
}

static bool all_equal(const tec_setting *s, const void *value, int count)
{
    size_t size = s->type == TEC_SETTING_INTS ? sizeof(int) : sizeof(double);
    for (int i = 1; i < count; i++)
        if (memcmp(value, (const char *)value + (size_t)i * size, size) != 0)
            return false;
    return true;
}

static void print_value(const tec_setting *s, const tec_settings *settings, FILE *out)
{
    const void *value = (const char *)settings + s->offset;
    const int count = s->fewer ? settings->numbers[s - tec_settings_table] : s->length;
    bool list = count > 1 && !(s->one_for_all && all_equal(s, value, count));
    if (list)
        fputc('[', out);
    for (int i = 0; i < (list ? count : 1); i++) {
        fputs(i ? ", " : "", out);
        print_element(s, value, i, out);
    }
    if (list)
        fputc(']', out);
}

char *tec_setting_text(const tec_setting *setting, const tec_settings *settings)
{
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    if (stream)
        print_value(setting, settings, stream);
    if (!stream || fclose(stream) != 0)
        tec_abort(tec_fail(TEC_SYSTEM_ERROR, "a setting cannot be formatted: out of memory"));
    return text;
}

tec_status tec_settings_print(const tec_settings *settings, FILE *out)
{
    char range[256];
    const char *section = "";
    fputs("# Every setting of this run, as resolved. `tec COMMAND -c THIS_FILE` gives the same again.\n", out);
    for (int i = 0; i < tec_settings_count; i++) {
        const tec_setting *s = &tec_settings_table[i];
        if (strcmp(section, s->section) != 0)
            fprintf(out, "\n%s:\n", s->section);
        section = s->section;
        tec_setting_range(s, range, sizeof range);
        fprintf(out, "  # %s%s%s%s\n  %s: ", s->help, range[0] ? " (" : "", range, range[0] ? ")" : "", s->key);
        print_value(s, settings, out);
        fputc('\n', out);
    }
    if (fflush(out) || ferror(out))
        return tec_fail(TEC_SYSTEM_ERROR, "the resolved settings cannot be written: %s", strerror(errno));
    return TEC_OK;
}

tec_status tec_settings_print_value(const tec_settings *settings, const char *name, FILE *out)
{
    char section[64] = "", unknown[256];
    size_t length = strcspn(name, ".");
    const char *key = name[length] ? name + length + 1 : "";
    if (length < sizeof section)
        memcpy(section, name, length);
    if (!tec_settings_has_section(section))
        return tec_fail(TEC_USER_ERROR, "command line: `%.80s`: %s", name,
                        tec_setting_unknown_section(section, unknown, sizeof unknown));
    int found = tec_setting_find(section, key);
    if (found < 0)
        return tec_fail(TEC_USER_ERROR, "command line: `%.80s`: %s", name,
                        tec_setting_unknown(section, key, unknown, sizeof unknown));
    const tec_setting *s = &tec_settings_table[found];
    if (s->type == TEC_SETTING_TEXT)
        fputs(*(char *const *)(const void *)((const char *)settings + s->offset), out);
    else
        print_value(s, settings, out);
    fputc('\n', out);
    return TEC_OK;
}

tec_status tec_settings_text(const tec_settings *settings, char **text, size_t *bytes)
{
    *text = NULL;
    FILE *stream = open_memstream(text, bytes);
    tec_status status = stream ? tec_settings_print(settings, stream) : TEC_SYSTEM_ERROR;
    if (!stream || fclose(stream) != 0)
        status = tec_fail(TEC_SYSTEM_ERROR, "the settings cannot be formatted: out of memory");
    return status;
}
