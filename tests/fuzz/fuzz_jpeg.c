/* libFuzzer: any bytes as a JPEG image. */
#include "images.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_decode(&tec_image_jpeg, data, bytes);
    return 0;
}
