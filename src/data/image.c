/* Which codec an image file is for. */
#include "tec/image.h"

#include "file_format.h"
#include "image_bands.h"
#include "image_codec.h"
#include "image_turn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const tec_image_codec *const codecs[] = {&tec_image_jpeg, &tec_image_png, &tec_image_webp, &tec_image_tiff,
                                                &tec_image_gif,  &tec_image_jp2, &tec_image_bmp,  &tec_image_pnm};
enum { CODECS = sizeof codecs / sizeof *codecs };

static const tec_image_codec *find_codec(const uint8_t *data, size_t bytes)
{
    for (int i = 0; i < CODECS; i++)
        if (codecs[i]->matches(data, bytes))
            return codecs[i];
    return NULL;
}

/* Adds `word` to what text [size] holds, after `between` unless it is the first. */
static void append(char *text, size_t size, const char *between, const char *word)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? between : "", word);
}

char *tec_image_names(char *text, size_t size, const char *last)
{
    char before_last[16];
    snprintf(before_last, sizeof before_last, " %s ", last);
    *text = 0;
    for (int i = 0; i < CODECS; i++)
        append(text, size, i == CODECS - 1 ? before_last : ", ", codecs[i]->name);
    return text;
}

tec_status tec_image_refuse(const uint8_t *data, size_t bytes, const char *name)
{
    enum { START = 8 }; /* bytes that tell kinds of files apart */
    char names[256];
    const tec_file_format *format = tec_file_format_of(data, bytes);
    tec_image_names(names, sizeof names, bytes < START ? "or" : "nor");
    if (bytes < START)
        return tec_fail(TEC_USER_ERROR, "%s: %zu bytes are not an image (%s expected)", name, bytes, names);
    if (format)
        return tec_fail(TEC_USER_ERROR, "%s: neither %s, but %s%s%s%s", name, names, format->what,
                        format->image ? ", which has to be converted" : "", format->recipe ? ": " : "",
                        format->recipe ? format->recipe : "");
    return tec_fail(TEC_USER_ERROR, "%s: neither %s (starts with %02x %02x %02x %02x)", name, names, data[0], data[1],
                    data[2], data[3]);
}

const char *tec_image_note_words(tec_image_note note)
{
    static const char *const words[TEC_IMAGE_NOTES] = {
        [TEC_IMAGE_PNG_END] = "PNG without an end (IEND)",
        [TEC_IMAGE_PNG_CHECKSUM] = "PNG with a wrong checksum",
        [TEC_IMAGE_PNG_ROWS] = "PNG with rows missing at the end (black)",
        [TEC_IMAGE_PNG_CHUNK] = "PNG with a damaged chunk",
        [TEC_IMAGE_JPEG_END] = "JPEG without an end marker, which Pillow refuses",
        [TEC_IMAGE_JPEG_CODE] = "JPEG with a bad Huffman code",
        [TEC_IMAGE_JPEG_PART] = "JPEG with a part of the data missing (grey)",
        [TEC_IMAGE_JPEG_OTHER] = "JPEG with a damaged marker",
        [TEC_IMAGE_TIFF_DATA] = "TIFF that is damaged or without an end",
        [TEC_IMAGE_GIF_END] = "GIF without an end",
        [TEC_IMAGE_BMP_END] = "BMP without an end",
        [TEC_IMAGE_TURNED] = "with an EXIF orientation",
    };
    return words[note];
}

static tec_status decode_by(const tec_image_codec *codec, tec_image *out, const uint8_t *data, size_t bytes,
                            const tec_decoding *how, const char *name)
{
    if (!tec_bands_plain(&how->bands, how->channels) && codec->decode_bands)
        return codec->decode_bands(out, data, bytes, how, name);
    TEC_TRY(codec->decode(out, data, bytes, how->strict, name));
    return tec_band_convert(out, how, name);
}

static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, const tec_decoding *how, const char *name)
{
    const tec_image_codec *codec = find_codec(data, bytes);
    if (!codec)
        return tec_image_refuse(data, bytes, name);
    if (!codec->decode)
        return tec_fail(TEC_USER_ERROR, "%s: a %s image, for which this build of tec lacks %s", name, codec->name,
                        codec->lacks);
    TEC_TRY(decode_by(codec, out, data, bytes, how, name));
    int orientation = codec->orientation ? codec->orientation(data, bytes) : 1;
    if (how->turn)
        return tec_image_turn(out, orientation, name);
    out->notes |= orientation != 1 ? 1u << TEC_IMAGE_TURNED : 0;
    return TEC_OK;
}

tec_status tec_image_decode(tec_image *out, const void *data, size_t bytes, const tec_decoding *how, const char *name)
{
    assert(how->channels >= 1 && how->channels <= TEC_BANDS_MOST);
    assert(!how->bands.chosen || how->bands.chosen == how->channels);
    *out = (tec_image){0};
    tec_status status = decode(out, data, bytes, how, name);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

bool tec_image_starts(const uint8_t *data, size_t bytes)
{
    return find_codec(data, bytes) != NULL;
}

/* ---- names of files ---- */

static const tec_image_codec *named_codec(const char *file)
{
    const char *dot = strrchr(file, '.');
    for (int i = 0; dot && i < CODECS; i++)
        for (const char *const *ending = codecs[i]->endings; *ending; ending++)
            if (!strcasecmp(dot, *ending))
                return codecs[i];
    return NULL;
}

bool tec_image_is_named(const char *file)
{
    return named_codec(file) != NULL;
}

static const char *lacking(const tec_image_codec *codec, const char **kind)
{
    *kind = codec ? codec->name : NULL;
    return codec && !codec->decode ? codec->lacks : NULL;
}

const char *tec_image_lacking(const char *file, const char **kind)
{
    return lacking(named_codec(file), kind);
}

const char *tec_image_lacking_content(const uint8_t *data, size_t bytes, const char **kind)
{
    return lacking(find_codec(data, bytes), kind);
}

char *tec_image_endings(char *text, size_t size)
{
    *text = 0;
    for (int i = 0; i < CODECS; i++)
        for (const char *const *ending = codecs[i]->endings; *ending; ending++)
            append(text, size, ", ", *ending);
    return text;
}
