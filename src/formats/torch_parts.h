/* Module formats, private. What PyTorch's two forms share: which values of a pickle are tensors, and how they are
 * listed. */
#ifndef TEC_FORMATS_TORCH_PARTS_H
#define TEC_FORMATS_TORCH_PARTS_H

#include "pickle.h"
#include "tensor_source.h"

/* A block of elements outside of the pickle, as a persistent id describes it. */
typedef struct torch_storage {
    pickle_text key;
    tensor_type type;          /* TENSOR_TYPES: untyped (the tensor tells its type), or of a type that is not read */
    int size;                  /* bytes of an element; 0: unknown */
    int64_t count;             /* elements in all */
    int64_t first, view_count; /* the part that is meant: all of it, except for views of the legacy form */
} torch_storage;

/* Where the elements of a storage, of the part that is meant, are in the file. */
typedef struct torch_place {
    int source;
    int64_t offset, bytes;
} torch_place;

/* False: it is not the id of a storage. */
bool tec_torch_storage_of(const pickle_value *persistent, torch_storage *storage);

typedef struct torch_tensor {
    torch_storage storage;
    tensor_type type;
    int64_t offset; /* in elements */
    int dims;
    int64_t dim[TEC_TENSOR_DIMS], stride[TEC_TENSOR_DIMS];
} torch_tensor;

typedef enum torch_meaning {
    TORCH_OTHER, /* not a tensor, or one of a kind that is not read: sparse, quantised */
    TORCH_TENSOR,
    TORCH_BAD_TENSOR /* its arguments are wrong */
} torch_meaning;

torch_meaning tec_torch_tensor_of(const pickle_value *value, torch_tensor *tensor);

/* The value inside a wrapper: the tensor of a Parameter, the tuple of a torch.Size. Any other value is itself. */
const pickle_value *tec_torch_unwrap(const pickle_value *value);

/* Finds the elements of a storage. TEC_USER_ERROR: they are missing, or fewer than the storage claims. */
typedef tec_status torch_locate(tec_tensor_file *file, void *context, const torch_storage *storage, torch_place *place);

/* Adds all tensors of a pickle to the file, under the keys that lead to them, and notes about everything else at its
 * top level. */
tec_status tec_torch_list(tec_tensor_file *file, const pickle_value *root, torch_locate *locate, void *context);

/* A value in a few words, with the number of tensors found in it: "300", "'vit_base'", "dict, 12 tensors",
 * "argparse.Namespace, not read". The caller frees it. */
char *tec_torch_describe(const pickle_value *value, int tensors);

#endif
