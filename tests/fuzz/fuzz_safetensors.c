/* libFuzzer: any bytes as a .safetensors file, listed, found by name and read. */
#include "src/io/tensor_source.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tec_tensor_file *file;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
        abort();
    if (tensor_file_open_fd(&file, fd, "fuzz.safetensors") != TEC_OK)
        return 0;
    for (int i = 0; i < tec_tensor_file_count(file); i++) {
        const tec_tensor *tensor = tec_tensor_file_get(file, i);
        assert(tec_tensor_file_find(file, tensor->name) == i);
        real *value = malloc((size_t)tensor->count * sizeof *value + 1);
        tec_status status = tec_tensor_file_read(file, i, value);
        assert(status == (tensor->is_float ? TEC_OK : TEC_USER_ERROR));
        free(value);
    }
    tec_tensor_file_close(file);
    return 0;
}
