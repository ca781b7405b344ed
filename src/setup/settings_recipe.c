/* What finetune.recipe supplies. */
#include "resolver.h"

enum { RECIPES = 5 }; /* in the order of TEC_TUNING_WORDS; the first is none */

/* MAE's are those of its FINETUNE.md, for ImageNet. For a few thousand images, steps are small enough for some dozens in
 * an epoch, with a learning rate of 5e-4, and crops not as small. */
/* clang-format off */
static const struct {
    const char *key, *value[RECIPES];
} supplied[] = {
    /*                          mae_base  mae_large mae_huge  small_data */
    {"epochs",          {NULL, "100",    "50",     "50",     "50"}},
    {"batch",           {NULL, "1024",   "1024",   "1024",   "64"}},
    {"blr",             {NULL, "5e-4",   "1e-3",   "1e-3",   "2e-3"}},
    {"min_lr",          {NULL, "1e-6",   "1e-6",   "1e-6",   "1e-6"}},
    {"warmup_epochs",   {NULL, "5",      "5",      "5",      "5"}},
    {"layer_decay",     {NULL, "0.65",   "0.75",   "0.75",   "0.75"}},
    {"weight_decay",    {NULL, "0.05",   "0.05",   "0.05",   "0.05"}},
    {"drop_path",       {NULL, "0.1",    "0.2",    "0.3",    "0.1"}},
    {"label_smoothing", {NULL, "0.1",    "0.1",    "0.1",    "0.1"}},
    {"mixup",           {NULL, "0.8",    "0.8",    "0.8",    "0.8"}},
    {"cutmix",          {NULL, "1",      "1",      "1",      "1"}},
    {"erase",           {NULL, "0.25",   "0.25",   "0.25",   "0.25"}},
    {"crop_scale",      {NULL, "0.08,1", "0.08,1", "0.08,1", "0.2,1"}},
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
