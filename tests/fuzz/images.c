/* Decoding fuzzed bytes as an image. */
#include "images.h"

#include <assert.h>
#include <stdlib.h>

/* Are all pixels there to be read? A sanitizer says. */
static bool can_be_read(const tec_image *image)
{
    size_t count = (size_t)image->height * (size_t)image->width * (size_t)image->channels;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += image->pixels[i];
    return sum <= UINT8_MAX * (uint64_t)count;
}

void fuzz_decode(const tec_image_codec *codec, const uint8_t *data, size_t bytes)
{
    if (!codec->matches(data, bytes) || !codec->decode)
        return;
    for (int how = 0; how < 2; how++) {
        const tec_decoding decoding = {.channels = how ? 1 : 3, .strict = how == 0, .turn = how == 1};
        tec_image image;
        tec_status status = tec_image_decode(&image, data, bytes, &decoding, "fuzz");
        assert((status == TEC_OK) == (image.pixels != NULL));
        assert(status == TEC_OK || status == TEC_USER_ERROR);
        assert(status != TEC_OK || can_be_read(&image));
        tec_image_free(&image);
    }
}
