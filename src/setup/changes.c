/* What settings have changed against those in a checkpoint. */
#include "tec/setup.h"

#include "settings_table.h"

#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

static void compare_setting(const tec_setting *s, const tec_settings *before, const tec_settings *now,
                            tec_run_changes *out)
{
    char *was = tec_setting_text(s, before), *is = tec_setting_text(s, now);
    if (strcmp(was, is) == 0) {
        free(was);
        free(is);
        return;
    }
    char *key = tec_string_format("%s.%s", s->section, s->key);
    tec_run_changes_add(out, key, was, is, s->kept);
    free(key);
}

tec_status tec_setup_compare(const void *context, const char *yaml, tec_run_changes *out)
{
    const tec_setup_now *now = context;
    tec_settings before;
    const tec_settings_source source = {.yaml_name = "run/settings", .yaml = yaml, .yaml_bytes = strlen(yaml)};
    tec_status status = tec_settings_resolve(&before, &source);
    if (status == TEC_OK) {
        out->recipe = now->recipe(&before);
        for (int i = 0; i < tec_settings_count; i++)
            if (tec_string_find(now->sections, tec_settings_table[i].section) >= 0)
                compare_setting(&tec_settings_table[i], &before, now->settings, out);
    }
    tec_settings_free(&before);
    return status;
}
