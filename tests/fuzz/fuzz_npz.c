/* libFuzzer: any bytes as the tensors of a .npz, listed, found by name and read. */
#include "sets.h"
#include "tensors.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *path = fuzz_file("fuzz.npz", data, bytes);
    tec_tensor_file *file;
    if (tec_tensor_file_open(&file, path) != TEC_OK)
        file = NULL;
    for (int i = 0; file && i < tec_tensor_file_count(file); i++) {
        tec_status status = fuzz_read(file, i); /* its values are unpacked and checked only then */
        assert(status == TEC_OK || status == TEC_USER_ERROR);
    }
    tec_tensor_file_close(file);
    unlink(path);
    free(path);
    return 0;
}
