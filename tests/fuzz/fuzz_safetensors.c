/* libFuzzer: any bytes as a .safetensors file, listed, found by name and read. */
#include "tensors.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tec_tensor_file *file = fuzz_open(data, bytes, "fuzz.safetensors");
    for (int i = 0; file && i < tec_tensor_file_count(file); i++) {
        tec_status status = fuzz_read(file, i);
        assert(status == (tec_tensor_file_get(file, i)->is_float ? TEC_OK : TEC_USER_ERROR));
    }
    tec_tensor_file_close(file);
    return 0;
}
