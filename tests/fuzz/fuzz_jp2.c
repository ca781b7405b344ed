/* libFuzzer: any bytes as a JPEG 2000 image. */
#include "images.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_decode(&tec_image_jp2, data, bytes);
    return 0;
}
