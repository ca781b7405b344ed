/* What the fuzz targets for images share. */
#ifndef TEC_TESTS_FUZZ_IMAGES_H
#define TEC_TESTS_FUZZ_IMAGES_H

#include "src/data/image_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Decodes these bytes by one codec, in all ways. */
void fuzz_decode(const tec_image_codec *codec, const uint8_t *data, size_t bytes);

#endif
