/* Decoding fuzzed bytes as an image. */
#include "images.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Are all pixels there to be read? A sanitizer says. */
static bool can_be_read(const tec_image *image)
{
    size_t count = (size_t)image->height * (size_t)image->width * (size_t)image->channels;
    uint64_t sum = 0;
    for (size_t i = 0; i < count && image->values; i++)
        if (!isfinite(image->values[i]))
            return false;
    for (size_t i = 0; i < count && image->pixels; i++)
        sum += image->pixels[i];
    return sum <= UINT8_MAX * (uint64_t)count;
}

/* Grey, RGB, as many bands, some of them; as bytes, by type, by a range. */
static const tec_decoding ways[] = {
    {.channels = 3, .strict = true},
    {.channels = 1, .turn = true},
    {.channels = 5, .strict = true, .bands.scaling = TEC_SCALING_TYPE},
    {.channels = 1, .bands.scaling = TEC_SCALING_TYPE},
    {.channels = 5},
    {.channels = 3,
     .turn = true,
     .bands = {.scaling = TEC_SCALING_GIVEN, .low = -1, .high = 3000, .chosen = 3, .band = {1, 0, 1}}},
};

void fuzz_decode(const tec_image_codec *codec, const uint8_t *data, size_t bytes)
{
    if (!codec->matches(data, bytes) || !codec->decode)
        return;
    for (size_t how = 0; how < sizeof ways / sizeof *ways; how++) {
        tec_image image;
        tec_status status = tec_image_decode(&image, data, bytes, &ways[how], "fuzz");
        assert((status == TEC_OK) == (image.pixels != NULL || image.values != NULL));
        assert(status != TEC_OK || image.channels == ways[how].channels);
        assert(status == TEC_OK || status == TEC_USER_ERROR);
        assert(status != TEC_OK || can_be_read(&image));
        tec_image_free(&image);
    }
}
