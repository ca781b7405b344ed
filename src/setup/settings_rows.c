/* The rows of the settings table as texts, for help and manuals. */
#include "tec/settings.h"

#include "settings_table.h"

#include <stdio.h>
#include <string.h>

static const char *type_of(const tec_setting *s)
{
    static const char *const name[] = {
        [TEC_SETTING_SWITCH] = "true | false", [TEC_SETTING_INT] = "whole number", [TEC_SETTING_INT64] = "whole number",
        [TEC_SETTING_UINT64] = "whole number", [TEC_SETTING_NUMBER] = "number",    [TEC_SETTING_NUMBERS] = "numbers",
        [TEC_SETTING_INTS] = "whole numbers",  [TEC_SETTING_CHOICE] = "",          [TEC_SETTING_TEXT] = "text",
    };
    return name[s->type];
}

bool tec_settings_row(int index, tec_setting_row *out)
{
    char range[128], count[48] = "";
    if (index >= tec_settings_count)
        return false;
    const tec_setting *s = &tec_settings_table[index];
    const char *type = s->choices || s->per_channel ? "" : type_of(s);
    tec_setting_range(s, range, sizeof range);
    if (s->per_channel)
        snprintf(count, sizeof count, "1 number, or as many as channels: ");
    else if (s->fewer)
        snprintf(count, sizeof count, "1 to %d ", s->length);
    else if (s->length > 1)
        snprintf(count, sizeof count, "%s%d ", s->one_for_all ? "1 or " : "", s->length);
    *out = (tec_setting_row){
        .section = s->section, .key = s->key, .otherwise = s->default_text, .help = s->help, .choices = s->choices};
    snprintf(out->type, sizeof out->type, "%s%s%s%s", count, type, *type && *range ? ", " : "", range);
    return true;
}

void tec_settings_help(const char *const *sections, FILE *out)
{
    tec_setting_row row;
    for (; *sections; sections++)
        for (int i = 0; tec_settings_row(i, &row); i++) {
            char name[128];
            snprintf(name, sizeof name, "%s.%s", row.section, row.key);
            if (strcmp(row.section, *sections) != 0 && strcmp(name, *sections) != 0)
                continue;
            snprintf(name, sizeof name, "%s.%s=%s", row.section, row.key, row.otherwise);
            fprintf(out, "  %-36s %s\n      %s\n", name, row.type, row.help);
        }
}
