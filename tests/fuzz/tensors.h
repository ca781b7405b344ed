/* What the fuzz targets for whole files share. */
#ifndef TEC_TESTS_FUZZ_TENSORS_H
#define TEC_TESTS_FUZZ_TENSORS_H

#include "src/formats/tensor_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Opens these bytes as a file of that name; NULL: they are refused. */
tec_tensor_file *fuzz_open(const uint8_t *data, size_t bytes, const char *name);

/* Finds tensor i by name and reads it. */
tec_status fuzz_read(tec_tensor_file *file, int i);

#endif
