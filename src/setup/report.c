/* The settings of a run beside the defaults, for its report. */
#include "tec/setup.h"

#include "settings_table.h"

#include "tec/files.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some defaults depend on the number of channels, which is therefore the run's. */
static tec_status resolve_defaults(const tec_settings *settings, tec_settings *out)
{
    char channels[32];
    snprintf(channels, sizeof channels, "data.channels=%d", settings->data.channels);
    const char *override = channels;
    return tec_settings_resolve(out, &(tec_settings_source){.overrides = &override, .override_count = 1});
}

static void add_settings(tec_report_run *run, const tec_settings *settings, const tec_settings *defaults)
{
    for (int i = 0; i < tec_settings_count; i++) {
        const tec_setting *s = &tec_settings_table[i];
        bool is_channels = strcmp(s->section, "data") == 0 && strcmp(s->key, "channels") == 0;
        char *key = tec_string_format("%s.%s", s->section, s->key), *value = tec_setting_text(s, settings);
        char *otherwise = is_channels ? tec_string_copy(s->default_text) : tec_setting_text(s, defaults);
        tec_report_add_setting(run, key, value, otherwise);
        free(otherwise);
        free(value);
        free(key);
    }
}

void tec_setup_report(tec_report_run *run, tec_settings *out)
{
    tec_settings defaults;
    char *name = tec_path_join(run->dir, "settings.yaml");
    const tec_settings_source source = {
        .yaml_name = name, .yaml = run->settings, .yaml_bytes = run->settings ? strlen(run->settings) : 0};
    if (tec_settings_resolve(out, &source) != TEC_OK)
        tec_report_note(run, "%s", tec_error_message());
    else if (run->settings && resolve_defaults(out, &defaults) == TEC_OK) {
        add_settings(run, out, &defaults);
        tec_settings_free(&defaults);
    }
    free(name);
}
