/* Module data, public. An image in memory, decoded from JPEG or PNG. All functions are local and thread-safe. */
#ifndef TEC_IMAGE_H
#define TEC_IMAGE_H

#include "tec/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How files are decoded. */
typedef struct tec_decoding {
    int channels; /* 1 (grey) or 3 (RGB) */
    bool strict;  /* any damage is an error, even where Pillow decodes the image */
    bool turn;    /* turn images upright by their EXIF orientation, which is otherwise ignored */
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
    int height, width, channels; /* channels: 1 (grey) or 3 (RGB) */
    uint8_t *pixels;             /* [height, width, channels], owned; tec_image_free frees them */
    unsigned notes;              /* 1 << tec_image_note for each that applies */
    bool deep;                   /* stored with 16 bits, of which these are the upper 8 */
} tec_image;

/* A note for a warning about several images: "PNG without an end (IEND)". */
const char *tec_image_note_words(tec_image_note note);

/* Decodes a whole JPEG or PNG file, told apart by its first bytes, from memory. Grey, palette, 16-bit (the upper 8 bits
 * are kept), alpha (dropped), CMYK and YCCK, progressive and interlaced files all come out with how->channels channels
 * and the values of PIL's convert("L") or convert("RGB"). Damaged files that Pillow decodes come out as there, with a
 * note, unless how->strict. After a failure out->pixels is NULL.
 *
 * TEC_USER_ERROR names `name`, what is wrong and, where known, the byte offset: truncated or damaged data, a wrong
 * checksum, more than 178,956,970 pixels (PIL's limit), or more pixels than a file of this length can hold.
 * TEC_SYSTEM_ERROR: no memory. */
tec_status tec_image_decode(tec_image *out, const void *data, size_t bytes, const tec_decoding *how, const char *name);

void tec_image_free(tec_image *image);

#endif
