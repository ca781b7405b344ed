/* What the fuzzers of whole files share. */
#ifndef TEC_TESTS_FUZZ_TENSORS_H
#define TEC_TESTS_FUZZ_TENSORS_H

#include "src/formats/tensor_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* These bytes as an open file of that name, or NULL if they are refused. */
tec_tensor_file *fuzz_open(const uint8_t *data, size_t bytes, const char *name);

/* Finds tensor i by its name, and reads it. */
tec_status fuzz_read(tec_tensor_file *file, int i);

#endif
