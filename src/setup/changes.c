/* What settings have changed against those in a checkpoint. */
#include "tec/setup.h"

#include "settings_table.h"

#include "tec/log.h"
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

/* May what is now take the place of eval.`key` in the settings of the run so far, as no change? They left it open, or it is
 * the `same` when completed. What was found in the meantime, in the file of the model for instance, is said. */
static bool no_change(const char *key, bool same, bool was_open, const tec_settings *now)
{
    const tec_setting *s = &tec_settings_table[tec_setting_find("eval", key)];
    if (same || !was_open || tec_settings_given(now, "eval", key))
        return same;
    char *is = tec_setting_text(s, now);
    tec_log("eval.%s, which the run so far left open, is %s from now on", key, is);
    free(is);
    return true;
}

/* How a fine-tuning run resizes images is kept in its settings. Earlier programs kept there what had been given, or the
 * whole with what MAE does: unless it is now given otherwise, that is no change. */
static void settle_resizing(tec_settings *before, const tec_settings *now)
{
    const tec_preprocessing was = tec_setup_preprocessing(before), is = tec_setup_preprocessing(now);
    const tec_preprocessing whole_was = tec_preprocessing_complete(was, tec_preprocessing_mae(before->data.image_size));
    const tec_preprocessing whole_is = tec_preprocessing_complete(is, tec_preprocessing_mae(now->data.image_size));
    if (no_change("resize", whole_was.resize == whole_is.resize, was.resize == TEC_RESIZE_AUTO, now))
        before->eval.resize = now->eval.resize;
    if (no_change("crop_pct", whole_was.crop_pct == whole_is.crop_pct, was.crop_pct <= 0, now))
        before->eval.crop_pct = now->eval.crop_pct;
    if (no_change("interpolation", whole_was.filter == whole_is.filter, was.filter == TEC_FILTER_AUTO, now))
        before->eval.interpolation = now->eval.interpolation;
}

tec_status tec_setup_compare(const void *context, const char *yaml, tec_run_changes *out)
{
    const tec_setup_now *now = context;
    tec_settings before;
    const tec_settings_source source = {.yaml_name = "run/settings", .yaml = yaml, .yaml_bytes = strlen(yaml)};
    tec_status status = tec_settings_resolve(&before, &source);
    if (status == TEC_OK) {
        out->recipe = now->recipe(&before);
        settle_resizing(&before, now->settings);
        for (int i = 0; i < tec_settings_count; i++)
            if (tec_string_find(now->sections, tec_settings_table[i].section) >= 0)
                compare_setting(&tec_settings_table[i], &before, now->settings, out);
    }
    tec_settings_free(&before);
    return status;
}
