/* Model files that other tools load, written whole: a temporary name, flushed, renamed. Local. */
#ifndef TEC_TENSOR_WRITE_H
#define TEC_TENSOR_WRITE_H

#include "tec/error.h"
#include "tec/real.h"
#include "tec/tensor_file.h"

/* A tensor to write, as float32. Borrowed for the call. */
typedef struct tec_tensor_out {
    const char *name;
    int dims;
    int64_t dim[TEC_TENSOR_DIMS];
    const real *value; /* row-major */
} tec_tensor_out;

/* .safetensors; `metadata`, unless NULL, is a NULL-terminated list of key, value, key, value, ... */
tec_status tec_safetensors_write(const char *path, const tec_tensor_out *tensor, int count,
                                 const char *const *metadata);

/* A dict of tensors in PyTorch's zip form, which torch.load(weights_only=True) reads. */
tec_status tec_torch_write(const char *path, const tec_tensor_out *tensor, int count);

#endif
