/* Module data, private. From the samples of a file to the channels of an image, where these are not simply 8-bit grey or
 * RGB (tec_bands_plain). A codec says what there is, gets a plan, and hands over its rows. */
#ifndef TEC_DATA_IMAGE_BANDS_H
#define TEC_DATA_IMAGE_BANDS_H

#include "tec/image.h"

/* Their numbers are a part of fingerprints. */
typedef enum tec_sample {
    TEC_SAMPLE_U8,
    TEC_SAMPLE_U16,
    TEC_SAMPLE_U32,
    TEC_SAMPLE_I8,
    TEC_SAMPLE_I16,
    TEC_SAMPLE_I32,
    TEC_SAMPLE_F16,
    TEC_SAMPLE_F32,
    TEC_SAMPLE_F64
} tec_sample;

int tec_sample_bytes(tec_sample sample);

/* What a file holds. */
typedef struct tec_band_source {
    tec_sample sample;
    double most; /* the largest value, if the file says it; 0: that of the type */
    int bands;
    int colours;            /* those before the alpha channel, which is the last; as many as bands: there is none */
    bool rgb;               /* the first three are */
    const char *multiplied; /* why alpha cannot be dropped; NULL: it can */
} tec_band_source;

/* Grey, or RGB, or whatever bands, without alpha. */
static inline tec_band_source tec_band_source_of(tec_sample sample, int bands)
{
    return (tec_band_source){.sample = sample, .bands = bands, .colours = bands, .rgb = bands == 3};
}

/* What is taken of it. */
typedef struct tec_band_plan {
    tec_sample sample;
    const char *name;         /* of the file */
    int channels;             /* those that are put */
    int from[TEC_BANDS_MOST]; /* [channels] bands, from 0 */
    bool inverted;            /* values are taken from the largest: white is 0 */
    bool to_grey;             /* the three channels are made one in the end */
    bool whole;               /* all bands, in their order */
    bool widen;
    double low, high; /* what becomes 0 and 1 */
} tec_band_plan;

/* TEC_USER_ERROR: another number of bands than how->channels, a chosen one that is not there, values for which
 * how->bands.scaling says nothing; the message has the file, what it holds, and the keys that help. */
tec_status tec_band_plan_make(tec_band_plan *out, const tec_band_source *source, const tec_decoding *how,
                              const char *name);

/* tec_image_reserve of an image with the plan's channels. `room`: the most bytes of values that the file can hold. */
tec_status tec_band_reserve(tec_image *out, const tec_band_plan *plan, uint32_t height, uint32_t width, double room);

/* Puts `count` samples of channel `channel` from row y, column x on; they have a distance of `step` bytes. Any
 * alignment. TEC_USER_ERROR: one is not finite. */
tec_status tec_band_put(const tec_band_plan *plan, tec_image *out, int channel, const void *in, size_t step, size_t y,
                        size_t x, size_t count);

/* All channels of a row of which all bands are side by side. */
tec_status tec_band_put_row(const tec_band_plan *plan, tec_image *out, const void *in, int bands, size_t y, size_t x,
                            size_t count);

/* When all rows are put. */
tec_status tec_band_finish(const tec_band_plan *plan, tec_image *image);

/* An image whose pixels are samples of `source`, of any type, [height, width, bands], becomes what `how` asks for.
 * TEC_USER_ERROR: as of tec_band_plan_make and tec_band_put; the samples are still there. */
tec_status tec_band_take(tec_image *image, const tec_band_source *source, const tec_decoding *how, const char *name);

/* An image as `decode` of a codec makes it, with 1, 3 or 4 channels, becomes what `how` asks for. */
tec_status tec_band_convert(tec_image *image, const tec_decoding *how, const char *name);

#endif
