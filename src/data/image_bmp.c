/* BMP, a reader of our own: palettes of 1, 4 and 8 bits, packed or not, and colour of 16, 24 and 32. */
#include "image_codec.h"
#include "number.h"

#include <string.h>

enum { FILE_HEADER = 14, COLOURS = 256 };
enum { PLAIN, RLE8, RLE4, BIT_FIELDS }; /* how pixels are stored */

typedef struct bmp {
    const uint8_t *data;
    size_t bytes, at; /* at: of the pixels */
    bool strict;
    uint32_t width, height, bits, compression;
    bool down;                  /* the top row comes first */
    uint32_t mask[3];           /* of red, green and blue in a pixel without a palette */
    uint8_t colour[COLOURS][3]; /* of the palette */
    tec_image *out;
} bmp;

/* ---- header ---- */

static uint32_t word(const bmp *b, size_t at, int bytes)
{
    return tec_number(b->data + at, bytes, true);
}

static uint32_t header_bytes(const uint8_t *data)
{
    return tec_number(data + FILE_HEADER, 4, true);
}

static bool matches(const uint8_t *data, size_t bytes)
{
    static const uint32_t known[] = {12, 40, 52, 56, 64, 108, 124};
    if (bytes < 10 || memcmp(data, "BM", 2) != 0)
        return false;
    if (bytes < FILE_HEADER + 4)
        return !tec_number(data + 6, 4, true);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (header_bytes(data) == known[i])
            return true;
    return false;
}

/* Width, height, bits and compression; the header of OS/2 has shorter numbers, and nothing else. */
static void read_layout(bmp *b)
{
    size_t at = FILE_HEADER + 4;
    bool short_numbers = header_bytes(b->data) == 12;
    int size = short_numbers ? 2 : 4;
    b->width = word(b, at, size);
    b->height = word(b, at + (size_t)size, size);
    b->bits = word(b, at + 2 * (size_t)size + 2, 2);
    b->compression = short_numbers ? PLAIN : word(b, at + 12, 4);
    b->down = !short_numbers && b->height >= 0xff000000u;
    b->height = b->down ? 0u - b->height : b->height;
}

/* Masks stand in the header or, in the oldest, behind it. */
static void read_masks(bmp *b)
{
    static const uint32_t usual[3] = {0xff0000, 0xff00, 0xff}, of_16_bits[3] = {0x7c00, 0x3e0, 0x1f};
    memcpy(b->mask, b->bits == 16 ? of_16_bits : usual, sizeof usual);
    if (b->compression != BIT_FIELDS)
        return;
    uint32_t any = 0, stored[3];
    for (size_t c = 0; c < 3; c++)
        any |= stored[c] = word(b, FILE_HEADER + 40 + 4 * c, 4);
    if (any)
        memcpy(b->mask, stored, sizeof stored);
}

/* An index without a colour is a level of grey, as to Pillow. */
static tec_status read_palette(bmp *b, size_t at, const char *name)
{
    bool short_numbers = header_bytes(b->data) == 12;
    size_t stored = short_numbers ? 0 : word(b, FILE_HEADER + 32, 4), size = short_numbers ? 3 : 4;
    stored = stored ? stored : (size_t)1 << b->bits;
    if (stored > COLOURS)
        return tec_fail(TEC_USER_ERROR, "%s: damaged BMP: a palette of %zu colours", name, stored);
    if (b->bytes - at < stored * size)
        return tec_image_truncated("BMP", b->bytes, name);
    for (size_t i = 0; i < COLOURS; i++)
        for (size_t c = 0; c < 3; c++)
            b->colour[i][c] = i < stored ? b->data[at + i * size + 2 - c] : (uint8_t)i;
    b->at = b->at ? b->at : at + stored * size;
    return TEC_OK;
}

static bool is_supported(const bmp *b)
{
    switch (b->compression) {
    case PLAIN:
        return b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 || b->bits == 24 || b->bits == 32;
    case RLE8:
        return b->bits == 8;
    case RLE4:
        return b->bits == 4;
    case BIT_FIELDS:
        return b->bits == 16 || b->bits == 24 || b->bits == 32;
    default:
        return false;
    }
}

static tec_status read_header(bmp *b, const char *name)
{
    size_t end = FILE_HEADER + (b->bytes < FILE_HEADER + 4 ? 4 : header_bytes(b->data));
    if (b->bytes < end)
        return tec_image_truncated("BMP", b->bytes, name);
    read_layout(b);
    if (!is_supported(b))
        return tec_fail(
            TEC_USER_ERROR,
            "%s: BMP of a kind that is not supported and has to be converted: %u bits a pixel, compression %u", name,
            b->bits, b->compression);
    end += b->compression == BIT_FIELDS && end == FILE_HEADER + 40 ? 12 : 0;
    if (b->bytes < end)
        return tec_image_truncated("BMP", b->bytes, name);
    b->at = word(b, 10, 4);
    read_masks(b);
    if (b->bits <= 8)
        TEC_TRY(read_palette(b, end, name));
    b->at = b->at ? b->at : end;
    return b->at <= b->bytes ? TEC_OK : tec_image_truncated("BMP", b->bytes, name);
}

/* ---- pixels that are not packed ---- */

static void put_indices(const bmp *b, const uint8_t *in, uint8_t *out)
{
    for (size_t x = 0; x < b->width; x++) {
        size_t bit = x * b->bits;
        unsigned shift = 8 - (unsigned)(bit % 8) - b->bits;
        memcpy(out + 3 * x, b->colour[in[bit / 8] >> shift & ((1u << b->bits) - 1)], 3);
    }
}

/* Without a mask a channel is black; of fewer than 8 bits all are spread over 0 to 255, rounded down as Pillow does. */
static void put_colours(const bmp *b, const uint8_t *in, uint8_t *out)
{
    int size = (int)b->bits / 8;
    for (size_t x = 0; x < b->width; x++) {
        uint32_t pixel = tec_number(in + x * (size_t)size, size, true);
        for (int c = 0; c < 3; c++) {
            uint32_t mask = b->mask[c], lowest = mask & (0u - mask);
            out[3 * x + (size_t)c] = mask ? (uint8_t)((uint64_t)((pixel & mask) / lowest) * 255 / (mask / lowest)) : 0;
        }
    }
}

static uint8_t *row_of(const bmp *b, size_t y)
{
    return b->out->pixels + (b->down ? y : b->height - 1 - y) * (size_t)b->width * 3;
}

/* What is behind the pixels, and of no use to them, is missing. */
static tec_status without_end(const bmp *b, const char *name)
{
    b->out->notes |= 1u << TEC_IMAGE_BMP_END;
    return b->strict ? tec_image_truncated("BMP", b->bytes, name) : TEC_OK;
}

/* Rows are padded to 4 bytes, also the last. */
static tec_status read_rows(const bmp *b, const char *name)
{
    uint64_t row = ((uint64_t)b->width * b->bits + 7) / 8, step = (row + 3) / 4 * 4;
    if (step * (b->height - 1) + row > b->bytes - b->at)
        return tec_image_truncated("BMP", b->bytes, name);
    for (size_t y = 0; y < b->height; y++)
        (b->bits <= 8 ? put_indices : put_colours)(b, b->data + b->at + y * step, row_of(b, y));
    return step * b->height > b->bytes - b->at ? without_end(b, name) : TEC_OK;
}

/* ---- packed pixels ---- */

typedef struct pen {
    uint64_t at, end; /* of pixels, in the order in which they are stored */
    uint64_t column;
} pen;

static void draw(const bmp *b, pen *p, uint8_t index)
{
    if (p->at < p->end)
        memcpy(row_of(b, (size_t)(p->at / b->width)) + p->at % b->width * 3, b->colour[index], 3);
    p->at++;
}

static void skip(const bmp *b, pen *p, uint64_t count)
{
    uint64_t end = p->at + count < p->end ? p->at + count : p->end;
    while (p->at < end)
        draw(b, p, 0);
    p->column = p->at % b->width;
}

/* `count` pixels of one index, or of two in turn; what does not fit into the row is left out. */
static void draw_run(const bmp *b, pen *p, unsigned count, uint8_t value)
{
    uint64_t left = p->column < b->width ? b->width - p->column : 0;
    count = count < left ? count : (unsigned)left;
    for (unsigned i = 0; i < count; i++)
        draw(b, p, b->bits == 8 ? value : i % 2 ? value & 15 : value >> 4);
    p->column += count;
}

static void draw_single(const bmp *b, pen *p, const uint8_t *in, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        draw(b, p, b->bits == 8 ? in[i] : i % 2 ? in[i / 2] & 15 : in[i / 2] >> 4);
    p->column += count;
}

/* Pairs of bytes: a run, or 0 and what is to be done. Pillow too refuses files that end before their last row does. */
static tec_status read_packed(const bmp *b, const char *name)
{
    enum { LINE_ENDS, IMAGE_ENDS, DELTA };
    const uint8_t *at = b->data + b->at, *end = b->data + b->bytes;
    pen p = {.end = (uint64_t)b->width * b->height};
    while (p.at < p.end && end - at >= 2) {
        unsigned count = at[0], what = at[1];
        at += 2;
        if (count) {
            draw_run(b, &p, count, (uint8_t)what);
        } else if (what == LINE_ENDS) {
            skip(b, &p, (b->width - p.at % b->width) % b->width);
            p.column = 0;
        } else if (what == IMAGE_ENDS) {
            break;
        } else {
            size_t needed = what == DELTA ? 2 : b->bits == 8 ? what : (what + 1) / 2;
            if ((size_t)(end - at) < needed)
                break;
            if (what == DELTA)
                skip(b, &p, at[0] + (uint64_t)at[1] * b->width);
            else
                draw_single(b, &p, at, what);
            at += (size_t)(end - at) > needed ? needed + needed % 2 : needed;
        }
    }
    if (p.at < p.end)
        return tec_image_truncated("BMP", b->bytes, name);
    while (end - at >= 2 && !at[0] && at[1] == LINE_ENDS)
        at += 2;
    return end - at >= 2 && !at[0] && at[1] == IMAGE_ENDS ? TEC_OK : without_end(b, name);
}

static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    bmp b = {.data = data, .bytes = bytes, .strict = strict, .out = out};
    TEC_TRY(read_header(&b, name));
    bool packed = b.compression == RLE8 || b.compression == RLE4;
    double room = packed ? tec_image_room(bytes, 128) : 8.0 / b.bits * (double)bytes;
    TEC_TRY(tec_image_reserve(out, b.height, b.width, 3, room, name));
    tec_status status = packed ? read_packed(&b, name) : read_rows(&b, name);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

const tec_image_codec tec_image_bmp = {
    .name = "BMP",
    .endings = {".bmp", ".dib"},
    .matches = matches,
    .decode = decode,
};
