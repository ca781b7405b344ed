/* Module formats, public. Model files of the ecosystem, whatever their format, as a list of named tensors: safetensors
 * (also sharded, by its index), PyTorch's zip and legacy forms, NumPy's .npz, and our own HDF5 files.
 *
 * Nothing in a file is executed, and memory is never allocated for a size that a file claims before the claim has been
 * checked against the file's size. All functions are local. */
#ifndef TEC_TENSOR_FILE_H
#define TEC_TENSOR_FILE_H

#include "tec/error.h"
#include "tec/real.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEC_TENSOR_DIMS 8

typedef struct tec_tensor {
    const char *name;      /* the keys that lead to it, joined by dots: "model.blocks.0.norm1.weight" */
    const char *type_name; /* "float32", "bfloat16", "int64", ... */
    bool is_float;         /* float64, float32, float16 or bfloat16, which tec_tensor_file_read reads */
    int dims;
    int64_t dim[TEC_TENSOR_DIMS];
    int64_t count; /* product of dim; 1 if dims is 0 */
} tec_tensor;

/* What a file holds besides tensors: "epoch" "300", "args" "argparse.Namespace, not read", "__metadata__.format"
 * "pt". */
typedef struct tec_tensor_note {
    const char *name, *text;
} tec_tensor_note;

typedef struct tec_tensor_file tec_tensor_file;

/* Reads names, types and shapes in the order of the file; values stay in the file. The format is recognised by content,
 * not by file name. `path` may also be an index of shards (*.index.json) or a directory of a published model.
 * TEC_USER_ERROR: missing, of no known format (the message says what it is, if that can be recognised), damaged, or not
 * supported; the message names the file, the place and the remedy. */
tec_status tec_tensor_file_open(tec_tensor_file **out, const char *path);
void tec_tensor_file_close(tec_tensor_file *file); /* NULL is fine */

const char *tec_tensor_file_path(const tec_tensor_file *file);
const char *tec_tensor_file_format(const tec_tensor_file *file); /* "safetensors", "PyTorch (zip)", "tec checkpoint" */

int tec_tensor_file_count(const tec_tensor_file *file);
const tec_tensor *tec_tensor_file_get(const tec_tensor_file *file, int index); /* owned by the file */
int tec_tensor_file_find(const tec_tensor_file *file, const char *name);       /* its index; -1: none */

int tec_tensor_file_notes(const tec_tensor_file *file);
const tec_tensor_note *tec_tensor_file_note(const tec_tensor_file *file, int index);

/* Reads the values of a floating-point tensor, converted to real.
 *   out   [count]   row-major, whatever the strides in the file
 * Values that are not finite are read as they are. TEC_USER_ERROR: it is not a floating-point tensor, or the file is
 * damaged. */
tec_status tec_tensor_file_read(tec_tensor_file *file, int index, real *out);

#endif
