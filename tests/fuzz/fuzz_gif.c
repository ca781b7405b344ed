/* libFuzzer: any bytes as a GIF image. */
#include "images.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_decode(&tec_image_gif, data, bytes);
    return 0;
}
