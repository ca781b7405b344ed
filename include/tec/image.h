/* Module data, public. An image in memory, decoded from a file. All functions are local and thread-safe. */
#ifndef TEC_IMAGE_H
#define TEC_IMAGE_H

#include "tec/bands.h"
#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How files are decoded. */
typedef struct tec_decoding {
    int channels;    /* 1 (grey), 3 (RGB), or as many bands, up to TEC_BANDS_MOST */
    bool strict;     /* any damage is an error, even where Pillow decodes the image */
    bool turn;       /* turn images upright by their EXIF orientation, which is otherwise ignored */
    tec_bands bands; /* zeroed: 8-bit images */
} tec_decoding;

/* What there is to say about an image that was decoded nevertheless. */
typedef enum tec_image_note {
    TEC_IMAGE_PNG_END,      /* the file ends before its end, behind the pixels */
    TEC_IMAGE_PNG_CHECKSUM, /* a wrong or missing checksum of the image data */
    TEC_IMAGE_PNG_ROWS,     /* the last rows are missing: they are black */
    TEC_IMAGE_PNG_CHUNK,    /* something else is damaged, or out of place */
    TEC_IMAGE_JPEG_END,     /* the end marker is missing, behind the pixels */
    TEC_IMAGE_JPEG_CODE,    /* a bad Huffman code */
    TEC_IMAGE_JPEG_PART,    /* the data of a part end early: it is grey */
    TEC_IMAGE_JPEG_OTHER,   /* markers that are damaged or out of place */
    TEC_IMAGE_TIFF_DATA,    /* data that libtiff warns of, or an end that is missing behind them */
    TEC_IMAGE_GIF_END,      /* the end is missing, behind the pixels of the first picture */
    TEC_IMAGE_BMP_END,      /* padding or an end mark is missing, behind the pixels */
    TEC_IMAGE_TURNED,       /* an EXIF orientation that is ignored */
    TEC_IMAGE_NOTES
} tec_image_note;

typedef struct tec_image {
    int height, width, channels;
    uint8_t *pixels;  /* [height, width, channels], owned; tec_image_free frees them; NULL: values */
    unsigned notes;   /* 1 << tec_image_note for each that applies */
    bool deep;        /* stored with 16 bits, of which these are the upper 8 */
    float *values;    /* [height, width, channels] finite, scaled by tec_bands; likewise owned; NULL: pixels */
    double low, high; /* of values: what of the file became 0 and 1 */
} tec_image;

/* A note for a warning about several images: "PNG without an end (IEND)". */
const char *tec_image_note_words(tec_image_note note);

/* Decodes a whole file, told apart by its first bytes, from memory. With tec_bands_plain, grey, palette, 16-bit (the
 * upper 8 bits are kept), alpha (dropped), CMYK and YCCK, progressive and interlaced files all come out with
 * how->channels channels and the values of PIL's convert("L") or convert("RGB"). Damaged files that Pillow decodes come
 * out as there, with a note, unless how->strict. Otherwise the bands are those chosen; without a choice all, of which
 * there must be how->channels; but alpha is dropped, grey becomes three equal channels, and RGB grey, where that makes
 * how->channels. Colour profiles are not applied. After a failure out->pixels and out->values are NULL.
 *
 * TEC_USER_ERROR names `name`, what is wrong and, where known, the byte offset: truncated or damaged data, a wrong
 * checksum, more than 178,956,970 pixels (PIL's limit), or more pixels than a file of this length can hold; another
 * number of bands; values that how->bands.scaling does not fit, or that are not finite. TEC_SYSTEM_ERROR: no memory. */
tec_status tec_image_decode(tec_image *out, const void *data, size_t bytes, const tec_decoding *how, const char *name);

void tec_image_free(tec_image *image);

#endif
