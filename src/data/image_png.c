/* PNG, by libpng: whatever is stored becomes 8-bit grey or RGB, or the bands that are asked for; any error is ours. */
#include "image_bands.h"
#include "image_codec.h"
#include "image_png_mend.h"
#include "image_turn.h"
#include "number.h"
#include "tec/text.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/* Deflate shrinks at most 1032-fold. */
#define BITS_PER_BYTE (8 * 1032.0)

typedef struct reader {
    const uint8_t *data;
    size_t bytes, at;
    const char *name;
    const tec_decoding *bands; /* NULL: 8-bit grey or RGB */
    uint8_t *rows;             /* of bands: one, or all if it is interlaced; owned */
    jmp_buf escape;
    png_structp codec;
    png_infop info;
} reader;

static void fail(png_structp codec, png_const_charp text)
{
    reader *r = png_get_error_ptr(codec);
    tec_fail(TEC_USER_ERROR, "%s: damaged PNG near byte %zu: %s", r->name, r->at, text);
    longjmp(r->escape, 1);
}

static void stay_silent(png_structp codec, png_const_charp text)
{
    (void)codec;
    (void)text;
}

static void take(png_structp codec, png_bytep out, size_t bytes)
{
    reader *r = png_get_io_ptr(codec);
    if (bytes > r->bytes - r->at) {
        tec_fail(TEC_USER_ERROR, "%s: truncated PNG: the data ends after %zu bytes, before the image does", r->name,
                 r->bytes);
        longjmp(r->escape, 1);
    }
    memcpy(out, r->data + r->at, bytes);
    r->at += bytes;
}

/* To Pillow, an index that the palette has no colour for is a level of grey. */
static void complete_palette(reader *r)
{
    png_color colour[256];
    png_colorp stored;
    int entries = 0, most = 1 << png_get_bit_depth(r->codec, r->info);
    if (!png_get_PLTE(r->codec, r->info, &stored, &entries) || entries >= most)
        return;
    for (int i = 0; i < most; i++)
        colour[i] = i < entries ? stored[i] : (png_color){(png_byte)i, (png_byte)i, (png_byte)i};
    png_set_PLTE(r->codec, r->info, colour, most);
}

/* Palettes and less than 8 bits become bytes. */
static void expand(reader *r)
{
    int colour = png_get_color_type(r->codec, r->info);
    if (colour == PNG_COLOR_TYPE_PALETTE) {
        complete_palette(r);
        png_set_palette_to_rgb(r->codec);
    }
    if (colour == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(r->codec, r->info) < 8)
        png_set_expand_gray_1_2_4_to_8(r->codec);
}

/* Whatever is stored becomes 8-bit grey or RGB. Of 16 bits the upper 8 are kept, as Pillow does for RGB. (For grey it
 * clips at 255 instead, which leaves hardly anything of the image; we do not follow it there.) Alpha is dropped. */
static void convert_to_bytes(reader *r)
{
    expand(r);
    png_set_strip_16(r->codec);
    png_set_strip_alpha(r->codec);
}

/* ---- bands ---- */

/* What there is, as it is once the file's transformations are set. */
static tec_band_source source_of(const reader *r)
{
    const int bands = png_get_channels(r->codec, r->info), colour = png_get_color_type(r->codec, r->info);
    return (tec_band_source){.sample = png_get_bit_depth(r->codec, r->info) == 16 ? TEC_SAMPLE_U16 : TEC_SAMPLE_U8,
                             .bands = bands,
                             .colours = bands - (colour & PNG_COLOR_MASK_ALPHA ? 1 : 0),
                             .rgb = (colour & PNG_COLOR_MASK_COLOR) != 0};
}

/* The rows of an interlaced image are complete only after the last pass. */
static tec_status read_rows(reader *r, const tec_band_plan *plan, int bands, int passes, size_t row_bytes,
                            tec_image *out)
{
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < (size_t)out->height; y++) {
            uint8_t *row = r->rows + (passes > 1 ? y * row_bytes : 0);
            png_read_row(r->codec, row, NULL);
            if (pass == passes - 1)
                TEC_TRY(tec_band_put_row(plan, out, row, bands, y, 0, (size_t)out->width));
        }
    png_read_end(r->codec, NULL);
    return tec_band_finish(plan, out);
}

static tec_status read_bands(reader *r, tec_image *out)
{
    const double bits = (double)png_get_bit_depth(r->codec, r->info) * (double)png_get_channels(r->codec, r->info);
    const double room = BITS_PER_BYTE * (double)r->bytes / bits;
    const uint32_t height = png_get_image_height(r->codec, r->info), width = png_get_image_width(r->codec, r->info);
    tec_band_plan plan;
    expand(r);
    const uint16_t little = 1;
    if (*(const uint8_t *)&little)
        png_set_swap(r->codec);
    const int passes = png_set_interlace_handling(r->codec);
    png_read_update_info(r->codec, r->info);
    const tec_band_source source = source_of(r);
    const size_t row_bytes = png_get_rowbytes(r->codec, r->info);
    TEC_TRY(tec_band_plan_make(&plan, &source, r->bands, r->name));
    TEC_TRY(
        tec_band_reserve(out, &plan, height, width, room * plan.channels * (double)(plan.widen ? sizeof(float) : 1)));
    if (row_bytes != (size_t)width * (size_t)source.bands * (size_t)tec_sample_bytes(source.sample))
        png_error(r->codec, "unexpected length of a row");
    r->rows = malloc(row_bytes * (passes > 1 ? height : 1));
    if (!r->rows)
        return tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for %u x %u pixels", r->name, width, height);
    return read_rows(r, &plan, source.bands, passes, row_bytes, out);
}

/* ---- the whole file ---- */

/* Texts and profiles, of which libpng would unpack 8 MB each, are passed over; their checksums count as before. */
static void leave_out_texts(reader *r)
{
#ifdef PNG_HANDLE_AS_UNKNOWN_SUPPORTED
    static const png_byte chunks[] = "tEXt\0zTXt\0iTXt\0iCCP";
    png_set_keep_unknown_chunks(r->codec, PNG_HANDLE_CHUNK_NEVER, chunks, (int)sizeof chunks / 5);
#else
    (void)r;
#endif
}

static tec_status read_all(reader *r, tec_image *out)
{
    png_set_read_fn(r->codec, r, take);
    png_set_crc_action(r->codec, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    leave_out_texts(r);
    png_read_info(r->codec, r->info);
    if (r->bands)
        return read_bands(r, out);
    convert_to_bytes(r);
    double stored_bits = (double)png_get_bit_depth(r->codec, r->info) * (double)png_get_channels(r->codec, r->info);
    double room = BITS_PER_BYTE * (double)r->bytes / stored_bits;
    int passes = png_set_interlace_handling(r->codec);
    int channels = png_get_color_type(r->codec, r->info) & PNG_COLOR_MASK_COLOR ? 3 : 1;
    bool deep = png_get_bit_depth(r->codec, r->info) == 16;
    TEC_TRY(tec_image_reserve(out, png_get_image_height(r->codec, r->info), png_get_image_width(r->codec, r->info),
                              channels, room, r->name));
    out->deep = deep;

    png_read_update_info(r->codec, r->info);
    size_t row_bytes = (size_t)out->width * (size_t)channels;
    if (png_get_rowbytes(r->codec, r->info) != row_bytes)
        png_error(r->codec, "unexpected length of a row");
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < (size_t)out->height; y++)
            png_read_row(r->codec, out->pixels + y * row_bytes, NULL);
    png_read_end(r->codec, NULL);
    return TEC_OK;
}

/* A function of its own, so that no local variable changes between setjmp and longjmp. */
static tec_status guarded(reader *r, tec_image *out)
{
    if (setjmp(r->escape))
        return TEC_USER_ERROR;
    return read_all(r, out);
}

static tec_status decode_whole(tec_image *out, const uint8_t *data, size_t bytes, const tec_decoding *bands,
                               const char *name)
{
    reader r = {.data = data, .bytes = bytes, .name = name, .bands = bands};
    r.codec = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, fail, stay_silent);
    if (r.codec)
        r.info = png_create_info_struct(r.codec);
    tec_status status =
        r.info ? guarded(&r, out) : tec_fail(TEC_SYSTEM_ERROR, "%s: libpng could not start (no memory?)", name);
    png_destroy_read_struct(&r.codec, &r.info, NULL);
    free(r.rows);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

/* A file that libpng refuses may still be one that Pillow reads; if not, what libpng says counts. */
static tec_status decode_mending(tec_image *out, const uint8_t *data, size_t bytes, bool strict,
                                 const tec_decoding *bands, const char *name)
{
    tec_status status = decode_whole(out, data, bytes, bands, name);
    if (status != TEC_USER_ERROR || strict)
        return status;
    size_t mended_bytes = 0;
    tec_image_note note;
    char *message = tec_string_copy(tec_error_message());
    uint8_t *mended = tec_png_mend(data, bytes, &mended_bytes, &note);
    if (mended)
        status = decode_whole(out, mended, mended_bytes, bands, name);
    if (status == TEC_OK)
        out->notes |= 1u << note;
    else
        tec_fail(status, "%s", message);
    free(mended);
    free(message);
    return status;
}

static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    return decode_mending(out, data, bytes, strict, NULL, name);
}

static tec_status decode_bands(tec_image *out, const uint8_t *data, size_t bytes, const tec_decoding *how,
                               const char *name)
{
    return decode_mending(out, data, bytes, how->strict, how, name);
}

static int orientation(const uint8_t *data, size_t bytes)
{
    for (size_t at = 8; at + 12 <= bytes;) {
        size_t length = tec_number(data + at, 4, false);
        if (length > bytes - at - 12)
            return 1;
        if (!memcmp(data + at + 4, "eXIf", 4))
            return tec_exif_orientation(data + at + 8, length);
        at += 12 + length;
    }
    return 1;
}

static bool matches(const uint8_t *data, size_t bytes)
{
    static const uint8_t start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    return bytes >= sizeof start && !memcmp(data, start, sizeof start);
}

const tec_image_codec tec_image_png = {
    .name = "PNG",
    .endings = {".png"},
    .matches = matches,
    .decode = decode,
    .decode_bands = decode_bands,
    .orientation = orientation,
};
