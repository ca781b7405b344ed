/* What PyTorch's two forms share: which values of a pickle are tensors, and listing them. */
#ifndef TEC_IO_TORCH_PARTS_H
#define TEC_IO_TORCH_PARTS_H

#include "pickle.h"
#include "tensor_source.h"

/* A block of elements outside of the pickle, as a persistent id describes it. */
typedef struct torch_storage {
    pickle_text key;
    tensor_type type;          /* TENSOR_TYPES: of no type (then a tensor says it), or of one that is not read */
    int size;                  /* bytes of an element; 0: not known */
    int64_t count;             /* elements of the whole */
    int64_t first, view_count; /* the part of it that is meant: all, but for the views of the legacy form */
} torch_storage;

/* Where the elements of a storage (of its part) are. */
typedef struct torch_place {
    int source;
    int64_t offset, bytes;
} torch_place;

/* False: it is no storage's id. */
bool tec_torch_storage_of(const pickle_value *persistent, torch_storage *storage);

typedef struct torch_tensor {
    torch_storage storage;
    tensor_type type;
    int64_t offset; /* elements */
    int dims;
    int64_t dim[TEC_TENSOR_DIMS], stride[TEC_TENSOR_DIMS];
} torch_tensor;

typedef enum torch_meaning {
    TORCH_OTHER, /* no tensor, or one of a kind that is not read: sparse, quantised */
    TORCH_TENSOR,
    TORCH_BAD_TENSOR /* its arguments are not what they have to be */
} torch_meaning;

torch_meaning tec_torch_tensor_of(const pickle_value *value, torch_tensor *tensor);

/* What is meant by a value that stands for another: the tensor of a Parameter, the tuple of a torch.Size. */
const pickle_value *tec_torch_unwrap(const pickle_value *value);

/* Finds the elements of a storage; TEC_USER_ERROR: they are not there, or fewer than promised. */
typedef tec_status torch_locate(tec_tensor_file *file, void *context, const torch_storage *storage, torch_place *place);

/* Adds to the file all tensors of a pickle, under the keys that lead to them, and notes about all else at its top. */
tec_status tec_torch_list(tec_tensor_file *file, const pickle_value *root, torch_locate *locate, void *context);

/* What a value is, in a few words, and how many tensors were found in it: "300", "'vit_base'", "dict, 12 tensors",
 * "argparse.Namespace, not read". The caller frees it. */
char *tec_torch_describe(const pickle_value *value, int tensors);

#endif
