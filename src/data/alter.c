/* The alterations by name. */
#include "tec/alter.h"

#include "alter_parts.h"

#include <assert.h>

// clang-format off
static const struct {
    const char *name;
    tec_alter_function *apply;
} alterations[TEC_ALTERATIONS] = {
    [TEC_ALTER_AUTO_CONTRAST] = {"AutoContrast", tec_alter_auto_contrast},
    [TEC_ALTER_EQUALIZE]      = {"Equalize",     tec_alter_equalize},
    [TEC_ALTER_INVERT]        = {"Invert",       tec_alter_invert},
    [TEC_ALTER_ROTATE]        = {"Rotate",       tec_alter_rotate},
    [TEC_ALTER_POSTERIZE]     = {"Posterize",    tec_alter_posterize},
    [TEC_ALTER_SOLARIZE]      = {"Solarize",     tec_alter_solarize},
    [TEC_ALTER_SOLARIZE_ADD]  = {"SolarizeAdd",  tec_alter_solarize_add},
    [TEC_ALTER_COLOR]         = {"Color",        tec_alter_color},
    [TEC_ALTER_CONTRAST]      = {"Contrast",     tec_alter_contrast},
    [TEC_ALTER_BRIGHTNESS]    = {"Brightness",   tec_alter_brightness},
    [TEC_ALTER_SHARPNESS]     = {"Sharpness",    tec_alter_sharpness},
    [TEC_ALTER_SHEAR_X]       = {"ShearX",       tec_alter_shear_x},
    [TEC_ALTER_SHEAR_Y]       = {"ShearY",       tec_alter_shear_y},
    [TEC_ALTER_TRANSLATE_X]   = {"TranslateX",   tec_alter_translate_x},
    [TEC_ALTER_TRANSLATE_Y]   = {"TranslateY",   tec_alter_translate_y},
};
// clang-format on

const char *tec_alteration_name(tec_alteration what)
{
    return alterations[what].name;
}

void tec_picture_alter(tec_image *picture, tec_alteration what, double argument, const uint8_t *fill)
{
    assert(picture->channels == 1 || picture->channels == 3);
    alterations[what].apply(picture, argument, fill);
}
