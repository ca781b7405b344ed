/* Module formats, private. What the parts of reading our HDF5 files as lists of tensors share:
 *   tensor_h5.c         opening the file, listing and reading /weights
 *   tensor_h5_notes.c   notes about the rest
 *   tensor_h5_types.c   element types */
#ifndef TEC_FORMATS_TENSOR_H5_H
#define TEC_FORMATS_TENSOR_H5_H

#include "tec/h5.h"
#include "tensor_source.h"

/* Adds as notes what the file holds besides /weights: attributes, strings, groups of further tensors. */
void tec_tensor_h5_add_notes(tec_tensor_file *file, hid_t root);

/* The type under which numbers of an HDF5 type are listed; TENSOR_TYPES: it is not such a type. */
tensor_type tec_tensor_h5_type(hid_t type);

/* The little-endian HDF5 type of a floating-point type. Close it with H5Tclose. */
hid_t tec_tensor_h5_memory_type(tensor_type type);

#endif
