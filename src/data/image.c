/* Which codec an image file is for. */
#include "tec/image.h"

#include "file_format.h"
#include "image_codec.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const tec_image_codec *const codecs[] = {&tec_image_jpeg, &tec_image_png};
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

tec_status tec_image_refuse(const uint8_t *data, size_t bytes, const char *name)
{
    enum { START = 8 }; /* bytes that tell kinds of files apart */
    char names[256] = "";
    const tec_file_format *format = tec_file_format_of(data, bytes);
    for (int i = 0; i < CODECS; i++)
        append(names, sizeof names, bytes < START ? " or " : " nor ", codecs[i]->name);
    if (bytes < START)
        return tec_fail(TEC_USER_ERROR, "%s: %zu bytes are not an image (%s expected)", name, bytes, names);
    if (format)
        return tec_fail(TEC_USER_ERROR, "%s: neither %s, but %s%s", name, names, format->what,
                        format->image ? ", which has to be converted" : "");
    return tec_fail(TEC_USER_ERROR, "%s: neither %s (starts with %02x %02x %02x %02x)", name, names, data[0], data[1],
                    data[2], data[3]);
}

tec_status tec_image_decode(tec_image *out, const void *data, size_t bytes, int channels, const char *name)
{
    assert(channels == 1 || channels == 3);
    *out = (tec_image){0};
    const tec_image_codec *codec = find_codec(data, bytes);
    tec_status status = codec ? codec->decode(out, data, bytes, name) : tec_image_refuse(data, bytes, name);
    if (status == TEC_OK)
        status = tec_image_convert(out, channels, name);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

bool tec_image_starts(const uint8_t *data, size_t bytes)
{
    return find_codec(data, bytes) != NULL;
}

/* ---- names of files ---- */

bool tec_image_is_named(const char *file)
{
    const char *dot = strrchr(file, '.');
    for (int i = 0; dot && i < CODECS; i++)
        for (const char *const *ending = codecs[i]->endings; *ending; ending++)
            if (!strcasecmp(dot, *ending))
                return true;
    return false;
}

char *tec_image_endings(char *text, size_t size)
{
    *text = 0;
    for (int i = 0; i < CODECS; i++)
        for (const char *const *ending = codecs[i]->endings; *ending; ending++)
            append(text, size, ", ", *ending);
    return text;
}
