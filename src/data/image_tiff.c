/* TIFF, by libtiff: the first page, of 8-bit grey, RGB, CMYK or a palette, in strips or tiles, packed as libtiff knows. */
#include "image_codec.h"
#include "image_turn.h"
#include "number.h"

#include <string.h>

#ifdef TEC_TIFF
#include "image_bands.h"
#include "image_tiff.h"
#include "tec/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_SAMPLES = 6 };

/* ---- what libtiff calls ---- */

static tmsize_t read_some(thandle_t handle, void *out, tmsize_t count)
{
    tiff_reader *r = (tiff_reader *)handle;
    size_t left = r->bytes - r->at, taken = (size_t)count < left ? (size_t)count : left;
    memcpy(out, r->data + r->at, taken);
    r->at += taken;
    r->ended |= taken < (size_t)count;
    return (tmsize_t)taken;
}

static tmsize_t write_nothing(thandle_t handle, void *data, tmsize_t count)
{
    (void)handle;
    (void)data;
    (void)count;
    return -1;
}

/* Behind the end nothing can be read. */
static toff_t seek(thandle_t handle, toff_t offset, int whence)
{
    tiff_reader *r = (tiff_reader *)handle;
    toff_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? r->at : r->bytes;
    r->at = from + offset < r->bytes ? (size_t)(from + offset) : r->bytes;
    return from + offset;
}

static toff_t length(thandle_t handle)
{
    return ((tiff_reader *)handle)->bytes;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static void note(tiff_reader *r, const char *format, va_list args)
{
    if (!*r->message)
        vsnprintf(r->message, sizeof r->message, format, args);
}

static void on_error(thandle_t handle, const char *module, const char *format, va_list args)
{
    (void)module;
    note((tiff_reader *)handle, format, args);
}

/* Of tags that nobody knows libtiff warns too: that is of no matter. A tag that lies behind the end of the file is left
 * out, although a palette may be meant. */
static void on_warning(thandle_t handle, const char *module, const char *format, va_list args)
{
    tiff_reader *r = (tiff_reader *)handle;
    char text[TIFF_MESSAGE];
    va_list again;
    (void)module;
    va_copy(again, args);
    vsnprintf(text, sizeof text, format, again);
    va_end(again);
    bool cut = strstr(text, "IO error") != NULL;
    r->cut |= cut;
    r->warned |= r->pixels;
    if (cut || r->pixels)
        note(r, format, args);
}

/* For all threads, as libtiff has only one of each; whose file it is they are told. */
static void set_handlers(void)
{
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    TIFFSetErrorHandlerExt(on_error);
    TIFFSetWarningHandlerExt(on_warning);
}

tec_status tec_tiff_fail(tiff_reader *r)
{
    return tec_fail(TEC_USER_ERROR, "%s: damaged or truncated TIFF of %zu bytes: %s", r->name, r->bytes,
                    *r->message ? tec_string_printable(r->message) : "libtiff does not say why");
}

/* ---- what is in the file ---- */

unsigned tec_tiff_field(const tiff_reader *r, uint32_t tag, unsigned otherwise)
{
    uint16_t value;
    return TIFFGetField(r->file, tag, &value) ? value : otherwise;
}

tec_status tec_tiff_refuse(const tiff_reader *r, const char *what)
{
    return tec_fail(
        TEC_USER_ERROR,
        "%s: TIFF of a kind that is not supported and has to be converted: %s (%u samples of %u bits; 8-bit "
        "grey, RGB, CMYK and palettes are)",
        r->name, what, r->samples, r->bits);
}

static bool read_palette(tiff_reader *r)
{
    uint16_t *map[3];
    if (!TIFFGetField(r->file, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]))
        return false;
    for (int i = 0; i < 1 << r->bits; i++)
        for (int c = 0; c < 3; c++)
            r->palette[i][c] = (uint8_t)(map[c][i] >> 8);
    return true;
}

/* Colours that are stored as YCbCr libjpeg turns into RGB. */
static tec_status read_ycbcr(tiff_reader *r)
{
    if (tec_tiff_field(r, TIFFTAG_COMPRESSION, COMPRESSION_NONE) != COMPRESSION_JPEG || r->separate)
        return tec_tiff_refuse(r, "YCbCr that is not packed as JPEG");
    TIFFSetField(r->file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    r->photometric = PHOTOMETRIC_RGB;
    return TEC_OK;
}

static tec_status read_colours(tiff_reader *r)
{
    switch (r->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
        r->colours = 1;
        return TEC_OK;
    case PHOTOMETRIC_PALETTE:
        r->colours = 1;
        return read_palette(r) ? TEC_OK : tec_tiff_refuse(r, "a palette without colours");
    case PHOTOMETRIC_RGB:
        r->colours = 3;
        return TEC_OK;
    case PHOTOMETRIC_SEPARATED:
        r->colours = 4;
        return TEC_OK;
    case PHOTOMETRIC_YCBCR:
        r->colours = 3;
        return read_ycbcr(r);
    default:
        return tec_tiff_refuse(r, "colours that are none of these");
    }
}

void tec_tiff_layout(tiff_reader *r)
{
    r->bits = (uint16_t)tec_tiff_field(r, TIFFTAG_BITSPERSAMPLE, 1);
    r->samples = (uint16_t)tec_tiff_field(r, TIFFTAG_SAMPLESPERPIXEL, 1);
    r->photometric = (uint16_t)tec_tiff_field(r, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    r->separate =
        r->samples > 1 && tec_tiff_field(r, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
}

static tec_status refuse_deep(const tiff_reader *r)
{
    const bool plain = tec_tiff_field(r, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT) == SAMPLEFORMAT_UINT;
    return tec_fail(TEC_USER_ERROR,
                    "%s: TIFF with values of %u bits%s, and data.range is bytes: set data.range=%sLOW,HIGH, the values "
                    "that become 0 and 1 (`tec check` then proposes some)",
                    r->name, r->bits, plain ? "" : " that are no whole numbers from 0 on",
                    plain ? "type, which divides by the largest possible, or " : "");
}

static tec_status read_layout(tiff_reader *r)
{
    uint16_t extras = 0, *extra = NULL;
    tec_tiff_layout(r);
    if (tec_tiff_field(r, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT) != SAMPLEFORMAT_UINT || r->bits > 8)
        return refuse_deep(r);
    if (r->samples > MOST_SAMPLES)
        return tec_fail(TEC_USER_ERROR,
                        "%s: TIFF with %u bands: set data.channels=%u, or let data.bands choose some, as in "
                        "data.bands=3,2,1",
                        r->name, r->samples, r->samples);
    TEC_TRY(read_colours(r));
    bool few_bits = r->samples == 1 && (r->bits == 1 || r->bits == 2 || r->bits == 4);
    if (r->samples < r->colours || (r->bits != 8 && !few_bits))
        return tec_tiff_refuse(r, "such samples");
    if (TIFFGetField(r->file, TIFFTAG_EXTRASAMPLES, &extras, &extra) && extras > 0)
        r->premultiplied = extra[0] == EXTRASAMPLE_ASSOCALPHA && r->colours == 3 && r->samples > 3;
    return TEC_OK;
}

/* ---- pixels ---- */

/* The value of a pixel that has fewer than 8 bits. */
static unsigned value_of(const tiff_reader *r, const uint8_t *row, size_t x)
{
    size_t bit = x * r->bits;
    return row[bit / 8] >> (8 - bit % 8 - r->bits) & ((1u << r->bits) - 1);
}

static void put_grey(const tiff_reader *r, const uint8_t *in, size_t step, size_t count, uint8_t *out)
{
    unsigned most = (1u << r->bits) - 1;
    for (size_t x = 0; x < count; x++) {
        unsigned value = (r->bits == 8 ? in[x * step] : value_of(r, in, x)) * 255 / most;
        out[x] = (uint8_t)(r->photometric == PHOTOMETRIC_MINISWHITE ? 255 - value : value);
    }
}

static void put_palette(const tiff_reader *r, const uint8_t *in, size_t step, size_t count, uint8_t *out)
{
    for (size_t x = 0; x < count; x++)
        memcpy(out + 3 * x, r->palette[r->bits == 8 ? in[x * step] : value_of(r, in, x)], 3);
}

/* Colours that are multiplied by alpha are divided again, as Pillow does; ours are of CMYK the inverse. */
static void put_colours(const tiff_reader *r, const uint8_t *in, size_t step, size_t count, uint8_t *out)
{
    size_t colours = (size_t)r->colours;
    for (size_t x = 0; x < count; x++)
        for (size_t c = 0; c < colours; c++) {
            unsigned value = in[x * step + c], alpha = r->premultiplied ? in[x * step + 3] : 255;
            value = alpha == 255 ? value : alpha == 0 ? 0 : value * 255 / alpha;
            out[x * colours + c] = (uint8_t)(r->colours == 4 ? 255 - value : value > 255 ? 255 : value);
        }
}

/* Writes `count` pixels of a row, which have `step` bytes each, unless they have fewer than 8 bits. */
static void put(const tiff_reader *r, const uint8_t *in, size_t step, size_t count, uint8_t *out)
{
    if (r->photometric == PHOTOMETRIC_PALETTE)
        put_palette(r, in, step, count, out);
    else
        (r->colours == 1 ? put_grey : put_colours)(r, in, step, count, out);
}

/* One sample after the other is made what they are where they are not separate. */
static void put_part(const tiff_reader *r, const tiff_part *p, uint8_t *pixel, tec_image *out)
{
    uint32_t rows = r->height - p->top < p->rows ? r->height - p->top : p->rows;
    size_t columns = r->width - p->left < p->columns ? r->width - p->left : p->columns;
    for (uint32_t y = 0; y < rows; y++) {
        const uint8_t *in = p->bytes + y * p->row_bytes;
        uint8_t *to = out->pixels + ((size_t)(p->top + y) * r->width + p->left) * (size_t)out->channels;
        for (size_t s = 0; r->separate && s < r->samples; s++)
            for (size_t x = 0; x < columns; x++)
                pixel[x * r->samples + s] = in[s * p->plane_bytes + x];
        put(r, r->separate ? pixel : in, r->samples, columns, to);
    }
}

bool tec_tiff_read_part(tiff_reader *r, tiff_part *p, bool tiled)
{
    uint16_t planes = r->separate ? r->samples : 1;
    for (uint16_t s = 0; s < planes; s++) {
        uint8_t *to = p->bytes + s * p->plane_bytes;
        tmsize_t room = (tmsize_t)p->plane_bytes;
        uint32_t index = tiled ? TIFFComputeTile(r->file, p->left, p->top, 0, s) : TIFFComputeStrip(r->file, p->top, s);
        tmsize_t got =
            tiled ? TIFFReadEncodedTile(r->file, index, to, room) : TIFFReadEncodedStrip(r->file, index, to, room);
        uint32_t rows = tiled || r->height - p->top > p->rows ? p->rows : r->height - p->top;
        if (got < (tmsize_t)(rows * p->row_bytes))
            return false;
    }
    return true;
}

/* The size of a strip or tile is checked before there is memory for it: a file may promise any. */
tec_status tec_tiff_measure(tiff_reader *r, tiff_part *p, bool tiled)
{
    double room = tec_image_room(r->bytes, TIFF_PIXELS_PER_BYTE);
    p->rows = r->height;
    p->columns = r->width;
    if (tiled) {
        TIFFGetField(r->file, TIFFTAG_TILELENGTH, &p->rows);
        TIFFGetField(r->file, TIFFTAG_TILEWIDTH, &p->columns);
    } else {
        TIFFGetFieldDefaulted(r->file, TIFFTAG_ROWSPERSTRIP, &p->rows);
        p->rows = p->rows < r->height ? p->rows : r->height;
    }
    if (!p->rows || !p->columns || (double)p->rows * p->columns > room)
        return tec_fail(TEC_USER_ERROR, "%s: TIFF with tiles of %u x %u pixels, but the file is too short to hold them",
                        r->name, p->columns, p->rows);
    if ((double)p->rows * p->columns > TEC_IMAGE_MAX_PIXELS)
        return tec_fail(TEC_USER_ERROR, "%s: TIFF with tiles of %u x %u pixels, at most %.0f are supported", r->name,
                        p->columns, p->rows, TEC_IMAGE_MAX_PIXELS);
    p->row_bytes = (size_t)(tiled ? TIFFTileRowSize64(r->file) : TIFFScanlineSize64(r->file));
    size_t needed = ((size_t)p->columns * r->bits * (r->separate ? 1 : r->samples) + 7) / 8;
    p->plane_bytes = p->row_bytes * p->rows;
    return p->row_bytes == needed ? TEC_OK : tec_tiff_refuse(r, "rows of another length");
}

static tec_status read_pixels(tiff_reader *r, tec_image *out)
{
    tiff_part p = {0};
    bool tiled = TIFFIsTiled(r->file);
    tec_status status = tec_tiff_measure(r, &p, tiled);
    if (status != TEC_OK)
        return status;
    p.bytes = malloc(p.plane_bytes * (r->separate ? r->samples : 1));
    uint8_t *pixel = malloc((size_t)p.columns * r->samples);
    if (!p.bytes || !pixel)
        status = tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for %u x %u pixels", r->name, p.columns, p.rows);
    for (p.top = 0; status == TEC_OK && p.top < r->height; p.top += p.rows)
        for (p.left = 0; status == TEC_OK && p.left < r->width; p.left += p.columns) {
            if (tec_tiff_read_part(r, &p, tiled))
                put_part(r, &p, pixel, out);
            else
                status = tec_tiff_fail(r);
        }
    free(pixel);
    free(p.bytes);
    return status;
}

/* ---- the whole file ---- */

static tec_status read_colour_page(tiff_reader *r, tec_image *out)
{
    TEC_TRY(read_layout(r));
    int channels = r->photometric == PHOTOMETRIC_PALETTE ? 3 : r->colours;
    double room = tec_image_room(r->bytes, TIFF_PIXELS_PER_BYTE);
    TEC_TRY(tec_image_reserve(out, r->height, r->width, channels, room, r->name));
    r->pixels = true;
    return read_pixels(r, out);
}

/* `how` NULL: 8-bit grey, RGB or CMYK. */
static tec_status read_some_page(tiff_reader *r, const tec_decoding *how, tec_image *out)
{
    bool taken = false;
    if (how)
        TEC_TRY(tec_tiff_read_bands(r, how, out, &taken));
    if (taken)
        return TEC_OK;
    TEC_TRY(read_colour_page(r, out));
    return how ? tec_band_convert(out, how, r->name) : TEC_OK;
}

/* The orientation belongs to the format, and is applied whatever becomes of EXIF data, as by Pillow. */
static tec_status read_page(tiff_reader *r, const tec_decoding *how, tec_image *out, bool strict)
{
    TIFFGetField(r->file, TIFFTAG_IMAGEWIDTH, &r->width);
    TIFFGetField(r->file, TIFFTAG_IMAGELENGTH, &r->height);
    TEC_TRY(read_some_page(r, how, out));
    if (r->ended && strict)
        return tec_image_truncated("TIFF", r->bytes, r->name);
    if (r->warned && strict)
        return tec_tiff_fail(r);
    out->notes |= r->warned || r->ended ? 1u << TEC_IMAGE_TIFF_DATA : 0;
    unsigned turned = tec_tiff_field(r, TIFFTAG_ORIENTATION, 1);
    return turned >= 1 && turned <= 8 ? tec_image_turn(out, (int)turned, r->name) : TEC_OK;
}

static tec_status decode_as(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const tec_decoding *how,
                            const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_handlers);
    tiff_reader r = {.data = data, .bytes = bytes, .name = name};
    r.file =
        TIFFClientOpen("tiff", "rm", (thandle_t)&r, read_some, write_nothing, seek, close_nothing, length, NULL, NULL);
    if (!r.file)
        return tec_tiff_fail(&r);
    tec_status status = r.cut ? tec_tiff_fail(&r) : read_page(&r, how, out, strict);
    TIFFClose(r.file);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    return decode_as(out, data, bytes, strict, NULL, name);
}

static tec_status decode_bands(tec_image *out, const uint8_t *data, size_t bytes, const tec_decoding *how,
                               const char *name)
{
    return decode_as(out, data, bytes, how->strict, how, name);
}
#endif

/* Is the first page, where its tags are among these bytes, a small copy of another, or what a sensor saw? So are the raw
 * images of many cameras, in which the picture is elsewhere. */
static bool is_raw(const uint8_t *data, size_t bytes)
{
    enum { NEW_SUBFILE_TYPE = 254, SMALL_COPY = 1, PHOTOMETRIC = 262, OF_SENSOR = 32803 };
    bool little = data[0] == 'I';
    size_t at = tec_number(data + 4, 4, little);
    if (!memcmp(data + 8, "CR\2\0", 4) || at > bytes - 2)
        return at <= bytes - 2;
    uint32_t entries = tec_number(data + at, 2, little);
    at += 2;
    for (uint32_t i = 0; i < entries && at + 12 <= bytes; i++, at += 12) {
        uint32_t tag = tec_number(data + at, 2, little), type = tec_number(data + at + 2, 2, little);
        uint32_t value = tec_number(data + at + 8, type == 3 ? 2 : 4, little);
        if ((tag == NEW_SUBFILE_TYPE && value & SMALL_COPY) || (tag == PHOTOMETRIC && value == OF_SENSOR))
            return true;
    }
    return false;
}

static bool matches(const uint8_t *data, size_t bytes)
{
    if (bytes < 16)
        return false;
    if (!memcmp(data, "II*\0", 4) || !memcmp(data, "MM\0*", 4))
        return !is_raw(data, bytes);
    return !memcmp(data, "II+\0", 4) || !memcmp(data, "MM\0+", 4);
}

const tec_image_codec tec_image_tiff = {
    .name = "TIFF",
    .endings = {".tif", ".tiff"},
    .matches = matches,
#ifdef TEC_TIFF
    .decode = decode,
    .decode_bands = decode_bands,
#else
    .lacks = "libtiff (Debian: libtiff-dev; Spack: libtiff)",
#endif
};
