/* Resolves settings: defaults, YAML text, overrides, then the checks that involve several settings. */
#include "resolver.h"

#include "tec/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Writes 0 bytes into `text`. */
static tec_status assign_text(tec_resolver *resolver, int index, tec_place place, char *text)
{
    const char *part[TEC_SETTING_LENGTH] = {text};
    int count = tec_settings_table[index].length > 1 ? tec_string_split_list(text, part, TEC_SETTING_LENGTH) : 1;
    return tec_resolver_assign(resolver, index, place, part, count);
}

static tec_status set_defaults(tec_resolver *resolver)
{
    tec_status status = TEC_OK;
    for (int i = 0; i < tec_settings_count && status == TEC_OK; i++) {
        char *text = tec_string_copy(tec_settings_table[i].default_text);
        status = assign_text(resolver, i, (tec_place){0, 0}, text);
        free(text);
    }
    return status;
}

/* What finetune.recipe supplies. A recipe of the command line outranks keys of the file, as every override does; one of
 * the file supplies what neither the file nor the command line gives. */
static tec_status apply_recipe(tec_resolver *resolver)
{
    const char *key, *value;
    const bool outranks_file = resolver->place[tec_setting_find("finetune", "recipe")].line < 0;
    tec_status status = TEC_OK;
    for (int row = 0; status == TEC_OK && tec_setting_supplied(resolver->settings->finetune.recipe, row, &key, &value);
         row++) {
        int index = tec_setting_find("finetune", key);
        const long line = resolver->place[index].line;
        if (!value || line < 0 || (line > 0 && !outranks_file))
            continue;
        char *text = tec_string_copy(value);
        status = assign_text(resolver, index, (tec_place){0, 0}, text);
        free(text);
    }
    return status;
}

/* "section.key=value"; writes 0 bytes into `text`. */
static tec_status apply_override(tec_resolver *resolver, char *text)
{
    char message[640];
    char *value = strchr(text, '='), *key = NULL;
    if (!value)
        return tec_resolver_fail(resolver, TEC_PLACE_COMMAND_LINE, "`%.80s` is not section.key=value", text);
    *value++ = '\0';
    key = strchr(text, '.');
    if (key)
        *key++ = '\0';
    if (!key && tec_settings_has_section(text))
        return tec_resolver_fail(resolver, TEC_PLACE_COMMAND_LINE,
                                 "`%.80s` is a section; write its settings as %.80s.key=value", text, text);
    if (!tec_settings_has_section(text))
        return tec_resolver_fail(resolver, TEC_PLACE_COMMAND_LINE, "%s",
                                 tec_setting_unknown_section(text, message, sizeof message));
    int index = tec_setting_find(text, key);
    if (index < 0)
        return tec_resolver_fail(resolver, TEC_PLACE_COMMAND_LINE, "%s",
                                 tec_setting_unknown(text, key, message, sizeof message));
    return assign_text(resolver, index, TEC_PLACE_COMMAND_LINE, value);
}

/* There is one number for each channel, or one for all; the default is ImageNet's, which become 0.5 unless there are three
 * channels. */
static tec_status settle_channels(tec_resolver *resolver, const char *key, double *value)
{
    int index = tec_setting_find("data", key), channels = resolver->settings->data.channels;
    tec_place place = resolver->place[index];
    const int given = resolver->given[index];
    if (channels != 3 && place.line == 0)
        for (int i = 0; i < TEC_BANDS_MOST; i++)
            value[i] = 0.5;
    else if (given != 1 && given != channels)
        return tec_resolver_fail(resolver, place, "data.%s: %d numbers are given, but data.channels is %d", key, given,
                                 channels);
    resolver->settings->numbers[index] = channels;
    return TEC_OK;
}

/* Both or neither; 0 for a deviation says, like nothing, that the file tells. */
static tec_status check_base_normalisation(const tec_resolver *resolver)
{
    const double *mean = resolver->settings->base.mean, *std = resolver->settings->base.std;
    int mean_row = tec_setting_find("base", "mean"), std_row = tec_setting_find("base", "std");
    bool mean_given = resolver->place[mean_row].line != 0, std_given = resolver->place[std_row].line != 0;
    const int means = resolver->settings->numbers[mean_row], stds = resolver->settings->numbers[std_row];
    bool all = true, some = false, shifted = false;
    for (int i = 0; i < stds; i++) {
        all = all && std[i] > 0;
        some = some || std[i] > 0;
    }
    for (int i = 0; i < means; i++)
        shifted = shifted || mean[i] != 0;
    if (all && mean_given && means != stds && means != TEC_BANDS_MOST && stds != TEC_BANDS_MOST)
        return tec_resolver_fail(resolver, resolver->place[std_row],
                                 "base.mean has %d numbers and base.std %d: give one for each channel, or one for all",
                                 means, stds);
    if (all ? mean_given : !some && !shifted && (std_given || !mean_given))
        return TEC_OK;
    return tec_resolver_fail(resolver, resolver->place[std_given ? std_row : mean_row],
                             "base.mean and base.std must be given together, and base.std must be above 0");
}

static tec_status check_order(const tec_resolver *resolver, const char *section, const char *key, const double *value)
{
    if (value[0] <= value[1])
        return TEC_OK;
    return tec_resolver_fail(resolver, resolver->place[tec_setting_find(section, key)],
                             "%s.%s: the smaller number must come first, got %g and %g", section, key, value[0],
                             value[1]);
}

char *tec_settings_more_targets(const tec_settings *settings, int index)
{
    const char *at = settings->pretrain.more_targets;
    for (; *at; at += strcspn(at, ",")) {
        at += strspn(at, ", ");
        if (*at && index-- == 0)
            break;
    }
    size_t length = strcspn(at, ",");
    while (length > 0 && at[length - 1] == ' ')
        length--;
    return length > 0 ? tec_string_format("%.*s", (int)length, at) : NULL;
}

/* One weight for each store, or one for all. */
static tec_status check_bases(const tec_resolver *resolver)
{
    const int row = tec_setting_find("pretrain", "base_weights"), given = resolver->given[row];
    int stores = 1;
    for (char *dir; (dir = tec_settings_more_targets(resolver->settings, stores - 1)); stores++)
        free(dir);
    if (stores > TEC_MAX_BASES)
        return tec_resolver_fail(resolver, resolver->place[tec_setting_find("pretrain", "more_targets")],
                                 "pretrain.more_targets: %d stores are given; %d are possible beside targets.dir",
                                 stores - 1, TEC_MAX_BASES - 1);
    if (given != 1 && given != stores)
        return tec_resolver_fail(resolver, resolver->place[row],
                                 "pretrain.base_weights: %d numbers are given, but there %s %d target store%s "
                                 "(targets.dir and pretrain.more_targets)",
                                 given, stores == 1 ? "is" : "are", stores, stores == 1 ? "" : "s");
    return TEC_OK;
}

/* With what is wrong about a text of `data`. */
static tec_status fail_text(const tec_resolver *resolver, const char *key)
{
    char *message = tec_string_copy(tec_error_message());
    tec_status status =
        tec_resolver_fail(resolver, resolver->place[tec_setting_find("data", key)], "data.%s: %s", key, message);
    free(message);
    return status;
}

tec_status tec_settings_bands(const tec_settings *settings, tec_bands *out)
{
    *out = (tec_bands){0};
    TEC_TRY(tec_bands_parse_chosen(settings->data.bands, out));
    return tec_bands_parse_range(settings->data.range, out);
}

void tec_settings_bands_words(const tec_settings *settings, char range[TEC_BANDS_RANGE_TEXT],
                              char chosen[TEC_BANDS_CHOSEN_TEXT])
{
    tec_bands bands;
    tec_status status = tec_settings_bands(settings, &bands);
    assert(status == TEC_OK); /* resolved settings are right */
    (void)status;
    tec_bands_range_words(&bands, range);
    tec_bands_chosen_words(&bands, chosen);
}

/* What only a store has, or what only targets without one can be. */
static tec_status check_online(const tec_resolver *resolver)
{
    const tec_settings *s = resolver->settings;
    const tec_place dir = resolver->place[tec_setting_find("targets", "dir")];
    if (s->targets.views == 0 && !s->targets.online)
        return tec_resolver_fail(resolver, resolver->place[tec_setting_find("targets", "views")],
                                 "targets.views is 0, a new crop in every epoch, which only targets.online=true has: a "
                                 "store holds 1 or more");
    if (s->targets.online && s->targets.store_images)
        return tec_resolver_fail(resolver, resolver->place[tec_setting_find("targets", "store_images")],
                                 "targets.store_images is of a store, and with targets.online there is none: leave one "
                                 "of them out");
    if (s->targets.online && dir.line != 0 && s->targets.dir[0])
        return tec_resolver_fail(
            resolver, dir,
            "targets.dir names the store %s, but with targets.online targets are computed and none "
            "is read: leave targets.online out, or give targets.dir=\"\"",
            s->targets.dir);
    return TEC_OK;
}

static tec_status check_together(tec_resolver *resolver)
{
    tec_settings *s = resolver->settings;
    tec_bands bands = {0};
    if (tec_bands_parse_chosen(s->data.bands, &bands) != TEC_OK)
        return fail_text(resolver, "bands");
    if (tec_bands_parse_range(s->data.range, &bands) != TEC_OK)
        return fail_text(resolver, "range");
    if (s->targets.store_images && tec_bands_widen(&bands))
        return tec_resolver_fail(resolver, resolver->place[tec_setting_find("targets", "store_images")],
                                 "targets.store_images keeps images of 8 bits, but data.range is %s: leave it false; "
                                 "images are then read from data.train",
                                 s->data.range);
    TEC_TRY(check_online(resolver));
    TEC_TRY(settle_channels(resolver, "mean", s->data.mean));
    TEC_TRY(settle_channels(resolver, "std", s->data.std));
    TEC_TRY(check_base_normalisation(resolver));
    TEC_TRY(check_bases(resolver));
    TEC_TRY(check_order(resolver, "data", "crop_scale", s->data.crop_scale));
    TEC_TRY(check_order(resolver, "finetune", "crop_scale", s->finetune.crop_scale));
    return check_order(resolver, "data", "crop_ratio", s->data.crop_ratio);
}

tec_status tec_settings_resolve(tec_settings *out, const tec_settings_source *source)
{
    tec_resolver resolver = {.settings = out, .yaml_name = source->yaml_name ? source->yaml_name : "settings"};
    memset(out, 0, sizeof *out);
    TEC_TRY(set_defaults(&resolver));
    if (source->yaml)
        TEC_TRY(tec_resolver_read_yaml(&resolver, source->yaml, source->yaml_bytes));
    for (int i = 0; i < source->override_count; i++) {
        char *text = tec_string_copy(source->overrides[i]);
        tec_status status = apply_override(&resolver, text);
        free(text);
        TEC_TRY(status);
    }
    TEC_TRY(apply_recipe(&resolver));
    return check_together(&resolver);
}

bool tec_settings_given(const tec_settings *settings, const char *section, const char *key)
{
    return settings->given[tec_setting_find(section, key)];
}

void tec_settings_free(tec_settings *settings)
{
    for (int i = 0; i < tec_settings_count; i++)
        if (tec_settings_table[i].type == TEC_SETTING_TEXT)
            free(*(char **)((char *)settings + tec_settings_table[i].offset));
    memset(settings, 0, sizeof *settings);
}
