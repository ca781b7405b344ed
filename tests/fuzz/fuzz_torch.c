/* libFuzzer: any bytes as a PyTorch file of either form; all tensors are listed, found by name and read. */
#include "tensors.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tec_tensor_file *file = fuzz_open(data, bytes, "fuzz.pth");
    int64_t left = 1 << 22; /* elements, since thousands of tensors may share one storage */
    for (int i = 0; file && i < tec_tensor_file_count(file); i++) {
        const tec_tensor *tensor = tec_tensor_file_get(file, i);
        left -= tensor->count;
        if (left < 0)
            break;
        /* An entry of a zip archive may turn out damaged when it is read. */
        tec_status status = fuzz_read(file, i);
        assert(status == TEC_USER_ERROR || (status == TEC_OK && tensor->is_float));
    }
    tec_tensor_file_close(file);
    return 0;
}
