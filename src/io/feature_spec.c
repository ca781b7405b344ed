/* What features depend on, by table: attributes, and comparing two of them. */
#include "feature_parts.h"

#include "tec/augment.h"
#include "tec/frozen.h"
#include "tec/half.h"
#include "tec/text.h"
#include "tec/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const token_words[] = {TEC_TOKENS_LIST(TEC_COMMA), NULL};
static const char *const type_words[] = {TEC_FEATURE_TYPE_LIST(TEC_COMMA), NULL};
static const char *const resize_words[] = {TEC_RESIZE_LIST(TEC_COMMA), NULL};
static const char *const filter_words[] = {TEC_FILTER_LIST(TEC_COMMA), NULL};

#define FIELD(member, kind_, count_)                                                                                   \
    .h5.name = #member, .h5.offset = offsetof(tec_feature_spec, member), .h5.kind = kind_, .h5.count = count_
#define INTEGER(member) FIELD(member, TEC_H5_INT, 1)
#define BOOL(member) FIELD(member, TEC_H5_BOOL, 1)
#define DOUBLES(member, count) FIELD(member, TEC_H5_DOUBLE, count)
#define HASH(member) FIELD(member, TEC_H5_UINT64, 1)
#define WORD(member, words_) FIELD(member, TEC_H5_INT, 1), .h5.words = words_
#define ALIKE(setting_) .alike = true, .setting = setting_
#define BY(setting_) .setting = setting_
#define EXCEPTION(member, size, empty_) FIELD(member, TEC_H5_TEXT, size), .h5.empty = empty_, .exception = true

/* Those that are easier to understand come first: of several differences the first is named. */
const feature_field tec_feature_fields[] = {
    {WORD(tokens, token_words), ALIKE("features.tokens")},
    {INTEGER(layer), ALIKE("features.layer")},
    {BOOL(norm), ALIKE("features.norm")},
    {FIELD(image_size, TEC_H5_SIZE, 1), ALIKE("data.image_size")},
    {WORD(resize, resize_words), ALIKE("eval.resize")},
    {DOUBLES(crop_pct, 1), ALIKE("eval.crop_pct")},
    {WORD(interpolation, filter_words), ALIKE("eval.interpolation")},
    {EXCEPTION(range, TEC_BANDS_RANGE_TEXT, "bytes"), ALIKE("data.range")},
    {EXCEPTION(bands, TEC_BANDS_CHOSEN_TEXT, "all"), ALIKE("data.bands")},
    {DOUBLES(mean, TEC_BANDS_MOST), ALIKE("base.mean")},
    {DOUBLES(std, TEC_BANDS_MOST), ALIKE("base.std")},
    {INTEGER(width), ALIKE("the model")},
    {INTEGER(heads), ALIKE("base.heads")},
    {DOUBLES(norm_eps, 1), ALIKE("base.norm_eps")},
    {INTEGER(patches), ALIKE("the model")},
    {INTEGER(channels), ALIKE("the model")},
    {HASH(model_hash), ALIKE("the model")},
    {WORD(type, type_words), BY("features.type")},
    {INTEGER(batch), BY("eval.batch")},
    {BOOL(strict_images), BY("data.strict_images")},
    {FIELD(images, TEC_H5_INT64, 1), BY("the images")},
    {HASH(data_hash), BY("the images")},
    {.h5 = {0}},
};

static tec_h5_field stored_field(const feature_field *field, const tec_feature_spec *spec)
{
    tec_h5_field stored = field->h5;
    if (stored.kind == TEC_H5_DOUBLE && stored.count == TEC_BANDS_MOST)
        stored.count = tec_bands_numbers(spec->channels);
    return stored;
}

const char *tec_feature_type_name(tec_feature_type type)
{
    return type_words[type];
}

bool tec_feature_spec_differ(const tec_feature_spec *a, const tec_feature_spec *b, bool alike,
                             tec_feature_difference *out)
{
    for (const feature_field *f = tec_feature_fields; f->h5.name; f++) {
        if (alike && !f->alike)
            continue;
        const tec_h5_field of_a = stored_field(f, a), of_b = stored_field(f, b);
        tec_h5_field_text(&of_a, a, out->a, sizeof out->a);
        tec_h5_field_text(&of_b, b, out->b, sizeof out->b);
        if (strcmp(out->a, out->b) == 0)
            continue;
        out->name = f->h5.name;
        out->setting = f->setting;
        return true;
    }
    return false;
}

char *tec_feature_spec_describe(const tec_feature_spec *spec)
{
    char *text = tec_string_copy(""), value[1200];
    for (const feature_field *f = tec_feature_fields; f->h5.name; f++) {
        const tec_h5_field stored = stored_field(f, spec);
        tec_string_append(&text, "  %s: %s\n", f->h5.name, tec_h5_field_text(&stored, spec, value, sizeof value));
    }
    return text;
}

tec_status tec_feature_files_refuse(const tec_feature_difference *d, const char *a_path, const char *b_path)
{
    if (strcmp(d->name, "model_hash") == 0)
        return tec_fail(TEC_USER_ERROR, "%s and %s are features by different models: write both by the same one",
                        a_path, b_path);
    return tec_fail(TEC_USER_ERROR,
                    "%s and %s do not go together: %s is %s in the one and %s in the other (%s): write both alike",
                    a_path, b_path, d->name, d->a, d->b, d->setting);
}

size_t tec_feature_row_numbers(const tec_feature_spec *spec)
{
    return (size_t)spec->width * (size_t)(spec->patches ? spec->patches : 1);
}

size_t tec_feature_row_bytes(const tec_feature_spec *spec)
{
    return tec_feature_row_numbers(spec) * (spec->type == TEC_FEATURE_FLOAT16 ? 2 : 4);
}

/* -- numbers -- */

#define PIECE 1024 /* numbers widened or narrowed at once where `real` is double */

void tec_feature_encode(tec_feature_type type, const real *value, size_t count, void *stored)
{
    float piece[PIECE];
    for (size_t i = 0; i < count; i += PIECE) {
        size_t n = count - i < PIECE ? count - i : PIECE;
        for (size_t j = 0; j < n; j++)
            piece[j] = (float)value[i + j];
        if (type == TEC_FEATURE_FLOAT16)
            tec_half_from_float(piece, n, (uint16_t *)stored + i);
        else
            memcpy((float *)stored + i, piece, n * sizeof *piece);
    }
}

void tec_feature_decode(tec_feature_type type, const void *stored, size_t count, real *value)
{
    float piece[PIECE];
    for (size_t i = 0; i < count; i += PIECE) {
        size_t n = count - i < PIECE ? count - i : PIECE;
        if (type == TEC_FEATURE_FLOAT16)
            tec_half_to_float((const uint16_t *)stored + i, n, piece);
        else
            memcpy(piece, (const float *)stored + i, n * sizeof *piece);
        for (size_t j = 0; j < n; j++)
            value[i + j] = (real)piece[j];
    }
}

/* -- attributes -- */

tec_status tec_feature_put_spec(tec_h5_draft *draft, const tec_feature_spec *spec)
{
    const int version = FEATURE_VERSION;
    TEC_TRY(tec_h5_draft_put_text(draft, "/", "format", FEATURE_FORMAT));
    TEC_TRY(tec_h5_draft_put_numbers(draft, "/", "version", H5T_NATIVE_INT, 1, &version));
    TEC_TRY(tec_h5_draft_put_text(draft, "/", "software", tec_version()));
    for (const feature_field *f = tec_feature_fields; f->h5.name; f++) {
        const tec_h5_field stored = stored_field(f, spec);
        if (!f->exception || *((const char *)spec + stored.offset))
            TEC_TRY(tec_h5_draft_put_field(draft, "/", &stored, spec));
    }
    return TEC_OK;
}

static tec_status check_spec(const tec_feature_spec *s, const char *path)
{
    enum { MOST = 1 << 20 };
    if (s->images < 1 || s->images > INT64_C(1) << 40 || s->batch < 1 || s->width < 1 || s->width > MOST ||
        s->patches < 0 || s->patches > MOST || s->layer < 1 || s->image_size.height < 1 || s->image_size.width < 1 ||
        s->channels < 1 || s->channels > TEC_BANDS_MOST || tec_feature_row_bytes(s) > (size_t)1 << 32)
        return tec_fail(TEC_USER_ERROR, "%s: an attribute is out of range: the file is damaged", path);
    return TEC_OK;
}

tec_status tec_feature_get_spec(hid_t file, const char *path, tec_feature_spec *spec)
{
    char format[32] = "";
    int version = 0;
    *spec = (tec_feature_spec){0};
    if (!tec_h5_has_attribute(file, "format") ||
        tec_h5_get_text(file, path, "format", format, sizeof format) != TEC_OK || strcmp(format, FEATURE_FORMAT) != 0)
        return tec_fail(TEC_USER_ERROR, "%s is no file of features: `tec features MODEL IMAGES -o OUT.h5` writes one",
                        path);
    TEC_TRY(tec_h5_get_numbers(file, path, "version", H5T_NATIVE_INT, 1, &version));
    if (version != FEATURE_VERSION)
        return tec_fail(TEC_USER_ERROR, "%s has version %d of the format; this program knows version %d", path, version,
                        FEATURE_VERSION);
    TEC_TRY(tec_h5_get_numbers(file, path, "channels", H5T_NATIVE_INT, 1, &spec->channels)); /* how long others are */
    for (const feature_field *f = tec_feature_fields; f->h5.name; f++) {
        const tec_h5_field stored = stored_field(f, spec);
        if (!f->exception || tec_h5_has_attribute(file, f->h5.name))
            TEC_TRY(tec_h5_get_field(file, path, &stored, spec));
    }
    return check_spec(spec, path);
}

/* -- a specification alone -- */

tec_status tec_feature_spec_read(const char *path, tec_feature_spec *spec, int64_t *number)
{
    TEC_H5_ALONE;
    hid_t file;
    TEC_TRY(tec_h5_open(path, &file));
    tec_status status = tec_feature_get_spec(file, path, spec);
    if (status == TEC_OK)
        status = tec_h5_get_numbers(file, path, "number", H5T_NATIVE_INT64, 1, number);
    H5Fclose(file);
    return status;
}
