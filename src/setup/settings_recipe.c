/* What finetune.recipe supplies. */
#include "resolver.h"

#include "tec/text.h"

#include <stdlib.h>
#include <string.h>

enum { RECIPES = 5 }; /* in the order of TEC_TUNING_WORDS; the first is none */

/* MAE's are those of its FINETUNE.md, for ImageNet, and where that is silent the defaults of its main_finetune.py. For a
 * few thousand images, steps are small enough for some dozens in an epoch, with a learning rate of 5e-4, and crops not as
 * small. */
/* clang-format off */
static const struct {
    const char *key, *value[RECIPES];
} supplied[] = {
#define ALL(value) {NULL, value, value, value, value}
    /*                           mae_base  mae_large mae_huge  small_data */
    {"epochs",             {NULL, "100",    "50",     "50",     "50"}},
    {"batch",              {NULL, "1024",   "1024",   "1024",   "64"}},
    {"repeats",            ALL("1")},
    {"blr",                {NULL, "5e-4",   "1e-3",   "1e-3",   "2e-3"}},
    {"lr",                 ALL("0")},
    {"min_lr",             ALL("1e-6")},
    {"warmup_epochs",      ALL("5")},
    {"layer_decay",        {NULL, "0.65",   "0.75",   "0.75",   "0.75"}},
    {"weight_decay",       ALL("0.05")},
    {"beta1",              ALL("0.9")},
    {"beta2",              ALL("0.999")},
    {"clip_norm",          ALL("0")},
    {"ema",                ALL("0")},
    {"drop_path",          {NULL, "0.1",    "0.2",    "0.3",    "0.1"}},
    {"label_smoothing",    ALL("0.1")},
    {"mixup",              ALL("0.8")},
    {"cutmix",             ALL("1")},
    {"mix_probability",    ALL("1")},
    {"cutmix_probability", ALL("0.5")},
    {"erase",              ALL("0.25")},
    {"crop_scale",         {NULL, "0.08,1", "0.08,1", "0.08,1", "0.2,1"}},
    {"rand_augment",       ALL("rand-m9-mstd0.5-inc1")},
};
/* clang-format on */

bool tec_setting_supplied(int recipe, int row, const char **key, const char **value)
{
    if (row >= (int)(sizeof supplied / sizeof *supplied))
        return false;
    *key = supplied[row].key;
    *value = supplied[row].value[recipe];
    return true;
}

char *tec_settings_recipe_text(const tec_settings *settings)
{
    const char *key, *value;
    char *name = tec_setting_text(&tec_settings_table[tec_setting_find("finetune", "recipe")], settings);
    char *override = tec_string_format("finetune.recipe=%s", name);
    char *text = tec_string_copy(""), *given = tec_string_copy("");
    tec_settings pure;
    tec_settings_resolve(&pure,
                         &(tec_settings_source){.overrides = (const char *const *)&override, .override_count = 1});
    for (int row = 0; tec_setting_supplied(settings->finetune.recipe, row, &key, &value) && value; row++) {
        const tec_setting *s = &tec_settings_table[tec_setting_find("finetune", key)];
        char *is = tec_setting_text(s, settings), *would_be = tec_setting_text(s, &pure);
        if (strcmp(is, would_be) == 0)
            tec_string_append(&text, "%s%s %s", text[0] ? ", " : "", key, is);
        else
            tec_string_append(&given, "%s%s %s (not %s)", given[0] ? ", " : "; given otherwise: ", key, is, would_be);
        free(would_be);
        free(is);
    }
    char *all = tec_string_format("finetune.recipe %s: %s%s", name, text, given);
    tec_settings_free(&pure);
    free(given);
    free(text);
    free(override);
    free(name);
    if (settings->finetune.recipe != 0)
        return all;
    free(all);
    return NULL;
}
