/* JPEG, by libjpeg: its errors become ours, its warnings too if pixels are lost. */
#include "image_codec.h"
#include "image_turn.h"
#include "number.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* A block of 8 x 8 pixels takes at least one bit in a Huffman-coded file. Arithmetic coding has no such bound: one colour
 * takes hardly any bits, a page that is nearly white far more than these. */
#define PIXELS_PER_BYTE 512.0
#define ARITHMETIC_PIXELS_PER_BYTE 4096.0

/* The coefficients of the largest progressive image (4:4:4, two bytes each), and some more. */
#define DECODER_MEMORY (3L * 2 * 178956970 + (64L << 20))

/* Ordinary progressive files have about ten scans; thousands of empty ones would only waste time. */
#define MAX_SCANS 200

typedef struct reader {
    struct jpeg_decompress_struct codec; /* first: the library hands back a pointer to it */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const uint8_t *data;
    size_t bytes;
    const char *name;
    bool strict;
    unsigned notes;
    bool decoding; /* the header has been read */
    bool ended;    /* the data are at their end, before an end marker */
} reader;

static void fail(j_common_ptr codec)
{
    reader *r = (reader *)codec;
    char text[JMSG_LENGTH_MAX];
    r->errors.format_message(codec, text);
    const struct jpeg_source_mgr *source = r->codec.src;
    /* At the end of the data the library reads an end marker of its own, which lies elsewhere in memory. */
    size_t left = source ? source->bytes_in_buffer : r->bytes;
    bool inside = source && source->next_input_byte == r->data + r->bytes - left && left <= r->bytes;
    if (r->errors.msg_code == JWRN_JPEG_EOF || r->errors.msg_code == JERR_INPUT_EOF)
        tec_fail(TEC_USER_ERROR, "%s: truncated JPEG: the data ends after %zu bytes, before the image does", r->name,
                 r->bytes);
    else if (r->errors.msg_code == JERR_SOF_UNSUPPORTED || r->errors.msg_code == JERR_BAD_PRECISION)
        tec_fail(TEC_USER_ERROR, "%s: JPEG of a kind that is not supported and has to be converted: %s", r->name, text);
    else if (inside)
        tec_fail(TEC_USER_ERROR, "%s: damaged JPEG near byte %zu: %s", r->name, r->bytes - left, text);
    else
        tec_fail(TEC_USER_ERROR, "%s: damaged JPEG: %s", r->name, text);
    longjmp(r->escape, 1);
}

/* Most of what the library only warns of is lost image data. These warnings are not: every pixel is as it was
 * stored. */
static bool harmless(int message)
{
    return message == JWRN_EXTRANEOUS_DATA || message == JWRN_JFIF_MAJOR || message == JWRN_ADOBE_XFORM ||
           message == JWRN_TOO_MUCH_DATA || message == JWRN_BOGUS_PROGRESSION;
}

static tec_image_note note_of(int message)
{
    switch (message) {
    case JWRN_JPEG_EOF:
        return TEC_IMAGE_JPEG_END;
    case JWRN_HUFF_BAD_CODE:
        return TEC_IMAGE_JPEG_CODE;
    case JWRN_HIT_MARKER:
        return TEC_IMAGE_JPEG_PART;
    default:
        return TEC_IMAGE_JPEG_OTHER;
    }
}

/* Once the data have ended, anything that lacks makes the file a truncated one. Only where all pixels are in one scan is
 * it certain that nothing but the end marker is missing. */
static bool is_truncated(const reader *r, int message)
{
    bool one_scan = !r->codec.progressive_mode && r->codec.comps_in_scan == r->codec.num_components;
    if (message == JWRN_JPEG_EOF)
        return !r->decoding || !one_scan;
    return r->ended && r->codec.output_scanline < r->codec.output_height;
}

/* Pillow takes no notice of warnings, and what the library has decoded stands. */
static void on_message(j_common_ptr codec, int level)
{
    reader *r = (reader *)codec;
    int message = codec->err->msg_code;
    if (level >= 0 || harmless(message))
        return;
    if (is_truncated(r, message))
        codec->err->msg_code = JWRN_JPEG_EOF;
    else if (!r->strict) {
        r->ended |= message == JWRN_JPEG_EOF;
        r->notes |= 1u << note_of(message);
        return;
    }
    fail(codec);
}

static void stay_silent(j_common_ptr codec)
{
    (void)codec;
}

static void count_scans(j_common_ptr codec)
{
    reader *r = (reader *)codec;
    if (r->codec.input_scan_number <= MAX_SCANS)
        return;
    tec_fail(TEC_USER_ERROR, "%s: JPEG with more than %d scans: refused", r->name, MAX_SCANS);
    longjmp(r->escape, 1);
}

static tec_status start(reader *r, tec_image *out)
{
    struct jpeg_decompress_struct *codec = &r->codec;
    jpeg_create_decompress(codec);
    codec->mem->max_memory_to_use = DECODER_MEMORY;
    r->progress.progress_monitor = count_scans;
    codec->progress = &r->progress;
    jpeg_mem_src(codec, r->data, r->bytes);
    jpeg_read_header(codec, TRUE);

    int components = codec->num_components;
    if (components != 1 && components != 3 && components != 4)
        return tec_fail(TEC_USER_ERROR, "%s: JPEG with %d components (1, 3 or 4 are supported)", r->name, components);
    codec->out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    codec->dct_method = JDCT_ISLOW;
    double room =
        codec->arith_code ? tec_image_room(r->bytes, ARITHMETIC_PIXELS_PER_BYTE) : PIXELS_PER_BYTE * (double)r->bytes;
    return tec_image_reserve(out, codec->image_height, codec->image_width, components, room, r->name);
}

static tec_status read_all(reader *r, tec_image *out)
{
    TEC_TRY(start(r, out));
    r->decoding = true;
    jpeg_start_decompress(&r->codec);
    size_t row_bytes = (size_t)out->width * (size_t)out->channels;
    while (r->codec.output_scanline < r->codec.output_height) {
        JSAMPROW row[4];
        size_t next = r->codec.output_scanline;
        JDIMENSION rows = 0;
        while (rows < 4 && next + rows < (size_t)out->height) {
            row[rows] = out->pixels + (next + rows) * row_bytes;
            rows++;
        }
        jpeg_read_scanlines(&r->codec, row, rows);
    }
    jpeg_finish_decompress(&r->codec);
    out->notes = r->notes;
    return TEC_OK;
}

/* A function of its own, so that no local variable changes between setjmp and longjmp. */
static tec_status guarded(reader *r, tec_image *out)
{
    if (setjmp(r->escape))
        return TEC_USER_ERROR;
    return read_all(r, out);
}

static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    reader r = {.data = data, .bytes = bytes, .strict = strict, .name = name};
    r.codec.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = fail;
    r.errors.emit_message = on_message;
    r.errors.output_message = stay_silent;
    tec_status status = guarded(&r, out);
    jpeg_destroy_decompress(&r.codec);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

static int orientation(const uint8_t *data, size_t bytes)
{
    enum { APP1 = 0xe1, START_OF_SCAN = 0xda, HEAD = 6 };
    for (size_t at = 2; at + 4 <= bytes;) {
        if (data[at] != 0xff || data[at + 1] == 0xff) {
            at++; /* stray bytes are allowed */
            continue;
        }
        int marker = data[at + 1];
        size_t length = tec_number(data + at + 2, 2, false);
        if (marker == START_OF_SCAN || length < 2 || length > bytes - at - 2)
            return 1;
        if (marker == APP1 && length >= 2 + HEAD && !memcmp(data + at + 4, "Exif\0", 5))
            return tec_exif_orientation(data + at + 4 + HEAD, length - 2 - HEAD);
        at += 2 + length;
    }
    return 1;
}

static bool matches(const uint8_t *data, size_t bytes)
{
    static const uint8_t start[] = {0xff, 0xd8, 0xff};
    return bytes >= sizeof start && !memcmp(data, start, sizeof start);
}

const tec_image_codec tec_image_jpeg = {
    .name = "JPEG",
    .endings = {".jpg", ".jpeg", ".jpe", ".jfif"},
    .matches = matches,
    .decode = decode,
    .orientation = orientation,
};
