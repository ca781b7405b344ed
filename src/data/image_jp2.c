/* JPEG 2000, by openjpeg: grey, RGB or bands of up to 16 bits, as a file (JP2) or a bare codestream. */
#include "image_codec.h"

#include <string.h>

static const uint8_t box_start[] = "\0\0\0\x0cjP  \r\n\x87\n", stream_start[] = "\xff\x4f\xff\x51";

static bool is_file(const uint8_t *data, size_t bytes)
{
    return bytes >= sizeof box_start - 1 && !memcmp(data, box_start, sizeof box_start - 1);
}

static bool matches(const uint8_t *data, size_t bytes)
{
    return is_file(data, bytes) || (bytes >= 4 && !memcmp(data, stream_start, 4));
}

#ifdef TEC_JP2
#include "image_bands.h"
#include "number.h"
#include "tec/minmax.h"

#include <stdio.h>
#include <stdlib.h>

#include <openjpeg.h>

/* A picture of one colour takes a few bytes, one of a page that is nearly white some hundred pixels a byte. openjpeg needs
 * 4 bytes or more for each number, so less is free than elsewhere. */
#define PIXELS_PER_BYTE 512.0
#define FREE_PIXELS 2097152.0
enum { MESSAGE = 160, BYTES_PER_TILE = 64, FREE_TILES = 64, PLAIN_BANDS = 4, MULTIPLIED = 2 };

typedef struct reader {
    const uint8_t *data;
    size_t bytes, at;
    const char *name;
    const tec_decoding *how; /* NULL: 8-bit grey or RGB */
    char message[MESSAGE];   /* the first error or, while pixels are read, warning of openjpeg; "": none */
} reader;

/* ---- what openjpeg calls ---- */

static OPJ_SIZE_T read_some(void *out, OPJ_SIZE_T count, void *user)
{
    reader *r = user;
    size_t taken = tec_min_size(count, r->bytes - r->at);
    memcpy(out, r->data + r->at, taken);
    r->at += taken;
    return taken ? taken : (OPJ_SIZE_T)-1;
}

static OPJ_BOOL seek(OPJ_OFF_T to, void *user)
{
    reader *r = user;
    if (to < 0 || (size_t)to > r->bytes)
        return OPJ_FALSE;
    r->at = (size_t)to;
    return OPJ_TRUE;
}

static OPJ_OFF_T skip(OPJ_OFF_T count, void *user)
{
    const reader *r = user;
    return seek((OPJ_OFF_T)r->at + count, user) ? count : -1;
}

static void note(const char *message, void *user)
{
    reader *r = user;
    if (!*r->message)
        snprintf(r->message, sizeof r->message, "%.*s", (int)strcspn(message, "\n"), message);
}

static tec_status fail(const reader *r)
{
    return tec_fail(TEC_USER_ERROR, "%s: damaged JPEG 2000%s%s", r->name, *r->message ? ": " : "", r->message);
}

/* ---- what the header says ---- */

/* By how much such an image takes more memory than one of a few bands. */
static double share_of(unsigned bands)
{
    return bands > PLAIN_BANDS ? (double)bands / PLAIN_BANDS : 1;
}

/* Where the codestream begins; `bytes` if nowhere. */
static size_t find_stream(const reader *r)
{
    size_t at = 0;
    if (!is_file(r->data, r->bytes))
        return 0;
    while (r->bytes - at >= 16 && memcmp(r->data + at + 4, "jp2c", 4) != 0) {
        uint32_t length = tec_number(r->data + at, 4, false);
        at = length >= 8 && length < r->bytes - at ? at + length : r->bytes;
    }
    return r->bytes - at < 16 ? r->bytes : at + (tec_number(r->data + at, 4, false) == 1 ? 16 : 8);
}

/* Before openjpeg takes memory for every band of every tile that the header promises. */
static tec_status check_tiles(const reader *r)
{
    enum { BANDS = 40, HEADER = 42 };
    size_t at = find_stream(r);
    if (r->bytes - at < HEADER)
        return tec_image_truncated("JPEG 2000", r->bytes, r->name);
    unsigned bands = tec_number(r->data + at + BANDS, 2, false);
    if (bands > (r->how ? TEC_BANDS_MOST : PLAIN_BANDS))
        return tec_fail(TEC_USER_ERROR, "%s: a JPEG 2000 image of %u bands: %s", r->name, bands,
                        bands > TEC_BANDS_MOST ? "at most 64 are read"
                                               : "set data.channels to as many, or let data.bands choose some");
    double tiles = 1;
    for (int axis = 0; axis < 2; axis++) { /* ends of the image; 16 bytes on the sides of tiles, 24 their start */
        const uint8_t *end = r->data + at + 8 + 4 * (size_t)axis;
        double side = tec_number(end + 16, 4, false);
        tiles *= side > 0 ? ((double)tec_number(end, 4, false) - tec_number(end + 24, 4, false)) / side + 1 : 1;
    }
    if (tiles * share_of(bands) > (double)r->bytes / BYTES_PER_TILE + FREE_TILES)
        return tec_fail(TEC_USER_ERROR, "%s: the header says %.0f tiles, but the file is too short to hold them",
                        r->name, tiles);
    return TEC_OK;
}

static tec_status check_bands(const reader *r, const opj_image_t *image)
{
    unsigned bands = image->numcomps;
    bool expected = image->color_space <= OPJ_CLRSPC_GRAY && bands >= 1 && bands <= TEC_BANDS_MOST;
    for (unsigned i = 0; expected && i < bands; i++) {
        const opj_image_comp_t *band = &image->comps[i], *first = image->comps;
        expected = band->prec <= 16 && band->w == first->w && band->h == first->h && band->prec == first->prec &&
                   (!r->how || band->sgnd == first->sgnd);
    }
    if (expected)
        return TEC_OK;
    return tec_fail(TEC_USER_ERROR,
                    "%s: a JPEG 2000 image of %u bands, %u bits%s: grey, RGB or bands of one size, all alike, of at "
                    "most 16 bits are expected; convert it",
                    r->name, bands, bands ? image->comps[0].prec : 0,
                    image->color_space > OPJ_CLRSPC_GRAY ? ", in YCbCr or CMYK" : "");
}

/* ---- pixels ---- */

/* Of more than 8 bits, and taken as they are? */
static bool is_deep(const reader *r, const opj_image_comp_t *band)
{
    return band->prec > 8 && r->how && tec_bands_widen(&r->how->bands);
}

/* A second and a fourth band are alpha, as to Pillow: hardly any file says so. */
static tec_status make_plan(const reader *r, const opj_image_t *image, tec_band_plan *out)
{
    const int bands = (int)image->numcomps, plain = bands < 3 ? 1 : 3;
    const opj_image_comp_t *first = image->comps, *last = first + bands - 1;
    const tec_decoding whole = {.channels = plain};
    tec_band_source source = tec_band_source_of(TEC_SAMPLE_U8, bands);
    source.colours = bands <= PLAIN_BANDS ? plain : bands;
    source.rgb = source.colours == 3;
    source.multiplied = last->alpha == MULTIPLIED && r->how ? "its colours are multiplied by alpha" : NULL;
    if (is_deep(r, first)) {
        source.sample = first->sgnd ? TEC_SAMPLE_I16 : TEC_SAMPLE_U16;
        source.most = first->sgnd ? 0 : (1 << first->prec) - 1;
    }
    TEC_TRY(tec_band_plan_make(out, &source, r->how ? r->how : &whole, r->name));
    if (is_deep(r, first))
        out->sample = TEC_SAMPLE_I32; /* as openjpeg has them in memory */
    return TEC_OK;
}

/* 8 bits of a number, rounded. Of fewer they are the upper ones, as Pillow has them. */
static uint8_t value_of(const opj_image_comp_t *band, size_t pixel)
{
    int value = band->data[pixel] + (band->sgnd ? 1 << (band->prec - 1) : 0), drop = (int)band->prec - 8;
    value = drop > 0 ? (value + (1 << (drop - 1))) >> drop : value * (1 << -drop);
    return (uint8_t)tec_min_int(tec_max_int(value, 0), 255);
}

static tec_status put_band(const reader *r, const tec_band_plan *plan, const opj_image_comp_t *band, int channel,
                           tec_image *out)
{
    const size_t width = (size_t)out->width, piece = 256;
    if (!band->data || band->w != (unsigned)out->width || band->h != (unsigned)out->height)
        return fail(r);
    for (size_t y = 0; y < (size_t)out->height; y++)
        for (size_t x = 0; x < width; x += piece) {
            const size_t at = y * width + x, count = tec_min_size(piece, width - x);
            uint8_t value[256];
            for (size_t i = 0; i < count && !is_deep(r, band); i++)
                value[i] = value_of(band, at + i);
            if (is_deep(r, band))
                TEC_TRY(tec_band_put(plan, out, channel, band->data + at, sizeof *band->data, y, x, count));
            else
                TEC_TRY(tec_band_put(plan, out, channel, value, 1, y, x, count));
        }
    return TEC_OK;
}

/* openjpeg only warns of data that end early or are wrong. */
static tec_status read_pixels(reader *r, opj_codec_t *codec, opj_stream_t *stream, opj_image_t *image, tec_image *out)
{
    tec_band_plan plan;
    const double room = tec_max_double(PIXELS_PER_BYTE * (double)r->bytes, FREE_PIXELS) / share_of(image->numcomps);
    TEC_TRY(make_plan(r, image, &plan));
    TEC_TRY(tec_band_reserve(out, &plan, image->comps[0].h, image->comps[0].w,
                             room * plan.channels * (double)(plan.widen ? sizeof(float) : 1)));
    opj_set_warning_handler(codec, note, r);
    if (!opj_decode(codec, stream, image) || !opj_end_decompress(codec, stream) || *r->message)
        return fail(r);
    out->deep = image->comps[0].prec > 8 && !plan.widen;
    for (int c = 0; c < plan.channels; c++)
        TEC_TRY(put_band(r, &plan, &image->comps[plan.from[c]], c, out));
    return tec_band_finish(&plan, out);
}

static tec_status read_image(reader *r, opj_codec_t *codec, opj_stream_t *stream, tec_image *out)
{
    opj_image_t *image = NULL;
    opj_dparameters_t how;
    opj_set_default_decoder_parameters(&how);
    opj_set_error_handler(codec, note, r);
    if (!opj_setup_decoder(codec, &how) || !opj_read_header(stream, codec, &image))
        return fail(r);
    tec_status status = check_bands(r, image);
    if (status == TEC_OK)
        status = read_pixels(r, codec, stream, image, out);
    opj_image_destroy(image);
    return status;
}

/* Pillow too takes only whole files. how: NULL: 8-bit grey or RGB. */
static tec_status decode_as(tec_image *out, const uint8_t *data, size_t bytes, const tec_decoding *how,
                            const char *name)
{
    reader r = {.data = data, .bytes = bytes, .name = name, .how = how};
    TEC_TRY(check_tiles(&r));
    opj_codec_t *codec = opj_create_decompress(is_file(data, bytes) ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    tec_status status = TEC_OK;
    if (codec && stream) {
        opj_stream_set_user_data(stream, &r, NULL);
        opj_stream_set_user_data_length(stream, bytes);
        opj_stream_set_read_function(stream, read_some);
        opj_stream_set_skip_function(stream, skip);
        opj_stream_set_seek_function(stream, seek);
        status = read_image(&r, codec, stream, out);
    } else {
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: no memory to decode JPEG 2000", name);
    }
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    (void)strict;
    return decode_as(out, data, bytes, NULL, name);
}

static tec_status decode_bands(tec_image *out, const uint8_t *data, size_t bytes, const tec_decoding *how,
                               const char *name)
{
    return decode_as(out, data, bytes, how, name);
}
#endif

const tec_image_codec tec_image_jp2 = {
    .name = "JPEG 2000",
    .endings = {".jp2", ".j2k", ".jpf", ".j2c"},
    .matches = matches,
#ifdef TEC_JP2
    .decode = decode,
    .decode_bands = decode_bands,
#else
    .lacks = "openjpeg (Debian: libopenjp2-7-dev; Spack: openjpeg)",
#endif
};
