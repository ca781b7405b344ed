/* libFuzzer: any bytes as a data set in a .npy, a .npz or a file of CIFAR: scanned, opened, and all images read. HDF5
 * reads its own files. */
#include "sets.h"

#include <stdlib.h>
#include <unistd.h>

static const char *name_of(const uint8_t *data, size_t bytes)
{
    if (!bytes)
        return "a.npy";
    return data[0] == 0x93 ? "a.npy" : data[0] == 'P' ? "a.npz" : data[0] & 1 ? "test.bin" : "test_batch.bin";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *path = fuzz_file(name_of(data, bytes), data, bytes);
    fuzz_set(path, false);
    unlink(path);
    free(path);
    return 0;
}
