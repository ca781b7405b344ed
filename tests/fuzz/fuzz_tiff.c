/* libFuzzer: any bytes as a TIFF image. */
#include "images.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_decode(&tec_image_tiff, data, bytes);
    return 0;
}
