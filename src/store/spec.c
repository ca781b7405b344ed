/* The members of a specification by table (checking, formatting, comparing), and the rows and shards that follow. */
#include "store_parts.h"

#include "tec/hash.h"
#include "tec/minmax.h"
#include "tec/text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const type_words[] = {TEC_TARGET_TYPE_LIST(TEC_COMMA), NULL};

#define FIELD(member, kind_, count_)                                                                                   \
    .h5.name = #member, .h5.offset = offsetof(tec_store_spec, member), .h5.kind = kind_, .h5.count = count_
#define INTEGER(member, kind, min_, max_) FIELD(member, kind, 1), .min = min_, .max = max_
#define DOUBLES(member, count) FIELD(member, TEC_H5_DOUBLE, count)
#define BOOL(member) FIELD(member, TEC_H5_BOOL, 1)
#define WORD(member, words_) FIELD(member, TEC_H5_INT, 1), .h5.words = words_
#define UINT64(member) FIELD(member, TEC_H5_UINT64, 1)
#define DECIDED_BY(setting_) .setting = setting_
#define EXCEPTION .exception = true
#define STORAGE(setting_) .storage = true, .setting = setting_
#define TEXT(member, size, empty_) FIELD(member, TEC_H5_TEXT, size), .h5.empty = empty_

const spec_field tec_store_spec_fields[] = {
    {UINT64(base), DECIDED_BY("base.model")},
    {TEXT(range, TEC_BANDS_RANGE_TEXT, "bytes"), DECIDED_BY("data.range"),
     EXCEPTION}, /* before dataset, which changes too */
    {TEXT(bands, TEC_BANDS_CHOSEN_TEXT, "all"), DECIDED_BY("data.bands"), EXCEPTION},
    {UINT64(dataset), DECIDED_BY("data.train")},
    {INTEGER(samples, TEC_H5_INT64, 1, INT64_C(1) << 40), DECIDED_BY("data.train")},
    {INTEGER(views, TEC_H5_INT, 1, 65536), DECIDED_BY("targets.views")},
    {FIELD(image_size, TEC_H5_SIZE, 1), .min = 1, .max = 32768, DECIDED_BY("data.image_size")},
    {INTEGER(channels, TEC_H5_INT, 1, TEC_BANDS_MOST), DECIDED_BY("data.channels")},
    {INTEGER(patch, TEC_H5_INT, 1, 32768), DECIDED_BY("base.model")},
    {INTEGER(patches, TEC_H5_INT, 1, 65535), DECIDED_BY("base.model")},
    {INTEGER(width, TEC_H5_INT, 1, 65536), DECIDED_BY("base.model")},
    {INTEGER(heads, TEC_H5_INT, 1, 4096), DECIDED_BY("base.model")},
    {INTEGER(topk, TEC_H5_INT, 0, 65535), DECIDED_BY("targets.topk")},
    {INTEGER(last_layers, TEC_H5_INT, 1, 65536), DECIDED_BY("targets.last_layers")},
    {BOOL(plain_features), DECIDED_BY("targets.standardise"), EXCEPTION},
    {BOOL(mean_query), DECIDED_BY("base.model"), EXCEPTION},
    {DOUBLES(mean, TEC_BANDS_MOST), DECIDED_BY("base.mean")},
    {DOUBLES(std, TEC_BANDS_MOST), DECIDED_BY("base.std")},
    {DOUBLES(norm_eps, 1), DECIDED_BY("base.norm_eps"), EXCEPTION},
    {DOUBLES(crop_scale, 2), DECIDED_BY("data.crop_scale")},
    {DOUBLES(crop_ratio, 2), DECIDED_BY("data.crop_ratio")},
    {BOOL(flip), DECIDED_BY("data.flip")},
    {UINT64(seed), DECIDED_BY("run.seed")},
    {WORD(type, type_words), STORAGE("targets.type")},
    {BOOL(images), STORAGE("targets.store_images")},
    {INTEGER(shard_rows, TEC_H5_INT64, 1, INT64_C(1) << 40), STORAGE("targets.shard_mb")},
    {.h5 = {0}},
};

const char *tec_target_type_name(tec_target_type type)
{
    return type_words[type];
}

int tec_store_version(tec_target_type type)
{
    return type == TEC_TARGET_INT8 ? STORE_VERSION : 1;
}

tec_status tec_store_version_known(int64_t version, const char *where)
{
    if (version >= 1 && version <= STORE_VERSION)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR, "%s has version %lld of the format; this program knows versions up to %d", where,
                    (long long)version, STORE_VERSION);
}

tec_status tec_store_version_check(int64_t version, const tec_store_spec *spec, const char *where)
{
    if (version == tec_store_version(spec->type))
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s has version %lld of the format; of type %s this program reads version %d: make the store again "
                    "with `tec targets`, in another targets.dir",
                    where, (long long)version, tec_target_type_name(spec->type), tec_store_version(spec->type));
}

int64_t tec_store_rows(const tec_store_spec *spec)
{
    return spec->samples * spec->views;
}

int64_t tec_store_shards(const tec_store_spec *spec)
{
    return (tec_store_rows(spec) + spec->shard_rows - 1) / spec->shard_rows;
}

int64_t tec_store_shard_row_count(const tec_store_spec *spec, int64_t shard)
{
    return tec_min_int64(tec_store_rows(spec) - shard * spec->shard_rows, spec->shard_rows);
}

size_t tec_store_row_features(const tec_store_spec *spec)
{
    return (size_t)spec->patches * (size_t)spec->width;
}

size_t tec_store_row_logits(const tec_store_spec *spec)
{
    return (size_t)(1 + spec->topk) * (size_t)spec->heads * (size_t)spec->patches;
}

int64_t tec_store_row_bytes(const tec_store_spec *spec)
{
    store_layout layout = tec_store_layout_of(spec);
    int64_t bytes = 0;
    for (int i = 0; i < PARTS; i++)
        bytes += (int64_t)layout.part[i].bytes;
    return bytes;
}

/* Is it mean or std, which have a number for each channel? */
static bool is_of_channels(const spec_field *field)
{
    return field->h5.kind == TEC_H5_DOUBLE && field->h5.count == TEC_BANDS_MOST;
}

/* The number of elements in use. */
static int elements(const spec_field *field, const tec_store_spec *spec)
{
    return is_of_channels(field) ? tec_max_int(1, tec_min_int(spec->channels, TEC_BANDS_MOST)) : field->h5.count;
}

tec_h5_field tec_store_stored_field(const spec_field *field, const tec_store_spec *spec)
{
    tec_h5_field stored = field->h5;
    stored.count = is_of_channels(field) ? tec_bands_numbers(spec->channels) : field->h5.count;
    return stored;
}

static const void *member_of(const tec_store_spec *spec, const spec_field *field)
{
    return (const char *)spec + field->h5.offset;
}

static int64_t whole_number(const tec_store_spec *spec, const spec_field *field)
{
    const void *member = member_of(spec, field);
    return field->h5.kind == TEC_H5_INT64 ? *(const int64_t *)member : *(const int *)member;
}

bool tec_store_field_left_out(const spec_field *field, const tec_store_spec *spec)
{
    const void *member = member_of(spec, field);
    if (!field->exception)
        return false;
    if (field->h5.kind == TEC_H5_TEXT)
        return !*(const char *)member;
    return field->h5.kind == TEC_H5_DOUBLE ? *(const double *)member == 0 : !*(const bool *)member;
}

tec_status tec_store_spec_check(const tec_store_spec *spec, const char *where)
{
    for (const spec_field *f = tec_store_spec_fields; f->h5.name; f++) {
        if (f->min == f->max)
            continue;
        int64_t value = whole_number(spec, f);
        if (value < f->min || value > f->max)
            return tec_fail(TEC_USER_ERROR, "%s: %s is %lld, out of range (%lld .. %lld)", where, f->h5.name,
                            (long long)value, (long long)f->min, (long long)f->max);
    }
    if (spec->topk > spec->patches)
        return tec_fail(TEC_USER_ERROR, "%s: topk is %d, but there are only %d patches", where, spec->topk,
                        spec->patches);
    if (spec->shard_rows % spec->views)
        return tec_fail(TEC_USER_ERROR, "%s: shard_rows (%lld) is not a multiple of views (%d)", where,
                        (long long)spec->shard_rows, spec->views);
    if (tec_store_row_bytes(spec) > 1 << 30)
        return tec_fail(TEC_USER_ERROR, "%s: a row has %lld bytes, more than 1 GB", where,
                        (long long)tec_store_row_bytes(spec));
    if (spec->shard_rows > (INT64_C(1) << 50) / tec_store_row_bytes(spec))
        return tec_fail(TEC_USER_ERROR, "%s: %lld rows of %lld bytes are too many for a shard", where,
                        (long long)spec->shard_rows, (long long)tec_store_row_bytes(spec));
    return TEC_OK;
}

/* -- comparison -- */

char *tec_store_field_text(const spec_field *field, const tec_store_spec *spec, char *text, size_t size)
{
    tec_h5_field used = field->h5;
    used.count = elements(field, spec);
    if (used.offset == offsetof(tec_store_spec, seed))
        snprintf(text, size, "%llu", (unsigned long long)spec->seed);
    else
        tec_h5_field_text(&used, spec, text, size);
    return text;
}

uint64_t tec_store_identity(const tec_store_spec *spec)
{
    uint64_t hash = 0;
    for (const spec_field *f = tec_store_spec_fields; f->h5.name; f++) {
        char value[1200];
        if (f->h5.offset == offsetof(tec_store_spec, images) || f->h5.offset == offsetof(tec_store_spec, shard_rows) ||
            tec_store_field_left_out(f, spec))
            continue;
        tec_store_field_text(f, spec, value, sizeof value);
        hash = tec_hash_bytes(hash, f->h5.name, strlen(f->h5.name));
        hash = tec_hash_bytes(hash, value, strlen(value));
    }
    return hash;
}

static bool same(const spec_field *field, const tec_store_spec *a, const tec_store_spec *b)
{
    if (field->h5.kind == TEC_H5_DOUBLE) {
        const double *x = member_of(a, field), *y = member_of(b, field);
        for (int i = 0; i < elements(field, a); i++)
            if (x[i] != y[i])
                return false;
        return true;
    }
    char first[TEC_BANDS_CHOSEN_TEXT], second[TEC_BANDS_CHOSEN_TEXT];
    return strcmp(tec_store_field_text(field, a, first, sizeof first),
                  tec_store_field_text(field, b, second, sizeof second)) == 0;
}

/* Fingerprints tell people nothing. */
static tec_status other_images(const tec_store_spec *have, const tec_store_spec *want, const char *where)
{
    return tec_fail(
        TEC_USER_ERROR,
        "%s was made with dataset = %016llx, of %lld images, this run wants %016llx, of %lld images "
        "(data.train, data.max_train, data.exif_orientation, data.bands, data.range): use the images that it was made of, or make a store of these in "
        "another targets.dir",
        where, (unsigned long long)have->dataset, (long long)have->samples, (unsigned long long)want->dataset,
        (long long)want->samples);
}

/* Stores say it only since there is a member for it: one that does not may have been made with any. */
static tec_status other_norm_eps(const tec_store_spec *have, const tec_store_spec *want, const char *where)
{
    if (have->norm_eps == 0)
        return tec_fail(TEC_USER_ERROR,
                        "%s does not say with which base.norm_eps it was made (with none, or by an earlier program, "
                        "which did not record it), this run wants %.9g: to train from a whole store as it is, leave "
                        "base.norm_eps out; else use another targets.dir",
                        where, want->norm_eps);
    return tec_fail(TEC_USER_ERROR,
                    "%s was made with base.norm_eps = %.9g, this run wants %.9g%s: use the store's value, or another "
                    "targets.dir",
                    where, have->norm_eps, want->norm_eps, want->norm_eps == 0 ? " (what its base's file says)" : "");
}

tec_status tec_store_spec_compare(const tec_store_spec *have, const tec_store_spec *want, bool storage_too,
                                  const char *where)
{
    for (const spec_field *f = tec_store_spec_fields; f->h5.name; f++) {
        char is[1200], right[1200];
        if ((f->storage && !storage_too) || same(f, have, want))
            continue;
        if (f->h5.offset == offsetof(tec_store_spec, dataset))
            return other_images(have, want, where);
        if (f->h5.offset == offsetof(tec_store_spec, norm_eps))
            return other_norm_eps(have, want, where);
        return tec_fail(TEC_USER_ERROR,
                        "%s was made with %s = %s, this run wants %s (%s): use the store's value, or another "
                        "targets.dir",
                        where, f->h5.name, tec_store_field_text(f, have, is, sizeof is),
                        tec_store_field_text(f, want, right, sizeof right), f->setting);
    }
    return TEC_OK;
}
