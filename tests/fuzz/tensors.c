/* Opening and reading fuzzed bytes as a file of tensors. */
#include "tensors.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

tec_tensor_file *fuzz_open(const uint8_t *data, size_t bytes, const char *name)
{
    tec_tensor_file *file;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
        abort();
    return tec_tensor_file_open_fd(&file, fd, name, NULL) == TEC_OK ? file : NULL;
}

tec_status fuzz_read(tec_tensor_file *file, int i)
{
    const tec_tensor *tensor = tec_tensor_file_get(file, i);
    assert(tec_tensor_file_find(file, tensor->name) == i);
    real *value = malloc((size_t)tensor->count * sizeof *value + 1);
    tec_status status = tec_tensor_file_read(file, i, value);
    free(value);
    return status;
}
