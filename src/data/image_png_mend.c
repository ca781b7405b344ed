/* Takes a damaged PNG file apart and puts a whole one together of what Pillow would use: header, palette, pixels.
 *
 * Pillow checks what comes before the image data, inflates the data until it has all rows, and does not look at their
 * checksums nor at what follows. */
#include "image_png_mend.h"

#include "image_codec.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum { SIGNATURE = 8, HEADER = 13, FRAME = 12, PALETTE = 768 }; /* bytes; FRAME: length, type and checksum of a chunk */
#define DEFLATE_MOST 1032.0                                     /* deflate shrinks so many-fold at most */

typedef struct parts {
    const uint8_t *header, *palette; /* contents of IHDR, of PLTE or NULL */
    size_t palette_bytes;
    uint8_t *packed; /* contents of the IDAT chunks */
    size_t packed_bytes;
    bool bad_checksum, bad_chunk, ended;
    uint8_t *pixels; /* inflated rows */
    size_t pixel_bytes;
    bool rows_missing;
} parts;

static uint32_t number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_type(const uint8_t *chunk, const char *type)
{
    return !memcmp(chunk + 4, type, 4);
}

/* Is the chunk there as a whole, `room` bytes at most, and undamaged? */
static bool is_sound(const uint8_t *chunk, size_t room)
{
    if (room < FRAME || number(chunk) > room - FRAME)
        return false;
    size_t length = number(chunk);
    return number(chunk + 8 + length) == (uint32_t)crc32(0, chunk + 4, (uInt)length + 4);
}

static bool looks_like_chunk(const uint8_t *chunk)
{
    for (int i = 4; i < 8; i++)
        if (!isalnum(chunk[i]) && chunk[i] != '_')
            return false;
    return true;
}

/* Reads the chunks before the image data, all of which must be whole. Returns where the data begin; 0: more is wrong. */
static size_t read_head(parts *p, const uint8_t *data, size_t bytes)
{
    size_t at = SIGNATURE;
    while (at + FRAME <= bytes && !is_type(data + at, "IDAT")) {
        const uint8_t *chunk = data + at;
        size_t length = number(chunk);
        if (!looks_like_chunk(chunk) || !is_sound(chunk, bytes - at))
            return 0;
        if (is_type(chunk, "IHDR") && length == HEADER) {
            p->bad_chunk |= p->header != NULL;
            p->header = chunk + 8;
        } else if (is_type(chunk, "PLTE")) {
            p->palette = chunk + 8;
            p->palette_bytes = length;
        }
        at += FRAME + length;
    }
    return p->header && at + FRAME <= bytes ? at : 0;
}

/* Gathers the image data; the last chunk of them may be cut short. */
static bool read_data(parts *p, const uint8_t *data, size_t bytes, size_t at)
{
    p->packed = malloc(bytes);
    while (p->packed && at + 8 <= bytes && is_type(data + at, "IDAT")) {
        size_t length = number(data + at), room = bytes - at - 8;
        bool whole = length + 4 <= room;
        size_t taken = whole || length <= room ? length : room;
        memcpy(p->packed + p->packed_bytes, data + at + 8, taken);
        p->packed_bytes += taken;
        p->bad_checksum |= whole && !is_sound(data + at, bytes - at);
        at = whole ? at + FRAME + length : bytes;
    }
    while (at + FRAME <= bytes && !is_type(data + at, "IEND")) {
        size_t length = number(data + at);
        p->bad_chunk = true;
        at = length <= bytes - at - FRAME ? at + FRAME + length : bytes;
    }
    p->ended = is_sound(data + at, bytes - at);
    return p->packed != NULL;
}

/* ---- rows ---- */

typedef struct rows {
    size_t count, bytes; /* of a pass; bytes of a row, with the one that names its filter */
} rows;

/* The rows of each pass in the order in which they are stored; returns the number of passes, 0: no such image. */
static int rows_of(const uint8_t *header, rows pass[7])
{
    static const struct {
        size_t y, x, dy, dx;
    } adam7[7] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4}, {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}};
    static const int channels[] = {1, 0, 3, 1, 2, 0, 4}; /* by colour type */
    size_t width = number(header), height = number(header + 4);
    int depth = header[8], colour = header[9];
    if (colour > 6 || !channels[colour] || depth > 16 || !width || !height ||
        (double)width * (double)height > TEC_IMAGE_MAX_PIXELS)
        return 0;
    size_t bits = (size_t)channels[colour] * (size_t)depth;
    if (!header[12]) {
        pass[0] = (rows){height, 1 + (width * bits + 7) / 8};
        return 1;
    }
    for (int i = 0; i < 7; i++) {
        size_t across = width > adam7[i].x ? (width - adam7[i].x + adam7[i].dx - 1) / adam7[i].dx : 0;
        size_t down = height > adam7[i].y ? (height - adam7[i].y + adam7[i].dy - 1) / adam7[i].dy : 0;
        pass[i] = across && down ? (rows){down, 1 + (across * bits + 7) / 8} : (rows){0, 1};
    }
    return 7;
}

/* Do these bytes end with a row? */
static bool are_whole(const rows *pass, int passes, size_t bytes)
{
    for (int i = 0; i < passes; i++) {
        if (bytes <= pass[i].count * pass[i].bytes)
            return bytes % pass[i].bytes == 0;
        bytes -= pass[i].count * pass[i].bytes;
    }
    return false;
}

static bool inflate_rows(parts *p)
{
    rows pass[7];
    int passes = rows_of(p->header, pass);
    for (int i = 0; i < passes; i++)
        p->pixel_bytes += pass[i].count * pass[i].bytes;
    if (!passes || (double)p->pixel_bytes > DEFLATE_MOST * (double)p->packed_bytes ||
        !(p->pixels = calloc(1, p->pixel_bytes)))
        return false;
    z_stream z = {.next_in = p->packed,
                  .avail_in = (uInt)p->packed_bytes,
                  .next_out = p->pixels,
                  .avail_out = (uInt)p->pixel_bytes};
    if (inflateInit(&z) != Z_OK)
        return false;
    int end = inflate(&z, Z_SYNC_FLUSH);
    size_t got = z.total_out;
    inflateEnd(&z);
    if (end != Z_OK && end != Z_STREAM_END && end != Z_BUF_ERROR)
        return false;
    p->rows_missing = got < p->pixel_bytes;
    p->bad_checksum |= end != Z_STREAM_END;
    return !p->rows_missing || (end == Z_STREAM_END && got > 0 && are_whole(pass, passes, got));
}

/* ---- the whole file ---- */

static uint8_t *put_chunk(uint8_t *at, const char *type, const void *data, size_t bytes)
{
    uint8_t *start = at;
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(bytes >> shift);
    memcpy(at, type, 4);
    if (bytes && data != at + 4)
        memcpy(at + 4, data, bytes);
    at += 4 + bytes;
    uint32_t crc = (uint32_t)crc32(0, start + 4, (uInt)bytes + 4);
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(crc >> shift);
    return at;
}

/* An index without an entry is a level of grey. */
static uint8_t *put_palette(const parts *p, uint8_t *at)
{
    uint8_t colour[PALETTE];
    size_t most = (size_t)3 << p->header[8];
    for (size_t i = 0; i < PALETTE; i++)
        colour[i] = (uint8_t)(i / 3);
    if (p->palette)
        memcpy(colour, p->palette, p->palette_bytes / 3 * 3 < most ? p->palette_bytes / 3 * 3 : most);
    return put_chunk(at, "PLTE", colour, most);
}

static uint8_t *put_together(const parts *p, const uint8_t *signature, size_t *bytes)
{
    uLongf packed = compressBound((uLong)p->pixel_bytes);
    uint8_t *out = malloc(SIGNATURE + 4 * FRAME + HEADER + PALETTE + packed), *at = out;
    if (!out)
        return NULL;
    memcpy(at, signature, SIGNATURE);
    at = put_chunk(at + SIGNATURE, "IHDR", p->header, HEADER);
    if (p->header[9] == 3 && p->header[8] <= 8)
        at = put_palette(p, at);
    if (compress2(at + 8, &packed, p->pixels, (uLong)p->pixel_bytes, 0) != Z_OK) {
        free(out);
        return NULL;
    }
    at = put_chunk(at, "IDAT", at + 8, packed);
    at = put_chunk(at, "IEND", NULL, 0);
    *bytes = (size_t)(at - out);
    return out;
}

uint8_t *tec_png_mend(const uint8_t *data, size_t bytes, size_t *mended_bytes, tec_image_note *note)
{
    parts p = {0};
    uint8_t *mended = NULL;
    size_t at = read_head(&p, data, bytes);
    if (at && read_data(&p, data, bytes, at) && inflate_rows(&p))
        mended = put_together(&p, data, mended_bytes);
    *note = p.rows_missing   ? TEC_IMAGE_PNG_ROWS
            : p.bad_checksum ? TEC_IMAGE_PNG_CHECKSUM
            : !p.ended       ? TEC_IMAGE_PNG_END
                             : TEC_IMAGE_PNG_CHUNK;
    free(p.pixels);
    free(p.packed);
    return mended;
}
