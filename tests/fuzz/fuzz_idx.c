/* libFuzzer: any bytes as an IDX file, gzipped or not: of images or, where they say so, of the labels of three. */
#include "sets.h"

#include <stdlib.h>
#include <string.h>

static const char images[] = "\0\0\x08\x03\0\0\0\3\0\0\0\1\0\0\0\2abcdef", labels[] = "\0\0\x08\1\0\0\0\3\0\1\1";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const bool of_labels = bytes >= 4 && !memcmp(data, labels, 4);
    char *path =
        of_labels ? fuzz_file("a-images-idx3", images, sizeof images - 1) : fuzz_file("a-images-idx3", data, bytes);
    free(of_labels ? fuzz_file("a-labels-idx1", data, bytes) : fuzz_file("a-labels-idx1", labels, sizeof labels - 1));
    fuzz_set(path, false);
    free(path);
    return 0;
}
