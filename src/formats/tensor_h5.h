/* Module formats, private. What the two halves of reading our HDF5 files as lists of tensors share. */
#ifndef TEC_FORMATS_TENSOR_H5_H
#define TEC_FORMATS_TENSOR_H5_H

#include "tec/h5.h"
#include "tensor_source.h"

/* The name of member `index` of a group, in the order of names; NULL: there are no more. The caller frees it. */
char *tec_tensor_h5_member(hid_t group, int index);

/* Adds as notes what the file holds besides /weights: attributes, strings, groups of further tensors. */
void tec_tensor_h5_add_notes(tec_tensor_file *file, hid_t root);

/* The type under which numbers of an HDF5 type are listed; TENSOR_TYPES: it is not such a type. */
tensor_type tec_tensor_h5_type(hid_t type);

#endif
