/* Module data, private. A TIFF file that libtiff has open: what both readers of its pixels share, that of 8-bit grey, RGB,
 * CMYK and palettes, and that of bands. */
#ifndef TEC_DATA_IMAGE_TIFF_H
#define TEC_DATA_IMAGE_TIFF_H

#include "tec/image.h"

#include <tiffio.h>

/* Codes of LZW, and deflate, shrink at most about 1365 and 1032-fold; a byte of a fax may be a thousand pixels. */
#define TIFF_PIXELS_PER_BYTE 2048.0

enum { TIFF_COLOURS = 256, TIFF_MESSAGE = 160 };

typedef struct tiff_reader {
    const uint8_t *data;
    size_t bytes, at;
    const char *name;
    TIFF *file;
    char message[TIFF_MESSAGE]; /* the first error that libtiff reports, or, while pixels are read, warning; "": none */
    bool pixels;                /* these are read */
    bool ended;                 /* more was asked for than there is */
    bool cut;                   /* a tag lies behind the end of the file */
    bool warned;                /* of pixels */

    uint32_t width, height;
    uint16_t bits, samples, photometric;
    bool separate;      /* each sample is a picture of its own */
    bool premultiplied; /* by alpha, which is the first sample behind the colours */
    uint8_t palette[TIFF_COLOURS][3];
    int colours; /* samples that count: 1, 3, or 4 (CMYK) */
} tiff_reader;

/* A strip or tile: where it lies, and the rows and columns that it is stored with. */
typedef struct tiff_part {
    uint32_t top, left, rows, columns;
    uint8_t *bytes; /* [samples if they are separate, rows, row_bytes] */
    size_t plane_bytes, row_bytes;
} tiff_part;

/* What libtiff has complained of. */
tec_status tec_tiff_fail(tiff_reader *r);

/* It is of a kind that is not supported: `what`. */
tec_status tec_tiff_refuse(const tiff_reader *r, const char *what);

/* A tag of 16 bits. */
unsigned tec_tiff_field(const tiff_reader *r, uint32_t tag, unsigned otherwise);

/* Fills rows, columns and sizes of a part. Before there is memory for it: a file may promise any. */
tec_status tec_tiff_measure(tiff_reader *r, tiff_part *p, bool tiled);

/* Reads the part at top and left; false: libtiff could not. */
bool tec_tiff_read_part(tiff_reader *r, tiff_part *p, bool tiled);

/* Reads bits, samples, photometric and whether they are separate. */
void tec_tiff_layout(tiff_reader *r);

/* The bands of the first page as `how` asks for, but *taken false: it is of a kind whose pixels the other reader makes
 * 8-bit grey, RGB or CMYK. */
tec_status tec_tiff_read_bands(tiff_reader *r, const tec_decoding *how, tec_image *out, bool *taken);

#endif
