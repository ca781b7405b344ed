/* TIFF with any number of bands of 8, 16 or 32 bits or floats, in strips or tiles, interleaved or not. */
#ifdef TEC_TIFF
#include "image_tiff.h"

#include "image_bands.h"
#include "image_codec.h"

#include <stdlib.h>

/* Bytes of an image for each byte of the file, and of one that may be as short as it likes: as of three bytes a pixel. */
static double room_of(const tiff_reader *r)
{
    return 3 * tec_image_room(r->bytes, TIFF_PIXELS_PER_BYTE);
}

/* ---- what is in the file ---- */

/* False: such values are not supported. */
static bool find_sample(const tiff_reader *r, tec_sample *out)
{
    static const struct {
        unsigned format, bits;
        tec_sample sample;
    } known[] = {
        {SAMPLEFORMAT_UINT, 8, TEC_SAMPLE_U8},     {SAMPLEFORMAT_UINT, 16, TEC_SAMPLE_U16},
        {SAMPLEFORMAT_UINT, 32, TEC_SAMPLE_U32},   {SAMPLEFORMAT_INT, 8, TEC_SAMPLE_I8},
        {SAMPLEFORMAT_INT, 16, TEC_SAMPLE_I16},    {SAMPLEFORMAT_INT, 32, TEC_SAMPLE_I32},
        {SAMPLEFORMAT_IEEEFP, 32, TEC_SAMPLE_F32}, {SAMPLEFORMAT_IEEEFP, 64, TEC_SAMPLE_F64},
        {SAMPLEFORMAT_VOID, 8, TEC_SAMPLE_U8},     {SAMPLEFORMAT_VOID, 16, TEC_SAMPLE_U16},
    };
    const unsigned format = tec_tiff_field(r, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].format == format && known[i].bits == r->bits) {
            *out = known[i].sample;
            return true;
        }
    return false;
}

/* Samples behind the colours, if all of them are alpha. */
static int count_alpha(const tiff_reader *r, bool *multiplied)
{
    uint16_t extras = 0, *extra = NULL;
    if (!TIFFGetField(r->file, TIFFTAG_EXTRASAMPLES, &extras, &extra))
        return 0;
    for (uint16_t i = 0; i < extras; i++) {
        if (extra[i] != EXTRASAMPLE_ASSOCALPHA && extra[i] != EXTRASAMPLE_UNASSALPHA)
            return 0;
        *multiplied |= extra[i] == EXTRASAMPLE_ASSOCALPHA;
    }
    return extras;
}

static tec_band_source source_of(const tiff_reader *r, tec_sample sample)
{
    bool multiplied = false;
    const int alpha = count_alpha(r, &multiplied), colours = r->samples - alpha;
    return (tec_band_source){.sample = sample,
                             .bands = r->samples,
                             .colours = colours > 0 ? colours : r->samples,
                             .rgb = r->photometric == PHOTOMETRIC_RGB && colours == 3,
                             .multiplied = multiplied ? "its colours are multiplied by alpha" : NULL};
}

/* Is it of a kind that the other reader makes grey or RGB: a palette, YCbCr, fewer than 8 bits, or CMYK of which no bands
 * are chosen? */
static bool is_of_colours(const tiff_reader *r, const tec_decoding *how)
{
    const bool cmyk = r->photometric == PHOTOMETRIC_SEPARATED && r->bits == 8 && how->bands.chosen == 0;
    return r->photometric == PHOTOMETRIC_PALETTE || r->photometric == PHOTOMETRIC_YCBCR || r->bits < 8 ||
           (cmyk && how->channels < 4);
}

/* ---- pixels ---- */

static tec_status put_part(const tiff_reader *r, const tiff_part *p, const tec_band_plan *plan, tec_image *out)
{
    const uint32_t rows = r->height - p->top < p->rows ? r->height - p->top : p->rows;
    const size_t columns = r->width - p->left < p->columns ? r->width - p->left : p->columns;
    const size_t bytes = (size_t)tec_sample_bytes(plan->sample);
    for (uint32_t y = 0; y < rows; y++) {
        const uint8_t *in = p->bytes + y * p->row_bytes;
        if (!r->separate)
            TEC_TRY(tec_band_put_row(plan, out, in, r->samples, p->top + y, p->left, columns));
        for (int c = 0; r->separate && c < plan->channels; c++)
            TEC_TRY(tec_band_put(plan, out, c, in + (size_t)plan->from[c] * p->plane_bytes, bytes, p->top + y, p->left,
                                 columns));
    }
    return TEC_OK;
}

static tec_status read_parts(tiff_reader *r, tiff_part *p, bool tiled, const tec_band_plan *plan, tec_image *out)
{
    for (p->top = 0; p->top < r->height; p->top += p->rows)
        for (p->left = 0; p->left < r->width; p->left += p->columns) {
            if (!tec_tiff_read_part(r, p, tiled))
                return tec_tiff_fail(r);
            TEC_TRY(put_part(r, p, plan, out));
        }
    return TEC_OK;
}

static tec_status read_pixels(tiff_reader *r, const tec_band_plan *plan, tec_image *out)
{
    tiff_part p = {0};
    const bool tiled = TIFFIsTiled(r->file);
    const size_t planes = r->separate ? r->samples : 1;
    TEC_TRY(tec_tiff_measure(r, &p, tiled));
    if ((double)p.plane_bytes * (double)planes > room_of(r))
        return tec_fail(TEC_USER_ERROR,
                        "%s: TIFF with tiles of %u x %u pixels of %u bands, but the file is too short to hold them",
                        r->name, p.columns, p.rows, r->samples);
    p.bytes = malloc(p.plane_bytes * planes);
    tec_status status = p.bytes ? read_parts(r, &p, tiled, plan, out)
                                : tec_fail(TEC_SYSTEM_ERROR, "%s: no memory for %u x %u pixels of %u bands", r->name,
                                           p.columns, p.rows, r->samples);
    free(p.bytes);
    return status;
}

tec_status tec_tiff_read_bands(tiff_reader *r, const tec_decoding *how, tec_image *out, bool *taken)
{
    tec_sample sample;
    tec_band_plan plan;
    tec_tiff_layout(r);
    *taken = !is_of_colours(r, how);
    if (!*taken)
        return TEC_OK;
    if (!find_sample(r, &sample))
        return tec_fail(
            TEC_USER_ERROR,
            "%s: TIFF with values of %u bits of a kind that is not supported and has to be converted (whole "
            "numbers of 8, 16 or 32 bits, and floats of 32 or 64, are)",
            r->name, r->bits);
    const tec_band_source source = source_of(r, sample);
    TEC_TRY(tec_band_plan_make(&plan, &source, how, r->name));
    plan.inverted = r->photometric == PHOTOMETRIC_MINISWHITE && (sample == TEC_SAMPLE_U8 || sample == TEC_SAMPLE_U16);
    TEC_TRY(tec_band_reserve(out, &plan, r->height, r->width, room_of(r)));
    r->pixels = true;
    TEC_TRY(read_pixels(r, &plan, out));
    return tec_band_finish(&plan, out);
}
#else
typedef int tec_no_tiff; /* a file of C is not empty */
#endif
