/* Module formats, public. Writing model files that other tools load. Each is written under a temporary name, flushed
 * and renamed. Local. */
#ifndef TEC_TENSOR_WRITE_H
#define TEC_TENSOR_WRITE_H

#include "tec/error.h"
#include "tec/real.h"
#include "tec/tensor_file.h"

/* A tensor to be written as float32. Name and values are borrowed for the call. */
typedef struct tec_tensor_out {
    const char *name;
    int dims;
    int64_t dim[TEC_TENSOR_DIMS];
    const real *value; /* [product of dim], row-major */
} tec_tensor_out;

/* The number of elements: the product of dim. */
static inline int64_t tec_tensor_out_count(const tec_tensor_out *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->dims; i++)
        count *= tensor->dim[i];
    return count;
}

/* Writes .safetensors. `metadata` is a list of key, value, key, value, ... that ends with NULL, or NULL.
 * TEC_USER_ERROR: a name or text that is not UTF-8, two tensors of one name; TEC_SYSTEM_ERROR: the disk. */
tec_status tec_safetensors_write(const char *path, const tec_tensor_out *tensor, int count,
                                 const char *const *metadata);

/* Writes a dict of tensors in PyTorch's zip form, which torch.load(weights_only=True) reads. With `metadata`, a list of
 * key, value, key, value, ... that ends with NULL, it is {"model": tensors, key: value, ...}, as training scripts save
 * it; NULL: the tensors alone. TEC_SYSTEM_ERROR: the disk. */
tec_status tec_torch_write(const char *path, const tec_tensor_out *tensor, int count, const char *const *metadata);

#endif
