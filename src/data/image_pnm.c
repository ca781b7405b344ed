/* PBM, PGM and PPM, a reader of our own: text or bytes; of 16 bits a value where bands may have them. */
#include "image_bands.h"
#include "image_codec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN = 10 }; /* digits of a number, at most */

typedef struct pnm {
    const uint8_t *at, *end;
    bool text;    /* P1 to P3 */
    bool bits;    /* P1 and P4: 1 is black */
    int channels; /* 1 or 3 */
    uint32_t width, height, most;
} pnm;

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool matches(const uint8_t *data, size_t bytes)
{
    return bytes >= 8 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' && is_space(data[2]) &&
           (is_space(data[3]) || is_digit(data[3]) || data[3] == '#');
}

/* ---- numbers ---- */

/* White space, and comments up to the end of their line. */
static void skip_space(pnm *p)
{
    for (bool comment = false; p->at < p->end; p->at++) {
        if (*p->at == '#')
            comment = true;
        else if (*p->at == '\n' || *p->at == '\r')
            comment = false;
        else if (!comment && !is_space(*p->at))
            return;
    }
}

static bool take_number(pnm *p, uint32_t *value)
{
    uint64_t number = 0;
    int digits = 0;
    skip_space(p);
    for (; p->at < p->end && is_digit(*p->at) && digits <= TOKEN; p->at++, digits++)
        number = 10 * number + (uint64_t)(*p->at - '0');
    *value = (uint32_t)number;
    return digits > 0 && digits <= TOKEN && number <= UINT32_MAX;
}

static tec_status refuse(const pnm *p, size_t bytes, const char *name)
{
    if (p->at >= p->end)
        return tec_image_truncated("PNM", bytes, name);
    return tec_fail(TEC_USER_ERROR, "%s: damaged PNM near byte %zu", name, bytes - (size_t)(p->end - p->at));
}

/* One character of white space separates the header from bytes. */
static tec_status read_header(pnm *p, const uint8_t *data, size_t bytes, const char *name)
{
    int kind = data[1] - '0';
    *p = (pnm){.at = data + 2, .end = data + bytes, .text = kind <= 3, .bits = kind % 3 == 1, .most = 1};
    p->channels = kind % 3 == 0 ? 3 : 1;
    if (!take_number(p, &p->width) || !take_number(p, &p->height) || (!p->bits && !take_number(p, &p->most)) ||
        p->at >= p->end || !is_space(*p->at))
        return refuse(p, bytes, name);
    p->at++;
    if (!p->most || p->most > 65535)
        return tec_fail(TEC_USER_ERROR, "%s: damaged PNM: its largest value is %u (1 to 65535 expected)", name,
                        p->most);
    return TEC_OK;
}

/* ---- pixels ---- */

/* Rounded as Python rounds; larger values than the largest are clipped. */
static uint8_t scale(const pnm *p, uint32_t value)
{
    return p->most == 255 ? (uint8_t)value : (uint8_t)fmin(255, rint((double)value / p->most * 255));
}

static bool take_bit(pnm *p, uint32_t *value)
{
    skip_space(p);
    if (p->at >= p->end || (*p->at != '0' && *p->at != '1'))
        return false;
    *value = *p->at++ == '0';
    return true;
}

static tec_status read_text(pnm *p, tec_image *out, size_t count, size_t bytes, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t value;
        if (!(p->bits ? take_bit(p, &value) : take_number(p, &value)) || value > p->most)
            return refuse(p, bytes, name);
        out->pixels[i] = scale(p, value);
    }
    return TEC_OK;
}

static tec_status read_bytes(pnm *p, tec_image *out, size_t count, size_t bytes, const char *name)
{
    size_t row = (size_t)(p->width + 7) / 8, needed = p->bits ? row * p->height : count;
    if ((size_t)(p->end - p->at) < needed)
        return tec_image_truncated("PNM", bytes, name);
    for (size_t i = 0; i < count; i++) {
        size_t x = i % p->width;
        out->pixels[i] = p->bits ? (p->at[i / p->width * row + x / 8] << x % 8 & 0x80 ? 0 : 255) : scale(p, p->at[i]);
    }
    return TEC_OK;
}

static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    (void)strict;
    pnm p;
    TEC_TRY(read_header(&p, data, bytes, name));
    if (p.most > 255)
        return tec_fail(
            TEC_USER_ERROR,
            "%s: PNM with values of 16 bits (0 to %u): convert it to 8, or set data.range=type, which keeps "
            "them",
            name, p.most);
    double room = (double)(p.end - p.at) * (p.text || !p.bits ? 1.0 / p.channels : 8);
    TEC_TRY(tec_image_reserve(out, p.height, p.width, p.channels, room, name));
    size_t count = (size_t)p.width * p.height * (size_t)p.channels;
    tec_status status = (p.text ? read_text : read_bytes)(&p, out, count, bytes, name);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

/* ---- 16 bits ---- */

/* A row as numbers of 16 bits. */
static bool take_row(pnm *p, uint16_t *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t value;
        if (p->text ? !take_number(p, &value) : p->end - p->at < 2)
            return false;
        if (!p->text) {
            value = (uint32_t)p->at[0] << 8 | p->at[1];
            p->at += 2;
        }
        row[i] = (uint16_t)(value < p->most ? value : p->most); /* larger ones are clipped, as those of 8 bits */
    }
    return true;
}

static tec_status decode_deep(tec_image *out, pnm *p, size_t bytes, const tec_decoding *how, const char *name)
{
    tec_band_source source = tec_band_source_of(TEC_SAMPLE_U16, p->channels);
    source.most = p->most;
    const double room = (double)(p->end - p->at) / (p->text ? 1 : 2) / p->channels;
    tec_band_plan plan;
    TEC_TRY(tec_band_plan_make(&plan, &source, how, name));
    TEC_TRY(tec_band_reserve(out, &plan, p->height, p->width, room * plan.channels * (double)sizeof(float)));
    const size_t count = (size_t)p->width * (size_t)p->channels;
    uint16_t *row = malloc(count * sizeof *row);
    tec_status status = row ? TEC_OK : tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for %zu values", name, count);
    for (uint32_t y = 0; y < p->height && status == TEC_OK; y++)
        status = take_row(p, row, count) ? tec_band_put_row(&plan, out, row, p->channels, y, 0, p->width)
                                         : tec_image_truncated("PNM", bytes, name);
    if (status == TEC_OK)
        status = tec_band_finish(&plan, out);
    free(row);
    return status;
}

static tec_status decode_bands(tec_image *out, const uint8_t *data, size_t bytes, const tec_decoding *how,
                               const char *name)
{
    pnm p;
    TEC_TRY(read_header(&p, data, bytes, name));
    if (p.most > 255)
        return decode_deep(out, &p, bytes, how, name);
    TEC_TRY(decode(out, data, bytes, how->strict, name));
    return tec_band_convert(out, how, name);
}

const tec_image_codec tec_image_pnm = {
    .name = "PNM",
    .endings = {".pnm", ".pbm", ".pgm", ".ppm"},
    .matches = matches,
    .decode = decode,
    .decode_bands = decode_bands,
};
