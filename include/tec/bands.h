/* Module data, public. Bands of images: which of those in a file are taken, and how their values become the numbers that
 * are normalised. All functions are local and thread-safe. */
#ifndef TEC_BANDS_H
#define TEC_BANDS_H

#include "tec/error.h"

#include <stdbool.h>

enum { TEC_BANDS_MOST = 64 }; /* channels of an image, at most; bands of a file are numbered from 1, up to 65535 */

enum { TEC_BANDS_RANGE_TEXT = 64, TEC_BANDS_CHOSEN_TEXT = 400 }; /* bytes that hold any of the texts below */

/* Numbers of a mean or a deviation that files hold: one for each channel, but at least three. */
static inline int tec_bands_numbers(int channels)
{
    return channels < 3 ? 3 : channels < TEC_BANDS_MOST ? channels : TEC_BANDS_MOST;
}

/* What becomes of values (data.range). */
typedef enum tec_scaling {
    TEC_SCALING_BYTES, /* every image has 8 bits a value: of 16-bit PNGs the upper 8 are kept; divided by 255 */
    TEC_SCALING_TYPE,  /* whole numbers from 0 on are divided by the largest that their type holds: 255, 65535, ... */
    TEC_SCALING_GIVEN  /* low becomes 0, high becomes 1 */
} tec_scaling;

/* Zeroed: 8 bits, and whatever bands there are. */
typedef struct tec_bands {
    tec_scaling scaling;
    double low, high;         /* TEC_SCALING_GIVEN */
    int chosen;               /* how many bands are chosen; 0: all */
    int band[TEC_BANDS_MOST]; /* [chosen] from 0 */
    bool of_model;            /* channels are a model's and not data.channels, which messages then do not ask for */
} tec_bands;

/* Reads "bytes", "type" or "LOW,HIGH", with or without brackets, into out->scaling, low and high. TEC_USER_ERROR says
 * what would be right. */
tec_status tec_bands_parse_range(const char *text, tec_bands *out);

/* Reads "4,3,2", with or without brackets, into out->chosen and band; "": none are chosen. TEC_USER_ERROR likewise. */
tec_status tec_bands_parse_chosen(const char *text, tec_bands *out);

/* As the two functions above read them, alike for what is the same: "type" or "0,3000", "4,3,2"; of bytes, and where none
 * are chosen, "". */
void tec_bands_range_words(const tec_bands *bands, char text[TEC_BANDS_RANGE_TEXT]);
void tec_bands_chosen_words(const tec_bands *bands, char text[TEC_BANDS_CHOSEN_TEXT]);

/* Do images of so many channels, taken so, hold floats (tec_image.values)? */
bool tec_bands_widen(const tec_bands *bands);

/* Are they 8-bit images of 1 or 3 channels, which can be shown, and altered as Pillow does? */
bool tec_bands_pictures(const tec_bands *bands, int channels);

/* Are they such ones, and no bands chosen, so that their other formats are converted to these as Pillow does? */
bool tec_bands_plain(const tec_bands *bands, int channels);

#endif
