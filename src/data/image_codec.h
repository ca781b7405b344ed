/* Module data, private. The kinds of image files: what image.c and a codec agree on. A new kind is a file with a
 * tec_image_codec and a line in image.c's table. */
#ifndef TEC_DATA_IMAGE_CODEC_H
#define TEC_DATA_IMAGE_CODEC_H

#include "tec/image.h"

#include <stdbool.h>

typedef struct tec_image_codec {
    const char *name;       /* for messages: "JPEG" */
    const char *endings[5]; /* of file names, in lower case; at most 4, then NULL */

    /* Do these bytes begin such a file? */
    bool (*matches)(const uint8_t *data, size_t bytes);

    /* Decodes the whole file to the components that it has: 1 (grey), 3 (RGB) or 4 (CMYK as Adobe stores it, where 255
     * is no ink), and sets out->notes and out->deep. strict: as of tec_decoding. On failure out->pixels is NULL. Where it
     * is NULL this build lacks the library that `lacks` names, "giflib (Debian: libgif-dev; Spack: giflib)". */
    tec_status (*decode)(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name);
    const char *lacks;

    /* The orientation (1 to 8) that the file's EXIF data give, by tec_exif_orientation; 1, upright, where there are
     * none. NULL: such files have none. */
    int (*orientation)(const uint8_t *data, size_t bytes);
} tec_image_codec;

extern const tec_image_codec tec_image_jpeg, tec_image_png, tec_image_webp, tec_image_tiff, tec_image_gif,
    tec_image_jp2, tec_image_bmp, tec_image_pnm;

/* Does a file that begins with these bytes have a codec? */
bool tec_image_starts(const uint8_t *data, size_t bytes);

/* Fails with TEC_USER_ERROR: says what a file that has no codec is instead. */
tec_status tec_image_refuse(const uint8_t *data, size_t bytes, const char *name);

/* Has a file of that name one of the endings, in any case? */
bool tec_image_is_named(const char *file);

/* Which library this build lacks for a file of that name, and what is called so ("GIF"); NULL: none. */
const char *tec_image_lacking(const char *file, const char **kind);

/* The same for a file that begins with these bytes. */
const char *tec_image_lacking_content(const uint8_t *data, size_t bytes, const char **kind);

/* Writes the names of all kinds, with a word before the last, "JPEG, PNG or WebP", to `text` [size], and returns it. */
char *tec_image_names(char *text, size_t size, const char *last);

/* Writes all endings, ".jpg, .jpeg, .png", to `text` [size], and returns it. */
char *tec_image_endings(char *text, size_t size);

/* ---- pixels ---- */

/* Pillow too refuses more (twice its MAX_IMAGE_PIXELS). */
#define TEC_IMAGE_MAX_PIXELS 178956970.0

/* Allocates the pixels of an image whose header has been read. `room` is the most pixels that a file of this length can
 * hold. TEC_USER_ERROR, before any memory is taken: the header promises more than `room` or TEC_IMAGE_MAX_PIXELS. */
tec_status tec_image_reserve(tec_image *out, uint32_t height, uint32_t width, int channels, double room,
                             const char *name);

/* The room in a file in which a few bytes can stand for many pixels: `most` for each byte, but for small pictures, of
 * which a file may say as little as it likes, TEC_IMAGE_FREE_PIXELS. */
#define TEC_IMAGE_FREE_PIXELS 16777216.0
double tec_image_room(size_t bytes, double most);

/* TEC_USER_ERROR: the file of `bytes` bytes, of a kind called so, ends before its pixels do. */
tec_status tec_image_truncated(const char *kind, size_t bytes, const char *name);

/* 1, 3 or 4 components become 1 or 3 channels. */
tec_status tec_image_convert(tec_image *image, int channels, const char *name);

#endif
